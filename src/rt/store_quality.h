// The records of peer quality as one SQLite file, `quality.db`: standing, bans, counters and
// history of each peer, so that a restart (or a kill −9) lifts no ban and forgets no name. Beside
// peers.db and not in it, since either may be damaged or deleted without the other.
//
// Works as store_peers.h does: writes are gathered, one a peer, and reach the disk in one
// transaction at most a second later, on the store's own thread. A record with a ban does not wait.
// Counters never go back: an upsert keeps the larger, and the earlier of two first sightings. A
// damaged file is moved aside, a file of a later schema refused (`unsupported`). Limits: 20,000
// peers, those that are not banned and were stored the longest ago forgotten first; 64 lines of
// history each; 4,096 changes waiting, beyond which new ones are dropped and counted.
// Beside them the highest seqno of each gossip author, so that what was heard before a restart is
// known to be old after it: 20,000 authors, those stored the longest ago forgotten first.
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "rt/quality_store.h"

namespace kith::rt {

inline constexpr int quality_schema_version = 1;

struct SqliteQualityStoreConfig {
  std::size_t peers_max = 20'000;
  std::size_t changes_max = 4096;
  std::size_t authors_max = 20'000;  // also of those that wait to be written
  Duration flush_after = 1s;
};

class SqliteQualityStore final : public QualityStore {
 public:
  static Result<std::unique_ptr<SqliteQualityStore>> open(const std::string& path, Log& log,
                                                          SqliteQualityStoreConfig config = {});
  /// Writes what waits, then closes.
  ~SqliteQualityStore() override;

  void load(Loaded loaded) override;
  void store(peer::StoredQuality quality) override;
  void forget(const PeerId& peer) override;
  void store_seqnos(std::vector<host::StoredSeqno> seqnos) override;
  /// Blocks until all that was stored before is on the disk.
  void flush();
  /// Changes that a full queue refused.
  std::uint64_t dropped() const;

 private:
  struct Inside;
  explicit SqliteQualityStore(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace kith::rt

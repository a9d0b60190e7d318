// The peer store as one SQLite file, `peers.db`: what a node remembers of others between runs.
// Writes are gathered, one a peer, and reach the disk in one transaction at most a second later,
// on the store's own thread; a crash loses that second and nothing else (WAL).
//
// A damaged file is moved aside as peers.db.damaged-TIME and a new one begun: addresses are worth
// less than a node that starts. A file of a later schema is refused (`unsupported`).
// Limits: 10,000 peers, the longest unseen forgotten first; 64 addresses and 64 KiB of signed
// record each; 4,096 changes waiting, beyond which new ones are dropped and counted.
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "rt/peer_store.h"

namespace kith::rt {

inline constexpr int peers_schema_version = 1;

struct SqlitePeerStoreConfig {
  std::size_t peers_max = 10'000;
  std::size_t changes_max = 4096;
  Duration flush_after = 1s;
};

class SqlitePeerStore final : public PeerStore {
 public:
  static Result<std::unique_ptr<SqlitePeerStore>> open(const std::string& path, Log& log,
                                                       SqlitePeerStoreConfig config = {});
  /// Writes what waits, then closes.
  ~SqlitePeerStore() override;

  void load(Loaded loaded) override;
  void store(host::StoredPeer peer) override;
  void forget(const PeerId& peer) override;
  /// Blocks until all that was stored before is on the disk.
  void flush();
  /// Changes that a full queue refused.
  std::uint64_t dropped() const;

 private:
  struct Inside;
  explicit SqlitePeerStore(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace kith::rt

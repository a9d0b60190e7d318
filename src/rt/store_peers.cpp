#include "rt/store_peers.h"

#include <map>
#include <optional>

#include "codec/peer_id.h"
#include "rt/store_thread.h"

namespace kith::rt {
namespace {

constexpr std::size_t peer_addresses_max = 64;
constexpr std::size_t signed_record_bytes_max = 64 * 1024;

// Addresses stand as text, one a line, so that `sqlite3 peers.db` shows them.
std::string addresses_text(const std::vector<codec::Multiaddr>& addresses) {
  std::string text;
  for (std::size_t i = 0; i < addresses.size() && i < peer_addresses_max; ++i) {
    text += addresses[i].to_string() + "\n";
  }
  return text;
}
std::vector<codec::Multiaddr> addresses_of(std::string_view text) {
  std::vector<codec::Multiaddr> addresses;
  while (!text.empty() && addresses.size() < peer_addresses_max) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (auto address = codec::Multiaddr::parse(text.substr(0, end))) {
      addresses.push_back(*std::move(address));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return addresses;
}

constexpr const char* schema_sql = R"sql(
  CREATE TABLE IF NOT EXISTS peers (
    peer_id      BLOB PRIMARY KEY NOT NULL,
    addresses    TEXT NOT NULL,
    record       BLOB NOT NULL,
    last_seen_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS peers_by_last_seen ON peers (last_seen_ms);
  PRAGMA user_version = 1;
)sql";
constexpr const char* upsert_sql =
    "INSERT INTO peers (peer_id, addresses, record, last_seen_ms) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (peer_id) DO UPDATE SET addresses = excluded.addresses, "
    "record = excluded.record, last_seen_ms = excluded.last_seen_ms";
constexpr const char* select_sql =
    "SELECT peer_id, addresses, record, last_seen_ms FROM peers "
    "ORDER BY last_seen_ms DESC, peer_id LIMIT ?";
constexpr const char* prune_sql =
    "DELETE FROM peers WHERE peer_id IN (SELECT peer_id FROM peers "
    "ORDER BY last_seen_ms DESC, peer_id LIMIT -1 OFFSET ?)";

/// Empty means forget.
using Change = std::optional<host::StoredPeer>;
using Batch = std::map<PeerId, Change>;
using Peers = std::vector<host::StoredPeer>;

DbResult write_peers(Database& db, const Batch& batch) {
  DbStatement upsert, remove;
  if (auto failed = db.prepare(upsert_sql, upsert)) return failed;
  if (auto failed = db.prepare("DELETE FROM peers WHERE peer_id = ?", remove)) return failed;
  for (const auto& [id, change] : batch) {
    if (!change) {
      remove.bind(1, id.bytes());
      if (auto failed = remove.run()) return failed;
      continue;
    }
    const bool fits = change->signed_record.size() <= signed_record_bytes_max;
    upsert.bind(1, id.bytes());
    upsert.bind(2, std::string_view(addresses_text(change->addresses)));
    upsert.bind(3, fits ? ByteView(change->signed_record) : ByteView());
    upsert.bind(4, change->last_seen.unix_ms);
    if (auto failed = upsert.run()) return failed;
  }
  return std::nullopt;
}

DbResult prune_peers(Database& db, std::size_t peers_max) {
  DbStatement prune;
  if (auto failed = db.prepare(prune_sql, prune)) return failed;
  prune.bind(1, static_cast<std::int64_t>(peers_max));
  return prune.run();
}

DbResult read_peers(Database& db, std::size_t peers_max, Peers& peers) {
  DbStatement select;
  if (auto failed = db.prepare(select_sql, select)) return failed;
  select.bind(1, static_cast<std::int64_t>(peers_max));
  DbResult failed;
  while (select.next(failed)) {
    const auto id = codec::peer_id_from_bytes(select.bytes(0));
    const ByteView record = select.bytes(2);
    if (!id || record.size() > signed_record_bytes_max) continue;
    peers.push_back(
        {*id, addresses_of(select.text(1)), base::to_bytes(record), WallTime{select.number(3)}});
  }
  return failed;
}

}  // namespace

struct SqlitePeerStore::Inside {
  Inside(const std::string& path, Log& log, const SqlitePeerStoreConfig& config)
      : changes_max(config.changes_max),
        thread({path, peers_schema_version, schema_sql, "peer store"},
               {config.changes_max, config.flush_after},
               {.write = write_peers,
                .prune = [max = config.peers_max](Database& db) { return prune_peers(db, max); },
                .read = [max = config.peers_max](Database& db,
                                                 Peers& all) { return read_peers(db, max, all); }},
               log) {}

  void change(const PeerId& peer, Change change) {
    thread.change([&](Batch& waiting) -> Thread::Outcome {
      if (waiting.size() >= changes_max && !waiting.contains(peer)) return {.dropped = 1};
      waiting.insert_or_assign(peer, std::move(change));
      return {};
    });
  }

  using Thread = StoreThread<Batch, Peers>;
  const std::size_t changes_max;
  Thread thread;
};

Result<std::unique_ptr<SqlitePeerStore>> SqlitePeerStore::open(const std::string& path, Log& log,
                                                               SqlitePeerStoreConfig config) {
  auto inside = std::make_unique<Inside>(path, log, config);
  TRY_VOID(inside->thread.start());
  return std::unique_ptr<SqlitePeerStore>(new SqlitePeerStore(std::move(inside)));
}

SqlitePeerStore::SqlitePeerStore(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
SqlitePeerStore::~SqlitePeerStore() = default;

void SqlitePeerStore::load(Loaded loaded) { inside_->thread.load(std::move(loaded)); }

void SqlitePeerStore::store(host::StoredPeer peer) {
  const PeerId id = peer.peer;
  inside_->change(id, std::move(peer));
}

void SqlitePeerStore::forget(const PeerId& peer) { inside_->change(peer, std::nullopt); }
void SqlitePeerStore::flush() { inside_->thread.flush(); }
std::uint64_t SqlitePeerStore::dropped() const { return inside_->thread.dropped(); }

}  // namespace kith::rt

#include "rt/store_peers.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "codec/peer_id.h"
#include "rt/store_sqlite.h"

namespace kith::rt {
namespace {

constexpr std::size_t peer_addresses_max = 64;
constexpr std::size_t signed_record_bytes_max = 64 * 1024;
constexpr std::string_view what_it_is = "peer store";
constexpr Duration complaint_interval = 10s;
/// Pruning sorts the whole table, so it is done once for so many new peers.
constexpr std::size_t stores_between_prunes = 1000;

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

}  // namespace

struct SqlitePeerStore::Inside {
  Inside(std::string file, Log& logger, SqlitePeerStoreConfig settings)
      : path(std::move(file)), log(logger), config(settings) {}

  void work();
  void write(const std::map<PeerId, Change>& batch);
  DbResult write_all(const std::map<PeerId, Change>& batch);
  DbResult read_all(std::vector<host::StoredPeer>& peers);
  void change(const PeerId& peer, Change change);

  const std::string path;
  Log& log;
  const SqlitePeerStoreConfig config;

  // The store's thread, once it runs.
  Database db;
  std::size_t stores_since_prune = stores_between_prunes;  // the first write prunes

  // Both, under the mutex.
  std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable flushed;
  std::map<PeerId, Change> changes;
  std::deque<Loaded> loads;
  std::chrono::steady_clock::time_point flush_at{};
  std::chrono::steady_clock::time_point next_complaint{};
  std::uint64_t asked = 0;  // flushes asked for, and done
  std::uint64_t done = 0;
  bool ending = false;
  std::atomic<std::uint64_t> dropped = 0;
  std::thread thread;
};

Result<std::unique_ptr<SqlitePeerStore>> SqlitePeerStore::open(const std::string& path, Log& log,
                                                               SqlitePeerStoreConfig config) {
  auto inside = std::make_unique<Inside>(path, log, config);
  TRY_VOID(inside->db.open_or_replace(path, peers_schema_version, schema_sql, what_it_is, log));
  return std::unique_ptr<SqlitePeerStore>(new SqlitePeerStore(std::move(inside)));
}

SqlitePeerStore::SqlitePeerStore(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {
  inside_->thread = std::thread([inside_of_thread = inside_.get()] { inside_of_thread->work(); });
}

SqlitePeerStore::~SqlitePeerStore() {
  {
    const std::lock_guard lock(inside_->mutex);
    inside_->ending = true;
  }
  inside_->changed.notify_all();
  inside_->thread.join();
}

// --- asking --------------------------------------------------------------------------------------

void SqlitePeerStore::load(Loaded loaded) {
  {
    const std::lock_guard lock(inside_->mutex);
    inside_->loads.push_back(std::move(loaded));
  }
  inside_->changed.notify_all();
}

void SqlitePeerStore::store(host::StoredPeer peer) {
  const PeerId id = peer.peer;
  inside_->change(id, std::move(peer));
}

void SqlitePeerStore::forget(const PeerId& peer) { inside_->change(peer, std::nullopt); }

std::uint64_t SqlitePeerStore::dropped() const { return inside_->dropped.load(); }

void SqlitePeerStore::flush() {
  std::unique_lock lock(inside_->mutex);
  const std::uint64_t ticket = ++inside_->asked;
  inside_->changed.notify_all();
  inside_->flushed.wait(lock, [&] { return inside_->done >= ticket; });
}

void SqlitePeerStore::Inside::change(const PeerId& peer, Change change) {
  bool complain = false;
  {
    const std::lock_guard lock(mutex);
    const auto now = std::chrono::steady_clock::now();
    const auto found = changes.find(peer);
    if (found != changes.end()) {
      found->second = std::move(change);
      return;
    }
    if (changes.size() < config.changes_max) {
      if (changes.empty()) flush_at = now + config.flush_after;
      changes.emplace(peer, std::move(change));
      // Half full: the writer need not wait for the second to pass.
      if (changes.size() * 2 >= config.changes_max) flush_at = now;
    } else {
      dropped.fetch_add(1);
      complain = now >= next_complaint;
      if (complain) next_complaint = now + complaint_interval;
    }
  }
  changed.notify_one();
  if (complain) {
    log.warn("store", "the disk is too slow for the peer store: {} changes wait, dropping more",
             config.changes_max);
  }
}

// --- the store's thread --------------------------------------------------------------------------

void SqlitePeerStore::Inside::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    const auto is_due = [this] {
      return ending || !loads.empty() || asked > done ||
             (!changes.empty() && std::chrono::steady_clock::now() >= flush_at);
    };
    while (!is_due()) {
      if (changes.empty()) {
        changed.wait(lock);
      } else {
        changed.wait_until(lock, flush_at);
      }
    }
    const bool last = ending;
    const std::uint64_t tickets = asked;
    const auto batch = std::exchange(changes, {});
    auto waiting = std::exchange(loads, {});
    if (last) waiting.clear();
    lock.unlock();
    if (!batch.empty()) write(batch);
    for (const Loaded& loaded : waiting) {
      std::vector<host::StoredPeer> peers;
      if (const auto failed = read_all(peers)) {
        log.error("store", "reading {}: {}", path, failed->message);
      }
      loaded(std::move(peers));
    }
    lock.lock();
    done = tickets;
    flushed.notify_all();
    if (last) return;
  }
}

void SqlitePeerStore::Inside::write(const std::map<PeerId, Change>& batch) {
  auto failed = write_all(batch);
  if (!failed) return;
  if (db.is_open()) db.execute("ROLLBACK");
  if (failed->is_damage()) {
    db.move_aside(path, what_it_is, failed->message, log);
    failed = write_all(batch);
  }
  if (failed) {
    log.error("store", "{} changes of {} are lost: {}", batch.size(), path, failed->message);
  }
}

DbResult SqlitePeerStore::Inside::write_all(const std::map<PeerId, Change>& batch) {
  if (!db.is_open()) {
    if (auto failed = db.open(path, peers_schema_version, schema_sql)) return failed;
  }
  DbStatement upsert, remove;
  if (auto failed = db.prepare(upsert_sql, upsert)) return failed;
  if (auto failed = db.prepare("DELETE FROM peers WHERE peer_id = ?", remove)) return failed;
  if (auto failed = db.execute("BEGIN IMMEDIATE")) return failed;
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
    ++stores_since_prune;
  }
  if (stores_since_prune >= stores_between_prunes) {
    stores_since_prune = 0;
    DbStatement prune;
    if (auto failed = db.prepare(prune_sql, prune)) return failed;
    prune.bind(1, static_cast<std::int64_t>(config.peers_max));
    if (auto failed = prune.run()) return failed;
  }
  return db.execute("COMMIT");
}

DbResult SqlitePeerStore::Inside::read_all(std::vector<host::StoredPeer>& peers) {
  if (!db.is_open()) return DbError{0, "not open"};
  DbStatement select;
  if (auto failed = db.prepare(select_sql, select)) return failed;
  select.bind(1, static_cast<std::int64_t>(config.peers_max));
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

}  // namespace kith::rt

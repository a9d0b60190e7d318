#include "rt/store_peers.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "codec/peer_id.h"
#include "rt/os.h"

namespace kith::rt {
namespace {

constexpr std::size_t peer_addresses_max = 64;
constexpr std::size_t signed_record_bytes_max = 64 * 1024;
constexpr int busy_timeout_ms = 2000;
constexpr Duration complaint_interval = 10s;
/// Pruning sorts the whole table, so it is done once for so many new peers.
constexpr std::size_t stores_between_prunes = 1000;

struct CloseDb {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct EndStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Db = std::unique_ptr<sqlite3, CloseDb>;
using Statement = std::unique_ptr<sqlite3_stmt, EndStatement>;

bool is_damage(int status) {
  const int primary = status & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_FORMAT;
}

/// A status of SQLite with its words.
struct DbError {
  int status = SQLITE_OK;
  std::string message;
};
using DbResult = std::optional<DbError>;  // empty: it went well

DbResult check(sqlite3* db, int status) {
  if (status == SQLITE_OK || status == SQLITE_DONE || status == SQLITE_ROW) return std::nullopt;
  return DbError{status, db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(status)};
}
DbResult execute(sqlite3* db, const char* sql) {
  return check(db, sqlite3_exec(db, sql, nullptr, nullptr, nullptr));
}
DbResult prepare(sqlite3* db, const char* sql, Statement& into) {
  sqlite3_stmt* raw = nullptr;
  const int status = sqlite3_prepare_v2(db, sql, -1, &raw, nullptr);
  into.reset(raw);
  return check(db, status);
}
DbResult step(sqlite3* db, sqlite3_stmt* statement) {
  auto failed = check(db, sqlite3_step(statement));
  sqlite3_reset(statement);
  return failed;
}

ByteView blob_at(sqlite3_stmt* row, int column) {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(row, column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(row, column))};
}
void bind(sqlite3_stmt* statement, int index, ByteView bytes) {
  // A null pointer would bind NULL, which the column refuses.
  static constexpr std::uint8_t nothing = 0;
  sqlite3_bind_blob(statement, index, bytes.empty() ? &nothing : bytes.data(),
                    static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
}

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

  Result<void> open_or_replace();
  DbResult open();
  void move_aside(const std::string& why);
  void work();
  void write(const std::map<PeerId, Change>& batch);
  DbResult write_all(const std::map<PeerId, Change>& batch);
  DbResult read_all(std::vector<host::StoredPeer>& peers);
  void change(const PeerId& peer, Change change);

  const std::string path;
  Log& log;
  const SqlitePeerStoreConfig config;

  // The store's thread, once it runs.
  Db db;
  bool too_new = false;
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

// --- opening -------------------------------------------------------------------------------------

DbResult SqlitePeerStore::Inside::open() {
  // SQLite would make it readable for all; who our peers are is nobody else's business.
  Fd(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int status = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Db opened(raw);
  if (auto failed = check(raw, status)) return failed;
  sqlite3_busy_timeout(raw, busy_timeout_ms);
  for (const char* sql : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL",
                          "PRAGMA trusted_schema = OFF"}) {
    if (auto failed = execute(raw, sql)) return failed;
  }
  Statement version;
  if (auto failed = prepare(raw, "PRAGMA user_version", version)) return failed;
  sqlite3_step(version.get());
  too_new = sqlite3_column_int(version.get(), 0) > peers_schema_version;
  if (too_new) {
    return DbError{SQLITE_ERROR,
                   "schema version " + std::to_string(sqlite3_column_int(version.get(), 0)) +
                       ", this program knows up to " + std::to_string(peers_schema_version)};
  }
  version.reset();
  Statement checked;
  if (auto failed = prepare(raw, "PRAGMA quick_check(1)", checked)) return failed;
  if (const int stepped = sqlite3_step(checked.get()); stepped != SQLITE_ROW) {
    return check(raw, stepped == SQLITE_DONE ? SQLITE_CORRUPT : stepped);
  }
  const std::string verdict(base::as_text(blob_at(checked.get(), 0)));
  if (verdict != "ok") return DbError{SQLITE_CORRUPT, verdict};
  checked.reset();
  if (auto failed = execute(raw, schema_sql)) return failed;
  db = std::move(opened);
  return std::nullopt;
}

Result<void> SqlitePeerStore::Inside::open_or_replace() {
  auto failed = open();
  if (failed && is_damage(failed->status)) {
    move_aside(failed->message);
    failed = open();
  }
  if (!failed) return {};
  return fail(too_new ? Code::unsupported : Code::io,
              "cannot open the peer store " + path + ": " + failed->message);
}

void SqlitePeerStore::Inside::move_aside(const std::string& why) {
  db.reset();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::string aside = path + ".damaged-" + std::to_string(ms);
  for (const char* part : {"", "-wal", "-shm"}) {
    if (::rename((path + part).c_str(), (aside + part).c_str()) != 0 && errno != ENOENT) {
      log.error("store", "cannot move {}{} aside: {}", path, part, errno_text(errno));
    }
  }
  log.error("store", "the peer store {} is damaged ({}); moved to {}, beginning a new one", path,
            why, aside);
}

Result<std::unique_ptr<SqlitePeerStore>> SqlitePeerStore::open(const std::string& path, Log& log,
                                                               SqlitePeerStoreConfig config) {
  auto inside = std::make_unique<Inside>(path, log, config);
  TRY_VOID(inside->open_or_replace());
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
  execute(db.get(), "ROLLBACK");
  if (is_damage(failed->status)) {
    move_aside(failed->message);
    failed = open();
    if (!failed) failed = write_all(batch);
  }
  if (failed) {
    log.error("store", "{} changes of {} are lost: {}", batch.size(), path, failed->message);
  }
}

DbResult SqlitePeerStore::Inside::write_all(const std::map<PeerId, Change>& batch) {
  if (db == nullptr) {
    if (auto failed = open()) return failed;
  }
  Statement upsert, remove;
  if (auto failed = prepare(db.get(), upsert_sql, upsert)) return failed;
  if (auto failed = prepare(db.get(), "DELETE FROM peers WHERE peer_id = ?", remove)) return failed;
  if (auto failed = execute(db.get(), "BEGIN IMMEDIATE")) return failed;
  for (const auto& [id, change] : batch) {
    if (!change) {
      bind(remove.get(), 1, id.bytes());
      if (auto failed = step(db.get(), remove.get())) return failed;
      continue;
    }
    const std::string addresses = addresses_text(change->addresses);
    const bool fits = change->signed_record.size() <= signed_record_bytes_max;
    bind(upsert.get(), 1, id.bytes());
    sqlite3_bind_text(upsert.get(), 2, addresses.c_str(), static_cast<int>(addresses.size()),
                      SQLITE_TRANSIENT);
    bind(upsert.get(), 3, fits ? ByteView(change->signed_record) : ByteView());
    sqlite3_bind_int64(upsert.get(), 4, change->last_seen.unix_ms);
    if (auto failed = step(db.get(), upsert.get())) return failed;
    ++stores_since_prune;
  }
  if (stores_since_prune >= stores_between_prunes) {
    stores_since_prune = 0;
    Statement prune;
    if (auto failed = prepare(db.get(), prune_sql, prune)) return failed;
    sqlite3_bind_int64(prune.get(), 1, static_cast<sqlite3_int64>(config.peers_max));
    if (auto failed = step(db.get(), prune.get())) return failed;
  }
  return execute(db.get(), "COMMIT");
}

DbResult SqlitePeerStore::Inside::read_all(std::vector<host::StoredPeer>& peers) {
  if (db == nullptr) return DbError{SQLITE_ERROR, "not open"};
  Statement select;
  if (auto failed = prepare(db.get(), select_sql, select)) return failed;
  sqlite3_bind_int64(select.get(), 1, static_cast<sqlite3_int64>(config.peers_max));
  int status = sqlite3_step(select.get());
  for (; status == SQLITE_ROW; status = sqlite3_step(select.get())) {
    const auto id = codec::peer_id_from_bytes(blob_at(select.get(), 0));
    const ByteView record = blob_at(select.get(), 2);
    if (!id || record.size() > signed_record_bytes_max) continue;
    peers.push_back({*id, addresses_of(base::as_text(blob_at(select.get(), 1))),
                     base::to_bytes(record), WallTime{sqlite3_column_int64(select.get(), 3)}});
  }
  return check(db.get(), status);
}

}  // namespace kith::rt

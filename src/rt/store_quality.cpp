#include "rt/store_quality.h"

#include <array>
#include <map>
#include <optional>

#include "codec/peer_id.h"
#include "rt/store_thread.h"

namespace kith::rt {
namespace {

constexpr std::size_t history_lines_max = 64;

// The counters' columns are in the order of PeerEventKind.
constexpr const char* schema_sql = R"sql(
  CREATE TABLE IF NOT EXISTS quality (
    peer_id           BLOB PRIMARY KEY NOT NULL,
    as_of_ms          INTEGER NOT NULL,
    credit            INTEGER NOT NULL,
    fault             INTEGER NOT NULL,
    liveness          INTEGER NOT NULL,
    is_warned         INTEGER NOT NULL,
    is_on_probation   INTEGER NOT NULL,
    ban_cause         TEXT,
    ban_until_ms      INTEGER,
    ban_reason        TEXT,
    first_seen_ms     INTEGER,
    last_seen_ms      INTEGER,
    connected_ms      INTEGER NOT NULL,
    useful            INTEGER NOT NULL,
    ignored           INTEGER NOT NULL,
    ambiguous         INTEGER NOT NULL,
    rejected          INTEGER NOT NULL,
    fatal             INTEGER NOT NULL,
    request_succeeded INTEGER NOT NULL,
    request_failed    INTEGER NOT NULL,
    probe_succeeded   INTEGER NOT NULL,
    probe_failed      INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS quality_history (
    peer_id   BLOB NOT NULL,
    line      INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    what      TEXT NOT NULL,
    subsystem TEXT NOT NULL,
    reason    TEXT NOT NULL,
    count     INTEGER NOT NULL,
    PRIMARY KEY (peer_id, line)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS gossip_seqnos (
    author   BLOB PRIMARY KEY NOT NULL,
    highest  BLOB NOT NULL,  -- 8 bytes, big-endian: as bytes they compare like numbers
    stored_s INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = 1;
)sql";
constexpr const char* upsert_sql = R"sql(
  INSERT INTO quality VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (peer_id) DO UPDATE SET
    as_of_ms = excluded.as_of_ms, credit = excluded.credit, fault = excluded.fault,
    liveness = excluded.liveness, is_warned = excluded.is_warned,
    is_on_probation = excluded.is_on_probation, ban_cause = excluded.ban_cause,
    ban_until_ms = excluded.ban_until_ms, ban_reason = excluded.ban_reason,
    first_seen_ms = MIN(COALESCE(first_seen_ms, excluded.first_seen_ms),
                        COALESCE(excluded.first_seen_ms, first_seen_ms)),
    last_seen_ms = COALESCE(excluded.last_seen_ms, last_seen_ms),
    connected_ms = MAX(connected_ms, excluded.connected_ms),
    useful = MAX(useful, excluded.useful), ignored = MAX(ignored, excluded.ignored),
    ambiguous = MAX(ambiguous, excluded.ambiguous), rejected = MAX(rejected, excluded.rejected),
    fatal = MAX(fatal, excluded.fatal),
    request_succeeded = MAX(request_succeeded, excluded.request_succeeded),
    request_failed = MAX(request_failed, excluded.request_failed),
    probe_succeeded = MAX(probe_succeeded, excluded.probe_succeeded),
    probe_failed = MAX(probe_failed, excluded.probe_failed)
)sql";
constexpr const char* select_sql =
    "SELECT * FROM quality ORDER BY ban_cause IS NULL, as_of_ms DESC, peer_id LIMIT ?";
constexpr const char* select_history_sql =
    "SELECT at_ms, what, subsystem, reason, count FROM quality_history WHERE peer_id = ? "
    "ORDER BY line LIMIT ?";
constexpr const char* prune_sql =
    "DELETE FROM quality WHERE peer_id IN (SELECT peer_id FROM quality "
    "ORDER BY ban_cause IS NULL, as_of_ms DESC, peer_id LIMIT -1 OFFSET ?)";
constexpr const char* prune_history_sql =
    "DELETE FROM quality_history WHERE peer_id NOT IN (SELECT peer_id FROM quality)";

constexpr const char* upsert_seqno_sql =
    "INSERT INTO gossip_seqnos VALUES (?, ?, unixepoch()) ON CONFLICT (author) DO UPDATE SET "
    "highest = MAX(highest, excluded.highest), stored_s = excluded.stored_s";
constexpr const char* select_seqnos_sql =
    "SELECT author, highest FROM gossip_seqnos ORDER BY stored_s DESC, author LIMIT ?";
constexpr const char* prune_seqnos_sql =
    "DELETE FROM gossip_seqnos WHERE author IN (SELECT author FROM gossip_seqnos "
    "ORDER BY stored_s DESC, author LIMIT -1 OFFSET ?)";

std::optional<std::int64_t> ms_of(const std::optional<WallTime>& time) {
  return time ? std::optional(time->unix_ms) : std::nullopt;
}
std::optional<WallTime> time_at(const DbStatement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return WallTime{row.number(column)};
}
std::int64_t as_number(std::uint64_t count) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(count, INT64_MAX));
}

void bind_quality(DbStatement& upsert, const peer::StoredQuality& quality) {
  upsert.bind(1, quality.peer.bytes());
  upsert.bind(2, quality.as_of.unix_ms);
  upsert.bind(3, quality.credit);
  upsert.bind(4, quality.fault);
  upsert.bind(5, quality.liveness);
  upsert.bind(6, std::int64_t{quality.is_warned});
  upsert.bind(7, std::int64_t{quality.is_on_probation});
  const auto& ban = quality.ban;
  upsert.bind(8, ban ? std::optional(peer::name_of(ban->cause)) : std::nullopt);
  upsert.bind(9, ban ? ms_of(ban->until) : std::nullopt);
  upsert.bind(10, ban ? std::optional(std::string_view(ban->reason)) : std::nullopt);
  upsert.bind(11, ms_of(quality.first_seen));
  upsert.bind(12, ms_of(quality.last_seen));
  upsert.bind(13, base::to_ms(quality.connected));
  for (std::size_t i = 0; i < quality.counts.size(); ++i) {
    upsert.bind(14 + static_cast<int>(i), as_number(quality.counts[i]));
  }
}

peer::StoredQuality quality_at(const DbStatement& row, const PeerId& id) {
  peer::StoredQuality quality;
  quality.peer = id;
  quality.as_of = WallTime{row.number(1)};
  quality.credit = row.number(2);
  quality.fault = row.number(3);
  quality.liveness = row.number(4);
  quality.is_warned = row.number(5) != 0;
  quality.is_on_probation = row.number(6) != 0;
  if (!row.is_null(7)) {
    // A cause of another version still bans: whoever wrote it meant it.
    quality.ban = peer::StoredBan{peer::ban_cause_of(row.text(7)).value_or(peer::BanCause::person),
                                  time_at(row, 8), peer::history_text(row.text(9))};
  }
  quality.first_seen = time_at(row, 10);
  quality.last_seen = time_at(row, 11);
  // A number that is no span of time must not overflow as nanoseconds.
  quality.connected = std::chrono::milliseconds(
      std::clamp<std::int64_t>(row.number(12), 0, base::to_ms(Duration::max()) - 1));
  for (std::size_t i = 0; i < quality.counts.size(); ++i) {
    quality.counts[i] =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, row.number(13 + static_cast<int>(i))));
  }
  return quality;
}

std::array<std::uint8_t, 8> big_endian(std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
  return bytes;
}
std::uint64_t number_of(ByteView bytes) {
  std::uint64_t number = 0;
  for (const std::uint8_t byte : bytes.first(std::min<std::size_t>(8, bytes.size()))) {
    number = number << 8 | byte;
  }
  return number;
}

/// Empty means forget.
using Change = std::optional<peer::StoredQuality>;
/// What is written in one transaction.
struct Batch {
  std::map<PeerId, Change> peers;
  std::map<PeerId, std::uint64_t> seqnos;
  std::size_t size() const { return peers.size() + seqnos.size(); }
};

DbResult write_seqnos(Database& db, const std::map<PeerId, std::uint64_t>& seqnos) {
  DbStatement upsert;
  if (auto failed = db.prepare(upsert_seqno_sql, upsert)) return failed;
  for (const auto& [author, highest] : seqnos) {
    upsert.bind(1, author.bytes());
    upsert.bind(2, ByteView(big_endian(highest)));
    if (auto failed = upsert.run()) return failed;
  }
  return std::nullopt;
}

DbResult write_peers(Database& db, const std::map<PeerId, Change>& peers) {
  DbStatement upsert, remove, clear, line;
  if (auto failed = db.prepare(upsert_sql, upsert)) return failed;
  if (auto failed = db.prepare("DELETE FROM quality WHERE peer_id = ?", remove)) return failed;
  if (auto failed = db.prepare("DELETE FROM quality_history WHERE peer_id = ?", clear)) {
    return failed;
  }
  if (auto failed = db.prepare("INSERT INTO quality_history VALUES (?, ?, ?, ?, ?, ?, ?)", line)) {
    return failed;
  }
  for (const auto& [id, change] : peers) {
    clear.bind(1, id.bytes());
    if (auto failed = clear.run()) return failed;
    if (!change) {
      remove.bind(1, id.bytes());
      if (auto failed = remove.run()) return failed;
      continue;
    }
    bind_quality(upsert, *change);
    if (auto failed = upsert.run()) return failed;
    for (std::size_t i = 0; i < change->history.size() && i < history_lines_max; ++i) {
      const peer::HistoryEntry& entry = change->history[i];
      line.bind(1, id.bytes());
      line.bind(2, static_cast<std::int64_t>(i));
      line.bind(3, entry.at.unix_ms);
      line.bind(4, std::string_view(entry.what));
      line.bind(5, std::string_view(entry.subsystem));
      line.bind(6, std::string_view(entry.reason));
      line.bind(7, as_number(entry.count));
      if (auto failed = line.run()) return failed;
    }
  }
  return std::nullopt;
}

DbResult prune(Database& db, const SqliteQualityStoreConfig& config) {
  DbStatement prune;
  if (auto failed = db.prepare(prune_sql, prune)) return failed;
  prune.bind(1, static_cast<std::int64_t>(config.peers_max));
  if (auto failed = prune.run()) return failed;
  if (auto failed = db.execute(prune_history_sql)) return failed;
  if (auto failed = db.prepare(prune_seqnos_sql, prune)) return failed;
  prune.bind(1, static_cast<std::int64_t>(config.authors_max));
  return prune.run();
}

DbResult read_seqnos(Database& db, std::size_t authors_max, std::vector<host::StoredSeqno>& all) {
  DbStatement select;
  if (auto failed = db.prepare(select_seqnos_sql, select)) return failed;
  select.bind(1, static_cast<std::int64_t>(authors_max));
  DbResult failed;
  while (select.next(failed)) {
    const auto author = codec::peer_id_from_bytes(select.bytes(0));
    if (author) all.push_back({*author, number_of(select.bytes(1))});
  }
  return failed;
}

DbResult read_peers(Database& db, std::size_t peers_max, std::vector<peer::StoredQuality>& all) {
  DbStatement select, history;
  if (auto failed = db.prepare(select_sql, select)) return failed;
  if (auto failed = db.prepare(select_history_sql, history)) return failed;
  select.bind(1, static_cast<std::int64_t>(peers_max));
  DbResult failed;
  while (select.next(failed)) {
    const auto id = codec::peer_id_from_bytes(select.bytes(0));
    if (id) all.push_back(quality_at(select, *id));
  }
  if (failed) return failed;
  for (peer::StoredQuality& quality : all) {
    history.bind(1, quality.peer.bytes());
    history.bind(2, static_cast<std::int64_t>(history_lines_max));
    while (history.next(failed)) {
      quality.history.push_back(
          {WallTime{history.number(0)}, peer::history_text(history.text(1)),
           peer::history_text(history.text(2)), peer::history_text(history.text(3)),
           static_cast<std::uint64_t>(std::max<std::int64_t>(0, history.number(4)))});
    }
    if (failed) return failed;
    history.reset();
  }
  return failed;
}

}  // namespace

struct SqliteQualityStore::Inside {
  Inside(const std::string& path, Log& log, const SqliteQualityStoreConfig& settings)
      : config(settings),
        thread({path, quality_schema_version, schema_sql, "quality store"},
               {config.changes_max, config.flush_after},
               {.write = [](Database& db, const Batch& batch) -> DbResult {
                  if (auto failed = write_peers(db, batch.peers)) return failed;
                  return write_seqnos(db, batch.seqnos);
                },
                .prune = [this](Database& db) { return prune(db, config); },
                .read = [this](Database& db, host::QualityLoaded& all) -> DbResult {
                  if (auto failed = read_peers(db, config.peers_max, all.peers)) return failed;
                  return read_seqnos(db, config.authors_max, all.seqnos);
                }},
               log) {}

  void change(const PeerId& peer, Change change) {
    thread.change([&](Batch& waiting) -> Thread::Outcome {
      if (waiting.peers.size() >= config.changes_max && !waiting.peers.contains(peer)) {
        return {.dropped = 1};
      }
      const bool is_ban = change && change->ban;
      waiting.peers.insert_or_assign(peer, std::move(change));
      return {.is_urgent = is_ban};
    });
  }

  void change(const std::vector<host::StoredSeqno>& seqnos) {
    thread.change([&](Batch& waiting) {
      Thread::Outcome outcome;
      for (const auto& each : seqnos) {
        const bool is_known = waiting.seqnos.contains(each.author);
        if (!is_known && waiting.seqnos.size() >= config.authors_max) {
          ++outcome.dropped;
          continue;
        }
        std::uint64_t& highest = waiting.seqnos[each.author];
        highest = std::max(highest, each.highest);
      }
      return outcome;
    });
  }

  using Thread = StoreThread<Batch, host::QualityLoaded>;
  const SqliteQualityStoreConfig config;
  Thread thread;
};

Result<std::unique_ptr<SqliteQualityStore>> SqliteQualityStore::open(
    const std::string& path, Log& log, SqliteQualityStoreConfig config) {
  auto inside = std::make_unique<Inside>(path, log, config);
  TRY_VOID(inside->thread.start());
  return std::unique_ptr<SqliteQualityStore>(new SqliteQualityStore(std::move(inside)));
}

SqliteQualityStore::SqliteQualityStore(std::unique_ptr<Inside> inside)
    : inside_(std::move(inside)) {}
SqliteQualityStore::~SqliteQualityStore() = default;

void SqliteQualityStore::load(Loaded loaded) { inside_->thread.load(std::move(loaded)); }

void SqliteQualityStore::store(peer::StoredQuality quality) {
  const PeerId id = quality.peer;
  inside_->change(id, std::move(quality));
}

void SqliteQualityStore::forget(const PeerId& peer) { inside_->change(peer, std::nullopt); }

void SqliteQualityStore::store_seqnos(std::vector<host::StoredSeqno> seqnos) {
  inside_->change(seqnos);
}

void SqliteQualityStore::flush() { inside_->thread.flush(); }
std::uint64_t SqliteQualityStore::dropped() const { return inside_->thread.dropped(); }

}  // namespace kith::rt

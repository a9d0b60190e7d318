#include "rt/store_sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>
#include <chrono>
#include <cstdio>

#include "rt/os.h"

namespace kith::rt {
namespace {

constexpr int busy_timeout_ms = 2000;

DbResult check(sqlite3* db, int status) {
  if (status == SQLITE_OK || status == SQLITE_DONE || status == SQLITE_ROW) return std::nullopt;
  return DbError{status, db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(status)};
}

}  // namespace

bool DbError::is_damage() const {
  const int primary = status & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_FORMAT;
}

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
void DbStatement::End::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

// --- opening -------------------------------------------------------------------------------------

DbResult Database::open(const std::string& path, int schema_version, const char* schema_sql) {
  // SQLite would make it readable for all; who our peers are is nobody else's business.
  Fd(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int status = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  db_.reset(raw);
  DbResult failed = check(raw, status);
  if (!failed) {
    sqlite3_busy_timeout(raw, busy_timeout_ms);
    for (const char* sql : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL",
                            "PRAGMA trusted_schema = OFF"}) {
      if (!failed) failed = execute(sql);
    }
  }
  DbStatement version;
  if (!failed) failed = prepare("PRAGMA user_version", version);
  if (!failed) {
    const std::int64_t found = version.next(failed) ? version.number(0) : 0;
    is_too_new_ = found > schema_version;
    if (is_too_new_) {
      failed =
          DbError{SQLITE_ERROR, "schema version " + std::to_string(found) +
                                    ", this program knows up to " + std::to_string(schema_version)};
    }
  }
  version = DbStatement();
  DbStatement checked;
  if (!failed) failed = prepare("PRAGMA quick_check(1)", checked);
  if (!failed) {
    const std::string verdict(checked.next(failed) ? checked.text(0) : "no answer");
    if (!failed && verdict != "ok") failed = DbError{SQLITE_CORRUPT, verdict};
  }
  checked = DbStatement();
  if (!failed) failed = execute(schema_sql);
  if (failed) db_.reset();
  return failed;
}

Result<void> Database::open_or_replace(const std::string& path, int schema_version,
                                       const char* schema_sql, std::string_view what, Log& log) {
  auto failed = open(path, schema_version, schema_sql);
  if (failed && failed->is_damage()) {
    move_aside(path, what, failed->message, log);
    failed = open(path, schema_version, schema_sql);
  }
  if (!failed) return {};
  return fail(is_too_new_ ? Code::unsupported : Code::io,
              "cannot open the " + std::string(what) + " " + path + ": " + failed->message);
}

void Database::move_aside(const std::string& path, std::string_view what, const std::string& why,
                          Log& log) {
  db_.reset();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::string aside = path + ".damaged-" + std::to_string(ms);
  for (const char* part : {"", "-wal", "-shm"}) {
    if (::rename((path + part).c_str(), (aside + part).c_str()) != 0 && errno != ENOENT) {
      log.error("store", "cannot move {}{} aside: {}", path, part, errno_text(errno));
    }
  }
  log.error("store", "the {} {} is damaged ({}); moved to {}, beginning a new one", what, path, why,
            aside);
}

DbResult Database::execute(const char* sql) {
  return check(db_.get(), sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr));
}

DbResult Database::prepare(const char* sql, DbStatement& into) {
  sqlite3_stmt* raw = nullptr;
  const int status = sqlite3_prepare_v2(db_.get(), sql, -1, &raw, nullptr);
  into.statement_.reset(raw);
  return check(db_.get(), status);
}

// --- statements ----------------------------------------------------------------------------------

void DbStatement::bind(int index, ByteView bytes) {
  // A null pointer would bind NULL, which the columns refuse.
  static constexpr std::uint8_t nothing = 0;
  sqlite3_bind_blob(statement_.get(), index, bytes.empty() ? &nothing : bytes.data(),
                    static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
}
void DbStatement::bind(int index, std::string_view text) {
  sqlite3_bind_text(statement_.get(), index, text.empty() ? "" : text.data(),
                    static_cast<int>(text.size()), SQLITE_TRANSIENT);
}
void DbStatement::bind(int index, std::int64_t number) {
  sqlite3_bind_int64(statement_.get(), index, number);
}
void DbStatement::bind(int index, std::optional<std::int64_t> number) {
  if (number) return bind(index, *number);
  sqlite3_bind_null(statement_.get(), index);
}
void DbStatement::bind(int index, std::optional<std::string_view> text) {
  if (text) return bind(index, *text);
  sqlite3_bind_null(statement_.get(), index);
}

DbResult DbStatement::run() {
  DbResult failed;
  while (next(failed)) {
  }
  reset();
  return failed;
}

bool DbStatement::next(DbResult& failed) {
  const int status = sqlite3_step(statement_.get());
  failed = check(sqlite3_db_handle(statement_.get()), status);
  return status == SQLITE_ROW;
}

void DbStatement::reset() { sqlite3_reset(statement_.get()); }

bool DbStatement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
std::int64_t DbStatement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
std::string_view DbStatement::text(int column) const { return base::as_text(bytes(column)); }
ByteView DbStatement::bytes(int column) const {
  const auto* data =
      static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

}  // namespace kith::rt

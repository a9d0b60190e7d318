// What the SQLite stores share: one database file, opened, checked, of a known schema, and prepared
// statements. For the stores of this folder alone; sqlite3.h stays inside store_*.cpp.
//
// One Database belongs to one thread at a time. WAL with synchronous NORMAL: what a transaction
// committed survives a kill −9; a power cut may lose the last ones, never the file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/log.h"

struct sqlite3;
struct sqlite3_stmt;

namespace kith::rt {

/// A status of SQLite with its words.
struct DbError {
  int status = 0;
  std::string message;
  /// The file is not a database any more.
  bool is_damage() const;
};
using DbResult = std::optional<DbError>;  // empty: it went well

class DbStatement {
 public:
  DbStatement() = default;
  // Parameters from 1; an empty optional is NULL.
  void bind(int index, ByteView bytes);
  void bind(int index, std::string_view text);
  void bind(int index, std::int64_t number);
  void bind(int index, std::optional<std::int64_t> number);
  void bind(int index, std::optional<std::string_view> text);
  /// Runs it to its end and makes it ready for the next time.
  DbResult run();
  /// The next row; false at the end. An error is the end too, and in `failed`.
  bool next(DbResult& failed);
  /// Ready to be bound and run again.
  void reset();

  // Columns from 0, of the row that next() gave; views until the next call.
  bool is_null(int column) const;
  std::int64_t number(int column) const;
  std::string_view text(int column) const;
  ByteView bytes(int column) const;

 private:
  friend class Database;
  struct End {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, End> statement_;
};

class Database {
 public:
  /// Opens or makes the file, readable for its owner alone, checks it, and runs `schema_sql`, which
  /// also sets user_version. A later version than `schema_version` is an error: see is_too_new().
  DbResult open(const std::string& path, int schema_version, const char* schema_sql);
  /// The same, and a damaged file is moved aside and a new one begun; `what` names it in the log.
  Result<void> open_or_replace(const std::string& path, int schema_version, const char* schema_sql,
                               std::string_view what, Log& log);
  void move_aside(const std::string& path, std::string_view what, const std::string& why, Log& log);

  bool is_open() const { return db_ != nullptr; }
  bool is_too_new() const { return is_too_new_; }
  DbResult execute(const char* sql);
  DbResult prepare(const char* sql, DbStatement& into);

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  std::unique_ptr<sqlite3, Close> db_;
  bool is_too_new_ = false;
};

}  // namespace kith::rt

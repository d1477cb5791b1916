// DuckDB, in memory only: the SQL engine of transforms, gates, features, spines and `wh sql`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace arrow {
class Schema;
class Table;
}  // namespace arrow

namespace weirhouse::platform {

struct SqlOptions {
  int threads = 2;
  std::int64_t memory_limit_mb = 512;
  std::string temp_folder{};  // spills; empty = none
  // No external access, no extensions, configuration locked: for any SQL a person or client wrote.
  bool locked = true;
};

class SqlSession;

// One in-memory database. Threads: Connect from any; a session belongs to one thread at a time.
// Time zone UTC, calendar Gregorian; timestamps with zone come out as arrow timestamp[us, UTC].
class SqlEngine {
 public:
  static Result<std::unique_ptr<SqlEngine>> Open(const SqlOptions& options);
  virtual ~SqlEngine() = default;
  // Cost: a few ms; microseconds where a session ended before whose queries all went well, and then
  // Register too costs that little for names and columns that it knew. Its rows went with it.
  virtual Result<std::unique_ptr<SqlSession>> Connect() = 0;
};

// Limits of a session's queries. Exceeding one is an error of the query (kUnavailable): WH7047
// time, WH7048 rows, WH7049 told to stop.
struct SqlBounds {
  std::chrono::milliseconds time{0};  // 0 = no limit
  std::int64_t result_bytes = 0;      // of the returned rows; 0 = no limit
  // Called on another thread every kSqlLookEvery while a query runs; returning true stops it. May
  // be empty.
  std::function<bool()> told_to_stop{};
};
inline constexpr std::chrono::milliseconds kSqlLookEvery{100};
inline constexpr Reason kSqlToldToStop{"WH7049"};
// The statement is sound and is not a query.
inline constexpr Reason kNotASelect{"WH2107"};

// A connection. Errors: kInvalidInput with DuckDB's message and, where it gives one, the position
// in the SQL as span.column (1-based byte offset; line 0).
class SqlSession {
 public:
  virtual ~SqlSession() = default;

  virtual Status Execute(std::string_view sql) = 0;
  // Runs one statement and returns all its rows. Types: integers as they are, DECIMAL as
  // decimal128, VARCHAR as utf8, TIMESTAMPTZ as timestamp[us, UTC], TIMESTAMP as timestamp[us],
  // HUGEINT as decimal128(38,0).
  virtual Result<std::shared_ptr<arrow::Table>> Query(std::string_view sql) = 0;
  // Sets the limits of later queries and returns the previous ones. The working memory of a query
  // is limited by SqlOptions.
  virtual SqlBounds SetBounds(SqlBounds bounds) = 0;

  // Makes `rows` readable under `name` ("records.arrival": the part before the dot becomes a
  // schema), replacing an earlier registration. Zero copy; keeps `rows` alive until replaced,
  // unregistered or the session ends. Names are private to the session. Cost, whatever the size:
  // about 0.3 ms for a new name or other columns, microseconds for new rows of the same columns.
  virtual Status Register(const std::string& name, std::shared_ptr<arrow::Table> rows) = 0;
  virtual Status Unregister(const std::string& name) = 0;

  // The syntax tree of `sql` as JSON (DuckDB's json_serialize_sql, with query_location), and back.
  // kInvalidInput (kNotASelect) for a statement that has none: INSERT, CREATE, SET …
  virtual Result<std::string> ParseToJson(std::string_view sql) = 0;
  virtual Result<std::string> JsonToSql(std::string_view json) = 0;

  // The names and types of the columns that `sql` would return, without running it.
  virtual Result<std::shared_ptr<arrow::Schema>> Describe(std::string_view sql) = 0;
};

// DuckDB's version text, part of the engine digest.
std::string SqlEngineVersion();
}  // namespace weirhouse::platform

// A DuckDB table function that reads Arrow tables in place.
//
// DuckDB's own duckdb_arrow_scan takes a stream that can be read once; this one can be scanned any
// number of times, by several threads, and reads only the columns a query names.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/sql/duck_handle.h"

namespace arrow {
class Schema;
class Table;
}  // namespace arrow

namespace weirhouse::platform {

// An Arrow table with its DuckDB types. Immutable; a running query keeps a reference to it.
struct RegisteredTable {
  std::shared_ptr<arrow::Table> rows;
  std::shared_ptr<const std::vector<DuckType>> types;  // of rows' columns
  duckdb_connection connection = nullptr;              // whose settings conversions follow
};

// Determines the DuckDB types of `rows`. kInvalidInput (WH7039) for types that DuckDB does not
// know.
Result<std::shared_ptr<const RegisteredTable>> MakeRegisteredTable(
    duckdb_connection connection, std::shared_ptr<arrow::Table> rows);

// The tables of every session of one engine. Threads: any.
class ArrowTables {
 public:
  void Put(std::int64_t session, const std::string& name,
           std::shared_ptr<const RegisteredTable> table);
  std::shared_ptr<const RegisteredTable> Find(std::int64_t session, const std::string& name) const;
  void Remove(std::int64_t session, const std::string& name);
  void RemoveSession(std::int64_t session);

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::int64_t, std::string>, std::shared_ptr<const RegisteredTable>> tables_;
};

// Adds `wh_arrow_scan(session BIGINT, name VARCHAR)` to the database of `connection`.
Status AddArrowScan(duckdb_connection connection, std::shared_ptr<ArrowTables> tables);
}  // namespace weirhouse::platform

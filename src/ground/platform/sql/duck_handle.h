// DuckDB's C handles, each closed once.
#pragma once

#include <duckdb.h>

#include <utility>

namespace weirhouse::platform {

// Owns a handle whose close function takes a pointer to it, as all of DuckDB's do.
template <typename T, void (*Close)(T*)>
class DuckHandle {
 public:
  DuckHandle() = default;
  explicit DuckHandle(T handle) : handle_(handle) {}
  DuckHandle(DuckHandle&& other) noexcept : handle_(std::exchange(other.handle_, T{})) {}
  DuckHandle& operator=(DuckHandle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~DuckHandle() { Close(&handle_); }

  T get() const { return handle_; }
  // For functions that fill a handle.
  T* out() { return &handle_; }

 private:
  T handle_{};
};
using DuckDatabase = DuckHandle<duckdb_database, duckdb_close>;
using DuckConnection = DuckHandle<duckdb_connection, duckdb_disconnect>;
using DuckStatements = DuckHandle<duckdb_extracted_statements, duckdb_destroy_extracted>;
using DuckPrepared = DuckHandle<duckdb_prepared_statement, duckdb_destroy_prepare>;
using DuckPending = DuckHandle<duckdb_pending_result, duckdb_destroy_pending>;
using DuckResult = DuckHandle<duckdb_result, duckdb_destroy_result>;
using DuckChunk = DuckHandle<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using DuckType = DuckHandle<duckdb_logical_type, duckdb_destroy_logical_type>;
using DuckValue = DuckHandle<duckdb_value, duckdb_destroy_value>;
using DuckError = DuckHandle<duckdb_error_data, duckdb_destroy_error_data>;
using DuckArrowOptions = DuckHandle<duckdb_arrow_options, duckdb_destroy_arrow_options>;
using DuckArrowTypes =
    DuckHandle<duckdb_arrow_converted_schema, duckdb_destroy_arrow_converted_schema>;
using DuckTableFunction = DuckHandle<duckdb_table_function, duckdb_destroy_table_function>;
}  // namespace weirhouse::platform

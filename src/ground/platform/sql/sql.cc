#include "ground/platform/sql/sql.h"

#include <arrow/api.h>
#include <arrow/c/abi.h>
#include <arrow/c/bridge.h>
#include <arrow/compute/cast.h>
#include <arrow/util/byte_size.h>
#include <fmt/format.h>

#include <atomic>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "ground/base/ascii.h"
#include "ground/base/name.h"
#include "ground/base/resource/memory_reserve.h"
#include "ground/base/text.h"
#include "ground/platform/sql/arrow_scan.h"
#include "ground/platform/sql/duck_handle.h"
#include "ground/platform/sql/query_watch.h"
#include "ground/platform/sql/sql_error.h"

namespace weirhouse::platform {
namespace {
Status ArrowRefused(const arrow::Status& status) {
  return Status(Code::kInternal, "could not read the rows of a query: " + status.message())
      .WithError("WH7038");
}

Status ErrorOf(const DuckError& error) {
  if (error.get() == nullptr || !duckdb_error_data_has_error(error.get())) return Status::Ok();
  return DuckErrorToStatus(duckdb_error_data_message(error.get()), "");
}

// The C interface ends SQL at a NUL: what follows would silently not be run.
Result<std::string> WithoutNul(std::string_view sql) {
  const auto nul = sql.find('\0');
  if (nul == std::string_view::npos) return std::string(sql);
  SourceSpan span;
  span.column = static_cast<int>(nul) + 1;
  return Status(Code::kInvalidInput, "SQL was refused: it contains a NUL character")
      .WithError("WH7035")
      .WithSpan(std::move(span));
}

std::string_view TextOf(const char* text) { return text == nullptr ? "" : text; }

// The type in which an unsupported SQL type is returned: plain text for enumerations, µs for times.
std::shared_ptr<arrow::DataType> OutputType(const std::shared_ptr<arrow::DataType>& type) {
  switch (type->id()) {
    case arrow::Type::DICTIONARY:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
      return arrow::utf8();
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW:
      return arrow::binary();
    case arrow::Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(*type);
      if (!timestamp.timezone().empty()) return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
      // Nanoseconds stay: µs would lose digits.
      if (timestamp.unit() == arrow::TimeUnit::NANO) return type;
      return arrow::timestamp(arrow::TimeUnit::MICRO);
    }
    default:
      return type;
  }
}

Result<std::shared_ptr<arrow::Table>> WithOutputTypes(std::shared_ptr<arrow::Table> table) {
  for (int i = 0; i < table->num_columns(); ++i) {
    const auto field = table->schema()->field(i);
    const auto type = OutputType(field->type());
    if (type->Equals(*field->type())) continue;
    auto cast = arrow::compute::Cast(arrow::Datum(table->column(i)), type);
    if (!cast.ok()) return ArrowRefused(cast.status());
    auto changed = table->SetColumn(i, field->WithType(type), cast->chunked_array());
    if (!changed.ok()) return ArrowRefused(changed.status());
    table = *std::move(changed);
  }
  return table;
}

Result<std::shared_ptr<arrow::Schema>> ArrowSchemaOf(duckdb_arrow_options options,
                                                     const std::vector<DuckType>& types,
                                                     const std::vector<std::string>& names) {
  std::vector<duckdb_logical_type> raw_types;
  std::vector<const char*> raw_names;
  for (const DuckType& type : types) raw_types.push_back(type.get());
  for (const std::string& name : names) raw_names.push_back(name.c_str());
  ArrowSchema exported{};
  const DuckError error(duckdb_to_arrow_schema(options, raw_types.data(), raw_names.data(),
                                               raw_types.size(), &exported));
  WEIRHOUSE_TRY_STATUS(ErrorOf(error));
  auto schema = arrow::ImportSchema(&exported);
  if (!schema.ok()) return ArrowRefused(schema.status());
  return *std::move(schema);
}

// All rows of a result, each column in one piece.
// With `bytes_max` not 0: kUnavailable beyond so many.
Result<std::shared_ptr<arrow::Table>> TakeRows(DuckResult* result, std::string_view sql,
                                               std::int64_t bytes_max) {
  const DuckArrowOptions options(duckdb_result_get_arrow_options(result->out()));
  std::vector<DuckType> types;
  std::vector<std::string> names;
  for (idx_t i = 0; i < duckdb_column_count(result->out()); ++i) {
    types.emplace_back(duckdb_column_logical_type(result->out(), i));
    names.emplace_back(TextOf(duckdb_column_name(result->out(), i)));
  }
  WEIRHOUSE_TRY(const auto schema, ArrowSchemaOf(options.get(), types, names));
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  std::int64_t bytes = 0;
  while (true) {
    const DuckChunk chunk(duckdb_fetch_chunk(*result->out()));
    if (chunk.get() == nullptr) break;
    ArrowArray exported{};
    const DuckError error(duckdb_data_chunk_to_arrow(options.get(), chunk.get(), &exported));
    WEIRHOUSE_TRY_STATUS(ErrorOf(error));
    auto batch = arrow::ImportRecordBatch(&exported, schema);
    if (!batch.ok()) return ArrowRefused(batch.status());
    batches.push_back(*std::move(batch));
    if (bytes_max == 0) continue;
    bytes += arrow::util::TotalBufferSize(*batches.back());
    if (bytes > bytes_max) {
      return Status(
                 Code::kUnavailable,
                 fmt::format("SQL was stopped: its result is larger than {} MiB", bytes_max >> 20))
          .WithError("WH7048")
          .WithHint("return fewer rows or columns");
    }
  }
  if (const char* error = duckdb_result_error(result->out()); error != nullptr) {
    return DuckErrorToStatus(error, sql);
  }
  auto table = arrow::Table::FromRecordBatches(schema, batches);
  if (!table.ok()) return ArrowRefused(table.status());
  WEIRHOUSE_TRY(auto plain, WithOutputTypes(*std::move(table)));
  auto combined = plain->CombineChunks();
  if (!combined.ok()) return ArrowRefused(combined.status());
  return *std::move(combined);
}

// A view of rows that were registered. It reads whatever is under its name; nothing is while the
// rows are unregistered.
struct RowsView {
  std::string name;
  RegisteredTable empty;  // no rows, the columns of the view
};

// A connection with a catalog of its own, so that sessions may register the same names. Besides
// views of rows nothing is in it.
struct SessionCatalog {
  DuckConnection connection;
  std::int64_t id = 0;
  std::set<std::string> schemas{};          // quoted; those made here
  std::map<std::string, RowsView> views{};  // by the name in lower case, as the engine takes it
};

// Catalogs of sessions that ended, for those that begin: to make one and the views in it costs a
// few ms, and most sessions of a process register rows of the same columns. Threads: any.
class IdleCatalogs {
 public:
  std::unique_ptr<SessionCatalog> Take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    std::unique_ptr<SessionCatalog> taken = std::move(idle_.back());
    idle_.pop_back();
    return taken;
  }
  // Whether there was room for it.
  bool Keep(std::unique_ptr<SessionCatalog>& catalog) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() >= kIdleMax || catalog->views.size() > kViewsMax) return false;
    idle_.push_back(std::move(catalog));
    return true;
  }

 private:
  static constexpr std::size_t kIdleMax = 4;
  static constexpr std::size_t kViewsMax = 256;
  std::mutex mutex_;
  std::vector<std::unique_ptr<SessionCatalog>> idle_;
};

class DuckSession : public SqlSession {
 public:
  DuckSession(std::unique_ptr<SessionCatalog> catalog, std::shared_ptr<ArrowTables> tables,
              std::weak_ptr<IdleCatalogs> idle)
      : catalog_(std::move(catalog)), tables_(std::move(tables)), idle_(std::move(idle)) {}
  ~DuckSession() override {
    tables_->RemoveSession(catalog_->id);
    const std::shared_ptr<IdleCatalogs> idle = idle_.lock();
    if (is_plain_ && idle != nullptr && idle->Keep(catalog_)) return;
    const UseMemoryReserve reserve;
    Do(fmt::format("USE memory; DETACH {}", catalog_name()))
        .Ignore("the catalog of a session is empty but for views, and dies with the engine");
  }

  // Of a connection that is new.
  Status Enter() { return Do(fmt::format("ATTACH ':memory:' AS {0}; USE {0}", catalog_name())); }

  Status Execute(std::string_view sql) override {
    is_plain_ = false;
    return Do(sql);
  }

  Result<std::shared_ptr<arrow::Table>> Query(std::string_view sql) override {
    auto rows = WatchedQuery(sql);
    if (!rows.ok()) is_plain_ = false;  // who knows what an error or an interrupt leaves behind
    return rows;
  }

  SqlBounds SetBounds(SqlBounds bounds) override {
    return std::exchange(bounds_, std::move(bounds));
  }

  Status Register(const std::string& name, std::shared_ptr<arrow::Table> rows) override {
    const std::string known_as = LowerCase(name);
    const auto view = catalog_->views.find(known_as);
    if (view != catalog_->views.end() && view->second.name == name &&
        view->second.empty.rows->schema()->Equals(*rows->schema(), false)) {
      // The view exists and reads the table registered under its name: only the rows change.
      auto replaced = std::make_shared<RegisteredTable>(view->second.empty);
      replaced->rows = std::move(rows);
      tables_->Put(catalog_->id, name, std::move(replaced));
      return Status::Ok();
    }
    WEIRHOUSE_TRY(auto table, MakeRegisteredTable(connection(), std::move(rows)));
    RegisteredTable empty = *table;
    auto none = arrow::Table::MakeEmpty(table->rows->schema());
    if (!none.ok()) return ArrowRefused(none.status());
    empty.rows = *std::move(none);
    catalog_->views.erase(known_as);
    tables_->Put(catalog_->id, name, std::move(table));
    std::string sql;
    if (const TableNameView parts(name); parts.has_namespace()) {
      const std::string schema = QuoteIdentifier(parts.name_space());
      if (catalog_->schemas.insert(schema).second)
        sql = fmt::format("CREATE SCHEMA IF NOT EXISTS {};", schema);
    }
    sql += fmt::format("CREATE OR REPLACE VIEW {} AS FROM system.main.wh_arrow_scan({}, {})",
                       Identifier(name), catalog_->id, QuoteLiteral(name));
    Status status = Do(sql);
    if (!status.ok()) {
      tables_->Remove(catalog_->id, name);
      return status;
    }
    catalog_->views.emplace(known_as, RowsView{name, std::move(empty)});
    return status;
  }

  // The view stays: whoever reads it is told that there are no rows.
  Status Unregister(const std::string& name) override {
    tables_->Remove(catalog_->id, name);
    return Status::Ok();
  }

  Result<std::string> ParseToJson(std::string_view sql) override {
    WEIRHOUSE_TRY(std::string json,
                  TextFrom(fmt::format("SELECT json_serialize_sql({})", QuoteLiteral(sql))));
    const auto tree = nlohmann::json::parse(json, nullptr, false);
    if (!tree.is_object()) {
      return NoSyntaxTree(sql);
    }
    if (!tree.value("error", false)) return json;
    constexpr std::string_view kDuckDbSaysNoSelect = "Only SELECT statements can be serialized";
    if (tree.value("error_message", "").starts_with(kDuckDbSaysNoSelect)) {
      return Status(Code::kInvalidInput, "tables can only be read here, with one SELECT")
          .WithError(kNotASelect);
    }
    // The same form as an error of a query, so that both become the same status.
    const nlohmann::json error = {{"exception_type", tree.value("error_type", "")},
                                  {"exception_message", tree.value("error_message", "")},
                                  {"position", tree.value("position", "")}};
    return DuckErrorToStatus(error.dump(), sql);
  }

  Result<std::string> JsonToSql(std::string_view json) override {
    return TextFrom(fmt::format("SELECT json_deserialize_sql({})", QuoteLiteral(json)));
  }

  Result<std::shared_ptr<arrow::Schema>> Describe(std::string_view sql) override {
    WEIRHOUSE_TRY(const DuckPrepared prepared, Prepare(sql));
    std::vector<DuckType> types;
    std::vector<std::string> names;
    for (idx_t i = 0; i < duckdb_prepared_statement_column_count(prepared.get()); ++i) {
      types.emplace_back(duckdb_prepared_statement_column_logical_type(prepared.get(), i));
      const char* name = duckdb_prepared_statement_column_name(prepared.get(), i);
      names.emplace_back(TextOf(name));
      duckdb_free(const_cast<char*>(name));
    }
    DuckArrowOptions options;
    duckdb_connection_get_arrow_options(connection(), options.out());
    WEIRHOUSE_TRY(const auto schema, ArrowSchemaOf(options.get(), types, names));
    arrow::FieldVector fields;
    for (const auto& field : schema->fields()) {
      fields.push_back(field->WithType(OutputType(field->type())));
    }
    return arrow::schema(std::move(fields));
  }

 private:
  duckdb_connection connection() const { return catalog_->connection.get(); }
  std::string catalog_name() const { return fmt::format("session_{}", catalog_->id); }

  Status Do(std::string_view sql) {
    WEIRHOUSE_TRY(const std::string text, WithoutNul(sql));
    DuckResult result;
    if (duckdb_query(connection(), text.c_str(), result.out()) != DuckDBSuccess) {
      is_plain_ = false;
      return DuckErrorToStatus(TextOf(duckdb_result_error(result.out())), sql);
    }
    return Status::Ok();
  }

  Result<std::shared_ptr<arrow::Table>> WatchedQuery(std::string_view sql) {
    WEIRHOUSE_TRY(const DuckPrepared prepared, Prepare(sql));
    QueryWatch watch(connection(), bounds_);
    WEIRHOUSE_TRY_STATUS(watch.unwatched());
    auto rows = Run(prepared, sql);
    WEIRHOUSE_TRY_STATUS(rows.ok() ? Status() : watch.Finish());
    return rows;
  }

  static std::string Identifier(const std::string& name) {
    const TableNameView parts(name);
    if (!parts.has_namespace()) return QuoteIdentifier(name);
    return QuoteIdentifier(parts.name_space()) + "." + QuoteIdentifier(parts.own());
  }

  // A bounded result is streamed: materialised at once it would not count as the engine's memory.
  Result<std::shared_ptr<arrow::Table>> Run(const DuckPrepared& prepared, std::string_view sql) {
    DuckResult result;
    DuckPending pending;
    bool good = false;
    if (bounds_.result_bytes == 0) {
      good = duckdb_execute_prepared(prepared.get(), result.out()) == DuckDBSuccess;
    } else if (duckdb_pending_prepared_streaming(prepared.get(), pending.out()) == DuckDBSuccess) {
      good = duckdb_execute_pending(pending.get(), result.out()) == DuckDBSuccess;
    } else {
      return DuckErrorToStatus(TextOf(duckdb_pending_error(pending.get())), sql);
    }
    if (!good) return DuckErrorToStatus(TextOf(duckdb_result_error(result.out())), sql);
    return TakeRows(&result, sql, bounds_.result_bytes);
  }

  // One statement, checked against the tables there are.
  Result<DuckPrepared> Prepare(std::string_view sql) {
    WEIRHOUSE_TRY(const std::string text, WithoutNul(sql));
    DuckStatements statements;
    const idx_t count = duckdb_extract_statements(connection(), text.c_str(), statements.out());
    if (const char* error = duckdb_extract_statements_error(statements.get()); error != nullptr) {
      return DuckErrorToStatus(error, sql);
    }
    if (count != 1) {
      return Status(Code::kInvalidInput, fmt::format("SQL must be one statement, found {}", count))
          .WithError("WH7035");
    }
    DuckPrepared prepared;
    if (duckdb_prepare_extracted_statement(connection(), statements.get(), 0, prepared.out()) !=
        DuckDBSuccess) {
      return DuckErrorToStatus(TextOf(duckdb_prepare_error(prepared.get())), sql);
    }
    return prepared;
  }

  // The one text that a query of one row and column gives.
  Result<std::string> TextFrom(const std::string& sql) {
    WEIRHOUSE_TRY(const auto table, Query(sql));
    if (table->num_columns() != 1 || table->num_rows() != 1 ||
        table->column(0)->type()->id() != arrow::Type::STRING ||
        table->column(0)->null_count() > 0) {
      return Status(Code::kInternal, "the SQL engine returned no text").WithError("WH7038");
    }
    return static_cast<const arrow::StringArray&>(*table->column(0)->chunk(0)).GetString(0);
  }

  std::unique_ptr<SessionCatalog> catalog_;
  std::shared_ptr<ArrowTables> tables_;
  std::weak_ptr<IdleCatalogs> idle_;
  SqlBounds bounds_;
  bool is_plain_ = true;  // nothing but queries that went well, and views of rows
};

class DuckEngine : public SqlEngine {
 public:
  DuckEngine(DuckDatabase database, std::shared_ptr<ArrowTables> tables)
      : database_(std::move(database)), tables_(std::move(tables)) {}

  Result<std::unique_ptr<SqlSession>> Connect() override {
    if (auto catalog = idle_->Take(); catalog != nullptr)
      return std::unique_ptr<SqlSession>(
          std::make_unique<DuckSession>(std::move(catalog), tables_, idle_));
    auto catalog = std::make_unique<SessionCatalog>();
    if (duckdb_connect(database_.get(), catalog->connection.out()) != DuckDBSuccess) {
      return Status(Code::kUnavailable, "could not open a session of the SQL engine")
          .WithError("WH7037");
    }
    catalog->id = ++sessions_;
    auto session = std::make_unique<DuckSession>(std::move(catalog), tables_, idle_);
    WEIRHOUSE_TRY_STATUS(session->Enter());
    return std::unique_ptr<SqlSession>(std::move(session));
  }

 private:
  DuckDatabase database_;
  std::shared_ptr<ArrowTables> tables_;
  std::atomic<std::int64_t> sessions_{0};
  std::shared_ptr<IdleCatalogs> idle_ = std::make_shared<IdleCatalogs>();  // ends before the engine
};

std::string SettingsOf(const SqlOptions& options) {
  std::string sql = fmt::format(
      "SET GLOBAL errors_as_json=true; SET GLOBAL threads={}; SET GLOBAL memory_limit='{}MiB';"
      "SET GLOBAL temp_directory={};"
      "SET GLOBAL TimeZone='UTC'; SET GLOBAL Calendar='gregorian';"
      "SET GLOBAL preserve_insertion_order=true; SET GLOBAL default_collation='';"
      "SET GLOBAL default_order='ASC'; SET GLOBAL default_null_order='NULLS_LAST';"
      "SET GLOBAL scalar_subquery_error_on_multiple_rows=true;"
      "SET GLOBAL produce_arrow_string_view=false; SET GLOBAL arrow_large_buffer_size=false;",
      options.threads, options.memory_limit_mb, QuoteLiteral(options.temp_folder));
  if (options.locked) {
    sql +=
        "SET GLOBAL autoinstall_known_extensions=false; SET GLOBAL autoload_known_extensions=false;"
        "SET GLOBAL enable_external_access=false; SET GLOBAL lock_configuration=true;";
  }
  return sql;
}
}  // namespace

Result<std::unique_ptr<SqlEngine>> SqlEngine::Open(const SqlOptions& options) {
  if (options.threads < 1 || options.memory_limit_mb < 1) {
    return Status(Code::kInvalidInput,
                  "could not open the SQL engine: it needs at least one thread and 1 MiB")
        .WithError("WH7037");
  }
  DuckDatabase database;
  if (duckdb_open(":memory:", database.out()) != DuckDBSuccess) {
    return Status(Code::kUnavailable, "could not open the SQL engine").WithError("WH7037");
  }
  DuckConnection connection;
  if (duckdb_connect(database.get(), connection.out()) != DuckDBSuccess) {
    return Status(Code::kUnavailable, "could not open the SQL engine").WithError("WH7037");
  }
  auto tables = std::make_shared<ArrowTables>();
  WEIRHOUSE_TRY_STATUS(AddArrowScan(connection.get(), tables));
  const std::string settings = SettingsOf(options);
  DuckResult result;
  if (duckdb_query(connection.get(), settings.c_str(), result.out()) != DuckDBSuccess) {
    return DuckErrorToStatus(TextOf(duckdb_result_error(result.out())), settings);
  }
  return std::unique_ptr<SqlEngine>(
      std::make_unique<DuckEngine>(std::move(database), std::move(tables)));
}

std::string SqlEngineVersion() { return duckdb_library_version(); }
}  // namespace weirhouse::platform

#include "ground/platform/sql/arrow_scan.h"

#include <arrow/api.h>
#include <arrow/c/abi.h>
#include <arrow/c/bridge.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "ground/platform/columnar/row_store.h"
#include "ground/platform/sql/sql_error.h"

namespace weirhouse::platform {
namespace {
constexpr idx_t kThreadsMax = 64;
constexpr std::size_t kSlicesBeforeLetGo = 64;  // so that a pass over a file does not fill memory
constexpr std::int64_t kRowsPerThreadMin = 20'480;  // below it a second thread costs more

// DuckDB's view of `schema`.
Result<DuckArrowTypes> ConvertSchema(duckdb_connection connection, const arrow::Schema& schema) {
  ArrowSchema exported{};
  if (const auto status = arrow::ExportSchema(schema, &exported); !status.ok()) {
    return Status(Code::kInvalidInput, "could not pass rows to the SQL engine: " + status.message())
        .WithError("WH7039");
  }
  DuckArrowTypes types;
  const DuckError error(duckdb_schema_from_arrow(connection, &exported, types.out()));
  if (exported.release != nullptr) exported.release(&exported);
  if (error.get() != nullptr && duckdb_error_data_has_error(error.get())) {
    return DuckErrorToStatus(duckdb_error_data_message(error.get()), "");
  }
  return types;
}

Result<DuckChunk> ConvertBatch(duckdb_connection connection, const DuckArrowTypes& types,
                               const arrow::RecordBatch& batch) {
  ArrowArray exported{};
  if (const auto status = arrow::ExportRecordBatch(batch, &exported); !status.ok()) {
    return Status(Code::kInternal, "could not pass rows to the SQL engine: " + status.message())
        .WithError("WH7038");
  }
  DuckChunk chunk;
  const DuckError error(
      duckdb_data_chunk_from_arrow(connection, &exported, types.get(), chunk.out()));
  if (exported.release != nullptr) exported.release(&exported);
  if (error.get() != nullptr && duckdb_error_data_has_error(error.get())) {
    return DuckErrorToStatus(duckdb_error_data_message(error.get()), "");
  }
  return chunk;
}

// ---- What DuckDB calls. Nothing may be thrown through it.

struct BindData {
  std::shared_ptr<const RegisteredTable> table;
};

// One scan: slices no longer than a vector, handed out to threads in order.
struct ScanState {
  std::shared_ptr<const RegisteredTable> table;
  std::vector<std::optional<std::size_t>> slots;  // output column → column of a slice
  DuckArrowTypes types;
  std::vector<std::shared_ptr<arrow::RecordBatch>> slices;
  std::atomic<std::size_t> next{0};
};

template <typename T>
void Delete(void* data) {
  delete static_cast<T*>(data);
}

void Bind(duckdb_bind_info info) {
  const auto& tables =
      *static_cast<std::shared_ptr<ArrowTables>*>(duckdb_bind_get_extra_info(info));
  const DuckValue session(duckdb_bind_get_parameter(info, 0));
  const DuckValue name(duckdb_bind_get_parameter(info, 1));
  char* const text = duckdb_get_varchar(name.get());
  const std::string key = text == nullptr ? "" : text;
  duckdb_free(text);
  auto table = tables->Find(duckdb_get_int64(session.get()), key);
  if (table == nullptr) {
    const std::string message = "no rows are registered under \"" + key + "\"";
    duckdb_bind_set_error(info, message.c_str());
    return;
  }
  for (int i = 0; i < table->rows->num_columns(); ++i) {
    duckdb_bind_add_result_column(info, table->rows->schema()->field(i)->name().c_str(),
                                  (*table->types)[static_cast<std::size_t>(i)].get());
  }
  duckdb_bind_set_cardinality(info, static_cast<idx_t>(table->rows->num_rows()), true);
  duckdb_bind_set_bind_data(info, new BindData{std::move(table)}, Delete<BindData>);
}

// The columns that the query names, each once; a count of rows alone names none.
Status Project(duckdb_init_info info, ScanState* state) {
  const arrow::Table& rows = *state->table->rows;
  std::vector<int> columns;
  for (idx_t i = 0; i < duckdb_init_get_column_count(info); ++i) {
    const idx_t column = duckdb_init_get_column_index(info, i);
    if (column >= static_cast<idx_t>(rows.num_columns())) {  // the row id, which has no values
      state->slots.push_back(std::nullopt);
      continue;
    }
    const auto found = std::find(columns.begin(), columns.end(), static_cast<int>(column));
    state->slots.push_back(static_cast<std::size_t>(found - columns.begin()));
    if (found == columns.end()) columns.push_back(static_cast<int>(column));
  }
  auto projected = rows.SelectColumns(columns);
  if (!projected.ok()) return Status(Code::kInternal, projected.status().message());
  WEIRHOUSE_TRY(state->types, ConvertSchema(state->table->connection, *(*projected)->schema()));
  arrow::TableBatchReader reader(**projected);
  reader.set_chunksize(static_cast<std::int64_t>(duckdb_vector_size()));
  while (!columns.empty()) {
    auto batch = reader.Next();
    if (!batch.ok()) return Status(Code::kInternal, batch.status().message());
    if (*batch == nullptr) break;
    if ((*batch)->num_rows() > 0) state->slices.push_back(*std::move(batch));
  }
  // Without columns the reader returns nothing, yet the rows must be counted.
  for (std::int64_t left = columns.empty() ? rows.num_rows() : 0; left > 0;) {
    const auto count = std::min(left, static_cast<std::int64_t>(duckdb_vector_size()));
    state->slices.push_back(
        arrow::RecordBatch::Make((*projected)->schema(), count, arrow::ArrayVector()));
    left -= count;
  }
  return Status::Ok();
}

void Init(duckdb_init_info info) {
  auto state = std::make_unique<ScanState>();
  state->table = static_cast<BindData*>(duckdb_init_get_bind_data(info))->table;
  if (const Status status = Project(info, state.get()); !status.ok()) {
    duckdb_init_set_error(info, status.message().c_str());
    return;
  }
  const auto threads = static_cast<idx_t>(state->table->rows->num_rows() / kRowsPerThreadMin) + 1;
  duckdb_init_set_max_threads(info, std::min(threads, kThreadsMax));
  duckdb_init_set_init_data(info, state.release(), Delete<ScanState>);
}

void ReadSlice(duckdb_function_info info, duckdb_data_chunk output) {
  auto& state = *static_cast<ScanState*>(duckdb_function_get_init_data(info));
  const std::size_t index = state.next++;
  if (index >= state.slices.size()) {
    duckdb_data_chunk_set_size(output, 0);
    return;
  }
  if (index % kSlicesBeforeLetGo == kSlicesBeforeLetGo - 1) LetGoOfStoredRows();
  const arrow::RecordBatch& slice = *state.slices[index];
  if (slice.num_columns() > 0) {
    auto chunk = ConvertBatch(state.table->connection, state.types, slice);
    if (!chunk.ok()) {
      duckdb_function_set_error(info, chunk.status().message().c_str());
      return;
    }
    for (std::size_t i = 0; i < state.slots.size(); ++i) {
      if (!state.slots[i]) continue;
      duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(output, i),
                                     duckdb_data_chunk_get_vector(chunk->get(), *state.slots[i]));
    }
  }
  duckdb_data_chunk_set_size(output, static_cast<idx_t>(slice.num_rows()));
}
}  // namespace

Result<std::shared_ptr<const RegisteredTable>> MakeRegisteredTable(
    duckdb_connection connection, std::shared_ptr<arrow::Table> rows) {
  if (rows->num_columns() == 0) {
    return Status(Code::kInvalidInput,
                  "could not pass rows to the SQL engine: they have no columns")
        .WithError("WH7039");
  }
  WEIRHOUSE_TRY(const DuckArrowTypes converted, ConvertSchema(connection, *rows->schema()));
  auto empty = arrow::RecordBatch::MakeEmpty(rows->schema());
  if (!empty.ok()) {
    return Status(Code::kInvalidInput, empty.status().message()).WithError("WH7039");
  }
  // DuckDB reports the types of a chunk, not of a schema.
  WEIRHOUSE_TRY(const DuckChunk chunk, ConvertBatch(connection, converted, **empty));
  auto types = std::make_shared<std::vector<DuckType>>();
  for (int i = 0; i < rows->num_columns(); ++i) {
    types->emplace_back(duckdb_vector_get_column_type(
        duckdb_data_chunk_get_vector(chunk.get(), static_cast<idx_t>(i))));
  }
  auto table = std::make_shared<RegisteredTable>();
  table->rows = std::move(rows);
  table->types = std::move(types);
  table->connection = connection;
  return std::shared_ptr<const RegisteredTable>(std::move(table));
}

void ArrowTables::Put(std::int64_t session, const std::string& name,
                      std::shared_ptr<const RegisteredTable> table) {
  const std::lock_guard lock(mutex_);
  tables_.insert_or_assign({session, name}, std::move(table));
}
std::shared_ptr<const RegisteredTable> ArrowTables::Find(std::int64_t session,
                                                         const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = tables_.find({session, name});
  return found == tables_.end() ? nullptr : found->second;
}
void ArrowTables::Remove(std::int64_t session, const std::string& name) {
  const std::lock_guard lock(mutex_);
  tables_.erase({session, name});
}
void ArrowTables::RemoveSession(std::int64_t session) {
  const std::lock_guard lock(mutex_);
  std::erase_if(tables_, [session](const auto& entry) { return entry.first.first == session; });
}

Status AddArrowScan(duckdb_connection connection, std::shared_ptr<ArrowTables> tables) {
  const DuckTableFunction function(duckdb_create_table_function());
  duckdb_table_function_set_name(function.get(), "wh_arrow_scan");
  const DuckType session(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
  const DuckType name(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
  duckdb_table_function_add_parameter(function.get(), session.get());
  duckdb_table_function_add_parameter(function.get(), name.get());
  duckdb_table_function_set_extra_info(function.get(),
                                       new std::shared_ptr<ArrowTables>(std::move(tables)),
                                       Delete<std::shared_ptr<ArrowTables>>);
  duckdb_table_function_set_bind(function.get(), Bind);
  duckdb_table_function_set_init(function.get(), Init);
  duckdb_table_function_set_function(function.get(), ReadSlice);
  duckdb_table_function_supports_projection_pushdown(function.get(), true);
  if (duckdb_register_table_function(connection, function.get()) != DuckDBSuccess) {
    return Status(Code::kInternal, "could not add the Arrow scan to the SQL engine")
        .WithError("WH7038");
  }
  return Status::Ok();
}
}  // namespace weirhouse::platform

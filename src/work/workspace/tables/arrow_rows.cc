#include "work/workspace/tables/arrow_rows.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include "ground/base/text.h"
#include "ground/platform/columnar/row_store.h"

namespace weirhouse::work {

struct RowBuilder::State {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders;
  std::int64_t rows = 0;
  arrow::Status failed;  // the first failure; told by Finish

  void Keep(const arrow::Status& status) {
    if (failed.ok() && !status.ok()) failed = status;
  }
};

RowBuilder::RowBuilder(std::shared_ptr<arrow::Schema> schema) : state_(std::make_unique<State>()) {
  state_->schema = std::move(schema);
  for (const auto& field : state_->schema->fields()) {
    std::unique_ptr<arrow::ArrayBuilder> builder;
    state_->Keep(arrow::MakeBuilder(arrow::default_memory_pool(), field->type(), &builder));
    WEIRHOUSE_CHECK(builder != nullptr);
    state_->builders.push_back(std::move(builder));
  }
}
RowBuilder::~RowBuilder() = default;

void RowBuilder::Text(int column, std::string_view value) {
  arrow::ArrayBuilder* builder = state_->builders[static_cast<std::size_t>(column)].get();
  // utf8 is binary with a promise; both builders share this base.
  state_->Keep(static_cast<arrow::BinaryBuilder*>(builder)->Append(value));
}
void RowBuilder::Int(int column, std::int64_t value) {
  arrow::ArrayBuilder* builder = state_->builders[static_cast<std::size_t>(column)].get();
  if (builder->type()->id() == arrow::Type::TIMESTAMP) {
    state_->Keep(static_cast<arrow::TimestampBuilder*>(builder)->Append(value));
  } else {
    state_->Keep(static_cast<arrow::Int64Builder*>(builder)->Append(value));
  }
}
void RowBuilder::Double(int column, double value) {
  state_->Keep(
      static_cast<arrow::DoubleBuilder*>(state_->builders[static_cast<std::size_t>(column)].get())
          ->Append(value));
}
void RowBuilder::Bool(int column, bool value) {
  state_->Keep(
      static_cast<arrow::BooleanBuilder*>(state_->builders[static_cast<std::size_t>(column)].get())
          ->Append(value));
}
void RowBuilder::EndRow() {
  ++state_->rows;
  for (auto& builder : state_->builders) {
    if (builder->length() < state_->rows) state_->Keep(builder->AppendNull());
    WEIRHOUSE_CHECK(builder->length() == state_->rows);
  }
}
std::int64_t RowBuilder::row_count() const { return state_->rows; }

Result<std::shared_ptr<arrow::Table>> RowBuilder::Finish() {
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (auto& builder : state_->builders) {
    std::shared_ptr<arrow::Array> column;
    state_->Keep(builder->Finish(&column));
    columns.push_back(std::move(column));
  }
  if (!state_->failed.ok())
    return Status(Code::kInternal, "could not build rows: " + state_->failed.ToString());
  return arrow::Table::Make(state_->schema, columns, state_->rows);
}

Result<iceberg::TablePtr> TableOrNew(Workspace& workspace, const std::string& name,
                                     const arrow::Schema& schema,
                                     const std::vector<std::string>& partition,
                                     const std::vector<std::string>& sort) {
  WEIRHOUSE_TRY(std::optional<iceberg::TablePtr> existing, workspace.FindTable(name));
  if (existing) return *existing;
  iceberg::NewTable made;
  made.name = name;
  made.location = workspace.TableLocation(name);
  WEIRHOUSE_TRY(made.schema, iceberg::Schema::FromArrow(schema));
  WEIRHOUSE_TRY(made.spec, iceberg::ParsePartitioning(partition, made.schema));
  made.sort_columns = sort;
  return iceberg::MakeTable(made, workspace.random(), workspace.clock());
}

std::shared_ptr<arrow::Table> DeclaredColumns(const std::shared_ptr<arrow::Table>& rows) {
  std::vector<int> kept;
  for (int i = 0; i < rows->num_columns(); ++i) {
    if (!iceberg::IsHidden(rows->field(i)->name())) kept.push_back(i);
  }
  return rows->SelectColumns(kept).ValueOr(rows);
}

std::shared_ptr<arrow::Table> PlainRows(const std::shared_ptr<arrow::Table>& rows) {
  arrow::FieldVector fields;
  for (const auto& field : rows->schema()->fields())
    fields.push_back(arrow::field(field->name(), field->type()));
  return arrow::Table::Make(arrow::schema(fields), rows->columns(), rows->num_rows());
}

Result<std::shared_ptr<arrow::Table>> RowsOutside(const std::shared_ptr<arrow::Table>& rows,
                                                  const std::string& column, std::int64_t from,
                                                  std::int64_t to) {
  const auto values = rows->GetColumnByName(column);
  WEIRHOUSE_CHECK(values != nullptr);
  arrow::BooleanBuilder keep;
  arrow::Status status = keep.Reserve(rows->num_rows());
  for (const auto& chunk : values->chunks()) {
    const auto& ids = static_cast<const arrow::Int64Array&>(*chunk);
    for (std::int64_t i = 0; status.ok() && i < ids.length(); ++i)
      keep.UnsafeAppend(ids.Value(i) < from || ids.Value(i) >= to);
  }
  std::shared_ptr<arrow::Array> mask;
  if (status.ok()) status = keep.Finish(&mask);
  if (!status.ok()) return Status(Code::kInternal, status.ToString());
  auto filtered = arrow::compute::Filter(rows, mask);
  if (!filtered.ok()) return Status(Code::kInternal, filtered.status().ToString());
  return filtered->table();
}

Result<std::shared_ptr<arrow::Table>> Concatenate(
    const std::vector<std::shared_ptr<arrow::Table>>& tables) {
  WEIRHOUSE_CHECK(!tables.empty());
  if (tables.size() == 1) return tables[0];
  std::vector<std::shared_ptr<arrow::Table>> plain;
  for (const auto& table : tables) plain.push_back(PlainRows(table));
  auto joined = arrow::ConcatenateTables(plain);
  if (!joined.ok())
    return Status(Code::kInternal, "could not join tables: " + joined.status().ToString());
  return *joined;
}

std::optional<std::int64_t> NewestTime(const arrow::Table& rows,
                                       const transform::TransformDefinition& definition) {
  const auto& column_name = definition.known ? definition.known : definition.event;
  if (!column_name) return std::nullopt;
  const auto column = rows.GetColumnByName(column_name->name);
  if (column == nullptr || column->type()->id() != arrow::Type::TIMESTAMP) return std::nullopt;
  std::optional<std::int64_t> newest;
  for (const auto& chunk : column->chunks()) {
    const auto& times = static_cast<const arrow::TimestampArray&>(*chunk);
    for (std::int64_t i = 0; i < times.length(); ++i) {
      if (times.IsValid(i)) newest = std::max(newest.value_or(times.Value(i)), times.Value(i));
    }
    platform::LetGoOfStoredRows();
  }
  return newest;
}

Result<std::shared_ptr<arrow::Table>> Selected(const std::shared_ptr<arrow::Table>& rows,
                                               const std::vector<std::string>& columns) {
  if (columns.empty()) return PlainRows(rows);
  std::vector<int> wanted;
  for (const std::string& column : columns) {
    const int index = rows->schema()->GetFieldIndex(column);
    if (index < 0)
      return Status(Code::kInvalidInput, fmt::format("no such column: \"{}\"; there are {}", column,
                                                     Join(rows->ColumnNames(), ", ")))
          .WithError("WH8012")
          .WithHint("unless another program changed the table, please report it");
    wanted.push_back(index);
  }
  auto selected = rows->SelectColumns(wanted);
  if (!selected.ok()) return Status(Code::kInternal, selected.status().ToString());
  return PlainRows(*selected);
}

Result<std::shared_ptr<arrow::Table>> EmptyRowsOf(Workspace& workspace, const std::string& table,
                                                  const std::vector<std::string>& columns) {
  for (const transform::CheckedTransform& transform : workspace.project().transforms) {
    if (table != transform.definition.name() && table != transform.definition.history_table())
      continue;
    auto empty = arrow::Table::MakeEmpty(transform.output);
    if (!empty.ok()) return Status(Code::kInternal, empty.status().ToString());
    return Selected(*empty, columns);
  }
  return workspace.LoadTable(table).status();
}
}  // namespace weirhouse::work

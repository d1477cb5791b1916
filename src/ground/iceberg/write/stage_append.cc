#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <cstring>
#include <map>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/type/value.h"
#include "ground/iceberg/write/stage.h"
#include "ground/iceberg/write/stage_state.h"
#include "ground/platform/columnar/arrow_status.h"

namespace weirhouse::iceberg {
namespace {

Status Mismatch(std::string message, std::string hint) {
  return Status(Code::kInvalidInput, std::move(message))
      .WithError("WH7057")
      .WithHint(std::move(hint));
}

bool IsInteger(const arrow::DataType& type) { return arrow::is_integer(type.id()); }

// Widenings and other spellings of the same type; anything else would change values.
bool MayStore(const arrow::DataType& from, const arrow::DataType& to) {
  if (from.id() == arrow::Type::NA) return true;
  if (from.id() == arrow::Type::DICTIONARY) {
    return MayStore(*static_cast<const arrow::DictionaryType&>(from).value_type(), to);
  }
  if (IsInteger(from) && IsInteger(to)) return true;  // checked for overflow by the cast
  if (arrow::is_floating(from.id()) && to.id() == arrow::Type::DOUBLE) return true;
  if (arrow::is_decimal(from.id()) && arrow::is_decimal(to.id())) {
    return static_cast<const arrow::DecimalType&>(from).scale() ==
           static_cast<const arrow::DecimalType&>(to).scale();
  }
  if (from.id() == arrow::Type::TIMESTAMP && to.id() == arrow::Type::TIMESTAMP) {
    return static_cast<const arrow::TimestampType&>(from).timezone().empty() ==
           static_cast<const arrow::TimestampType&>(to).timezone().empty();
  }
  const auto is_text = [](arrow::Type::type id) {
    return id == arrow::Type::STRING || id == arrow::Type::LARGE_STRING ||
           id == arrow::Type::STRING_VIEW;
  };
  const auto is_bytes = [](arrow::Type::type id) {
    return id == arrow::Type::BINARY || id == arrow::Type::LARGE_BINARY ||
           id == arrow::Type::BINARY_VIEW;
  };
  return (is_text(from.id()) && is_text(to.id())) || (is_bytes(from.id()) && is_bytes(to.id()));
}

std::int64_t FirstNull(const arrow::ChunkedArray& column) {
  std::int64_t row = 0;
  for (const auto& chunk : column.chunks()) {
    for (std::int64_t i = 0; i < chunk->length(); ++i, ++row) {
      if (chunk->IsNull(i)) return row;
    }
  }
  return row;
}

Result<std::shared_ptr<arrow::ChunkedArray>> ConformColumn(
    std::shared_ptr<arrow::ChunkedArray> column, const std::shared_ptr<arrow::DataType>& type,
    const Field& field, const std::string& table_name) {
  if (field.required && column->null_count() > 0) {
    return Mismatch(fmt::format("a required column has a null: table \"{}\", column \"{}\", row {}",
                                table_name, field.name, FirstNull(*column)),
                    "filter such rows out, or declare the column optional");
  }
  if (column->type()->Equals(*type)) return column;
  if (!MayStore(*column->type(), *type)) {
    return Mismatch(
        fmt::format(
            "a column has the wrong type: table \"{}\", column \"{}\" is {}, but the rows have {}",
            table_name, field.name, NameOf(field.type), column->type()->ToString()),
        fmt::format("cast it to {}", NameOf(field.type)));
  }
  const auto cast = arrow::compute::Cast(column, type);
  if (!cast.ok()) {
    return Mismatch(
        fmt::format("a value does not fit: table \"{}\", column \"{}\" of type {}: {}", table_name,
                    field.name, NameOf(field.type), cast.status().message()),
        "cast it explicitly, or widen the column");
  }
  return cast->chunked_array();
}

Status CheckColumns(const arrow::Table& rows, const Schema& schema, const std::string& table_name) {
  std::vector<std::string> names;
  for (const Field& field : schema.fields) names.push_back(field.name);
  for (const auto& field : rows.schema()->fields()) {
    if (schema.Find(field->name()) != nullptr) continue;
    return Mismatch(
        fmt::format("the rows have a column that is not in the table: table \"{}\", column "
                    "\"{}\"",
                    table_name, field->name()),
        DidYouMean(field->name(), names));
  }
  return Status::Ok();
}

// Whether partition values of the type are computed from a 64-bit integer.
bool IsWholeNumber(const Type& type) {
  return type.kind() == TypeKind::kInt || type.kind() == TypeKind::kLong ||
         type.kind() == TypeKind::kDate || type.kind() == TypeKind::kTimestamp ||
         type.kind() == TypeKind::kTimestampTz || type.kind() == TypeKind::kTime;
}

// Splits groups by one more value; ids are assigned in order of first appearance.
template <typename Value>
class GroupSplitter {
 public:
  std::int32_t Of(std::int32_t group, const std::optional<Value>& value) {
    if (last_ && last_->first == group && last_->second == value) return last_id_;
    const auto [it, fresh] = ids_.try_emplace({group, value}, static_cast<int>(ids_.size()));
    if (fresh) order_.push_back(it->first);
    last_ = it->first;
    last_id_ = it->second;
    return last_id_;
  }
  const std::vector<std::pair<std::int32_t, std::optional<Value>>>& order() const { return order_; }

 private:
  std::map<std::pair<std::int32_t, std::optional<Value>>, std::int32_t> ids_;
  std::vector<std::pair<std::int32_t, std::optional<Value>>> order_;
  std::optional<std::pair<std::int32_t, std::optional<Value>>> last_;
  std::int32_t last_id_ = 0;
};

using Tuple = std::vector<std::optional<std::string>>;

template <typename Value, typename ValueOf, typename BytesOf>
Status Split(PartitionGroups& groups, ValueOf&& value_of, BytesOf&& bytes_of) {
  GroupSplitter<Value> splitter;
  for (std::size_t row = 0; row < groups.group_of_row.size(); ++row) {
    WEIRHOUSE_TRY(const std::optional<Value> value, value_of(static_cast<std::int64_t>(row)));
    groups.group_of_row[row] = splitter.Of(groups.group_of_row[row], value);
  }
  std::vector<Tuple> values;
  for (const auto& [group, value] : splitter.order()) {
    Tuple tuple = groups.values[static_cast<std::size_t>(group)];
    tuple.push_back(value ? std::optional<std::string>(bytes_of(*value)) : std::nullopt);
    values.push_back(std::move(tuple));
  }
  groups.values = std::move(values);
  return Status::Ok();
}

// The integers of a combined column of a whole type.
Result<std::shared_ptr<arrow::Int64Array>> AsLongs(const arrow::ChunkedArray& column) {
  auto combined = arrow::Concatenate(column.chunks());
  if (!combined.ok()) return platform::ArrowFailed(combined.status());
  std::shared_ptr<arrow::Array> array = *combined;
  if (array->type()->id() == arrow::Type::DATE32) {
    const auto view = array->View(arrow::int32());
    if (!view.ok()) return platform::ArrowFailed(view.status());
    array = *view;
  }
  if (array->type()->id() == arrow::Type::INT32) {
    const auto cast = arrow::compute::Cast(*array, arrow::int64());
    if (!cast.ok()) return platform::ArrowFailed(cast.status());
    array = *cast;
  }
  const auto view = array->View(arrow::int64());
  if (!view.ok()) return platform::ArrowFailed(view.status());
  return std::static_pointer_cast<arrow::Int64Array>(*view);
}

Status SplitByField(const arrow::Table& rows, const PartitionField& field, const Field& source,
                    PartitionGroups& groups) {
  const int index = rows.schema()->GetFieldIndex(source.name);
  if (field.transform == "void") {
    for (Tuple& tuple : groups.values) tuple.emplace_back();
    return Status::Ok();
  }
  const bool ordinal = BucketCount(field.transform) == 0 && TruncateWidth(field.transform) == 0;
  if (!IsWholeNumber(source.type) || !ordinal) {
    return Split<std::string>(
        groups,
        [&](std::int64_t row) -> Result<std::optional<std::string>> {
          const auto& column = *rows.column(index);
          if (column.num_chunks() == 1 && column.chunk(0)->IsNull(row)) {
            return std::optional<std::string>();
          }
          WEIRHOUSE_TRY(std::string bytes, platform::SingleValueBytes(rows, index, row));
          return ApplyTransform(field.transform, source.type, std::optional(std::move(bytes)));
        },
        [](const std::string& bytes) { return bytes; });
  }
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Int64Array> longs, AsLongs(*rows.column(index)));
  const bool identity = field.transform == "identity";
  const bool narrow =
      !identity || source.type.kind() == TypeKind::kInt || source.type.kind() == TypeKind::kDate;
  return Split<std::int64_t>(
      groups,
      [&](std::int64_t row) -> Result<std::optional<std::int64_t>> {
        if (longs->IsNull(row)) return std::optional<std::int64_t>();
        const std::int64_t value = longs->Value(row);
        return std::optional<std::int64_t>(
            identity ? value : TransformOrdinal(field.transform, source.type, value));
      },
      [narrow](std::int64_t value) {
        return narrow ? EncodeInt(static_cast<std::int32_t>(value)) : EncodeLong(value);
      });
}

// Orders the groups by their values, so that the order of rows does not show in file names.
void SortGroups(PartitionGroups& groups) {
  std::vector<std::int32_t> order(groups.values.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return groups.values[static_cast<std::size_t>(a)] < groups.values[static_cast<std::size_t>(b)];
  });
  std::vector<std::int32_t> place(order.size());
  std::vector<Tuple> values;
  for (std::size_t i = 0; i < order.size(); ++i) {
    place[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i);
    values.push_back(std::move(groups.values[static_cast<std::size_t>(order[i])]));
  }
  groups.values = std::move(values);
  for (std::int32_t& group : groups.group_of_row) group = place[static_cast<std::size_t>(group)];
}

Result<std::shared_ptr<arrow::Table>> TakeRows(const std::shared_ptr<arrow::Table>& rows,
                                               const std::vector<std::int64_t>& indices) {
  const auto size = static_cast<std::int64_t>(indices.size());
  const bool in_one_piece = indices.back() - indices.front() + 1 == size;
  if (in_one_piece) return rows->Slice(indices.front(), size);
  const auto array = std::make_shared<arrow::Int64Array>(size, arrow::Buffer::Wrap(indices));
  const auto taken = arrow::compute::Take(arrow::Datum(rows), arrow::Datum(array),
                                          arrow::compute::TakeOptions::NoBoundsCheck());
  if (!taken.ok()) return platform::ArrowFailed(taken.status());
  return taken->table();
}

// Fills required members of null structs with a value that no reader uses: Parquet's writer counts
// a member's nulls without looking at the struct.
std::shared_ptr<arrow::ArrayData> FillRequiredMembers(const arrow::ArrayData& nulls) {
  auto filled = std::make_shared<arrow::ArrayData>(nulls);
  if (nulls.type->id() != arrow::Type::STRUCT) return filled;
  for (int i = 0; i < nulls.type->num_fields(); ++i) {
    auto& member = filled->child_data[static_cast<std::size_t>(i)];
    member = FillRequiredMembers(*member);
    if (nulls.type->field(i)->nullable()) continue;
    member->buffers[0] = nullptr;
    member->null_count = 0;
  }
  return filled;
}
}  // namespace

Result<std::shared_ptr<arrow::Table>> ConformRows(const arrow::Table& rows, const Schema& schema,
                                                  const std::string& table_name) {
  WEIRHOUSE_TRY_STATUS(CheckColumns(rows, schema, table_name));
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Schema> target, schema.ToArrow());
  std::vector<std::shared_ptr<arrow::ChunkedArray>> columns;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const Field& field = schema.fields[i];
    const auto& type = target->field(static_cast<int>(i))->type();
    std::shared_ptr<arrow::ChunkedArray> column = rows.GetColumnByName(field.name);
    if (column == nullptr) {
      if (field.required && rows.num_rows() > 0) {
        return Mismatch(fmt::format("the rows lack a required column: table \"{}\", column \"{}\"",
                                    table_name, field.name),
                        "select it, or declare it optional");
      }
      const auto nulls = arrow::MakeArrayOfNull(type, rows.num_rows());
      if (!nulls.ok()) return platform::ArrowFailed(nulls.status());
      column = std::make_shared<arrow::ChunkedArray>(
          arrow::MakeArray(FillRequiredMembers(*(*nulls)->data())));
    }
    WEIRHOUSE_TRY(column, ConformColumn(std::move(column), type, field, table_name));
    columns.push_back(std::move(column));
  }
  return arrow::Table::Make(target, std::move(columns), rows.num_rows());
}

Result<PartitionGroups> GroupByPartition(const arrow::Table& rows, const PartitionSpec& spec,
                                         const TableMetadata& metadata, const Schema& schema) {
  PartitionGroups groups;
  groups.values.resize(1);
  groups.group_of_row.assign(static_cast<std::size_t>(rows.num_rows()), 0);
  for (const PartitionField& field : spec.fields) {
    const Field* source = schema.FindById(field.source_id);
    const bool known =
        field.transform == "void" || (source != nullptr && CanApply(field.transform, source->type));
    if (!known) {
      return Status(Code::kInvalidInput,
                    fmt::format("could not write to table \"{}\": its partition field \"{}\" uses "
                                "transform {}, which is not supported",
                                metadata.name, field.name, field.transform))
          .WithError("WH7060")
          .WithHint(
              "write it with the engine that created it, or partition by columns that are not "
              "nested and by the transforms of the Iceberg specification");
    }
    static const Field kNoSource;
    WEIRHOUSE_TRY_STATUS(
        SplitByField(rows, field, source != nullptr ? *source : kNoSource, groups));
  }
  SortGroups(groups);
  return groups;
}

bool IsPlainOrder(const SortOrder& order) {
  return !order.fields.empty() &&
         std::all_of(order.fields.begin(), order.fields.end(), [](const SortField& field) {
           return field.transform == "identity" && field.ascending && field.nulls_first;
         });
}

std::string StagedWrite::State::NewDataPath(
    const PartitionSpec& spec, const std::vector<std::optional<std::string>>& partition,
    std::string_view suffix) {
  std::string path = next.location + "/data/";
  for (std::size_t i = 0; i < spec.fields.size(); ++i) {
    const PartitionField& field = spec.fields[i];
    const Type source = FindColumnType(next, field.source_id).value_or(Type(TypeKind::kString));
    path += fmt::format("{}={}/", field.name, PartitionText(field.transform, source, partition[i]));
  }
  path += fmt::format("{}-{:05}-{:08x}{}.parquet", options.run_name, ordinal, random.Next() >> 32,
                      suffix);
  ++ordinal;
  return path;
}

void StagedWrite::State::Remember(catalog::FileKind kind, const std::string& path,
                                  std::int64_t size_bytes, const Digest& sha256) {
  catalog::FileRecord record;
  record.path = LocalPath(path);
  record.table = next.name;
  record.kind = kind;
  record.size_bytes = size_bytes;
  record.sha256 = sha256;
  records.push_back(std::move(record));
}

Result<DataFile> StagedWrite::State::WriteData(
    const arrow::Table& rows, const std::vector<std::optional<std::string>>& partition,
    const platform::ParquetOptions& parquet) {
  DataFile file;
  file.path = NewDataPath(next.spec(), partition, "");
  WEIRHOUSE_FAILPOINT("table.stage.data");
  WEIRHOUSE_TRY(platform::ParquetFile written,
                platform::WriteParquet(store, LocalPath(file.path), rows, parquet));
  Remember(catalog::FileKind::kData, file.path, written.size_bytes, written.sha256);
  file.spec_id = next.default_spec_id;
  file.partition = partition;
  file.row_count = written.row_count;
  file.size_bytes = written.size_bytes;
  file.columns = std::move(written.columns);
  file.split_offsets = std::move(written.split_offsets);
  if (IsPlainOrder(next.sort_order())) file.sort_order_id = next.default_sort_order_id;
  return file;
}

Result<AppendedRows> StagedWrite::Append(const arrow::Table& rows,
                                         const platform::ParquetOptions& options) {
  State& state = *state_;
  WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> conformed,
                ConformRows(rows, state.schema, state.next.name));
  AppendedRows answer;
  if (conformed->num_rows() == 0) return answer;
  if (!state.next.spec().fields.empty()) {
    const auto combined = conformed->CombineChunks();
    if (!combined.ok()) return platform::ArrowFailed(combined.status());
    conformed = *combined;
  }
  WEIRHOUSE_TRY(PartitionGroups groups,
                GroupByPartition(*conformed, state.next.spec(), state.next, state.schema));
  const std::size_t row_count = groups.group_of_row.size();
  std::vector<std::vector<std::int64_t>> rows_of_group(groups.values.size());
  answer.position_of_row.resize(row_count);
  for (std::size_t row = 0; row < row_count; ++row) {
    auto& list = rows_of_group[static_cast<std::size_t>(groups.group_of_row[row])];
    answer.position_of_row[row] = static_cast<std::int64_t>(list.size());
    list.push_back(static_cast<std::int64_t>(row));
  }
  for (std::size_t group = 0; group < rows_of_group.size(); ++group) {
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> part,
                  TakeRows(conformed, rows_of_group[group]));
    WEIRHOUSE_TRY(DataFile file, state.WriteData(*part, groups.values[group], options));
    state.added.push_back(file);
    answer.files.push_back(std::move(file));
  }
  answer.file_of_row = std::move(groups.group_of_row);
  return answer;
}
}  // namespace weirhouse::iceberg

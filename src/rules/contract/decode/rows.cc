#include "rules/contract/decode/rows.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace weirhouse::contract {
namespace {
Status FromArrow(const arrow::Status& status) {
  if (status.ok()) return Status();
  if (status.IsOutOfMemory()) return OutOfMemory();
  // Happens only for a column of more than 2 GiB of text.
  return Status(Code::kInvalidInput, "rows of one object do not fit")
      .WithError("WH1311")
      .WithHint("split the file: " + status.ToString());
}

std::shared_ptr<arrow::DataType> ArrowType(LogicalType type,
                                           const std::optional<DecimalShape>& decimal = {}) {
  if (decimal) return arrow::decimal128(decimal->precision, decimal->scale);
  switch (type) {
    case LogicalType::kString:
      return arrow::utf8();
    case LogicalType::kDate:
      return arrow::date32();
    case LogicalType::kTimestamp:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case LogicalType::kNumber:
      return arrow::float64();
    case LogicalType::kInteger:
      return arrow::int64();
    case LogicalType::kBoolean:
      return arrow::boolean();
  }
  return nullptr;
}
}  // namespace

std::shared_ptr<arrow::Schema> ToArrowSchema(const Contract& contract) {
  arrow::FieldVector fields;
  for (const ContractField& field : contract.fields()) {
    fields.push_back(
        arrow::field(field.name, ArrowType(field.type, field.decimal), !field.required));
  }
  return arrow::schema(std::move(fields));
}

std::shared_ptr<arrow::Schema> RecordsSchema(const Contract& contract) {
  arrow::FieldVector fields = ToArrowSchema(contract)->fields();
  fields.push_back(arrow::field("_record", arrow::int64(), /*nullable=*/false));
  fields.push_back(
      arrow::field("_ingested_at", ArrowType(LogicalType::kTimestamp), /*nullable=*/false));
  if (contract.unknown_policy() == UnknownPolicy::kKeep) {
    fields.push_back(arrow::field("_unknown", arrow::utf8()));
  }
  return arrow::schema(std::move(fields));
}

struct RowCollector::Columns {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<LogicalType> types;
  std::vector<std::uint8_t> decimal;
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders;
  arrow::Int64Builder record_ids;
  arrow::StringBuilder unknown;
  bool keeps_unknown = false;
  std::vector<arrow::ArrayVector> full;  // chunks that are done, by column
  std::int64_t full_rows = 0;
  std::int64_t reserved = 0;        // rows that the builders have room for
  std::vector<std::int64_t> nulls;  // by column, of all rows
  std::int64_t rows = 0;
  std::int64_t bytes = 0;      // since the last chunk
  std::int64_t row_bytes = 8;  // of each row, without its texts
};

RowCollector::RowCollector(const Contract& contract, ProcessTime ingested_at, RowSink sink)
    : columns_(std::make_unique<Columns>()), ingested_at_(ingested_at), sink_(std::move(sink)) {
  columns_->schema = RecordsSchema(contract);
  columns_->keeps_unknown = contract.unknown_policy() == UnknownPolicy::kKeep;
  columns_->full.resize(static_cast<std::size_t>(columns_->schema->num_fields()));
  columns_->nulls.resize(columns_->full.size());
  for (const ContractField& field : contract.fields()) {
    columns_->row_bytes += field.decimal ? 16 : 8;
    columns_->types.push_back(field.type);
    columns_->decimal.push_back(field.decimal ? 1 : 0);
    if (field.decimal) {
      columns_->builders.push_back(std::make_unique<arrow::Decimal128Builder>(
          ArrowType(field.type, field.decimal), arrow::default_memory_pool()));
      continue;
    }
    switch (field.type) {
      case LogicalType::kString:
        columns_->builders.push_back(std::make_unique<arrow::StringBuilder>());
        break;
      case LogicalType::kDate:
        columns_->builders.push_back(std::make_unique<arrow::Date32Builder>());
        break;
      case LogicalType::kTimestamp:
        columns_->builders.push_back(std::make_unique<arrow::TimestampBuilder>(
            ArrowType(field.type), arrow::default_memory_pool()));
        break;
      case LogicalType::kNumber:
        columns_->builders.push_back(std::make_unique<arrow::DoubleBuilder>());
        break;
      case LogicalType::kInteger:
        columns_->builders.push_back(std::make_unique<arrow::Int64Builder>());
        break;
      case LogicalType::kBoolean:
        columns_->builders.push_back(std::make_unique<arrow::BooleanBuilder>());
        break;
    }
  }
}
RowCollector::~RowCollector() = default;

namespace {
constexpr std::int64_t kReservedRows = 1024;
constexpr std::int64_t kFirstRows = 16;

// Room for one more value was reserved; a text still asks for its own bytes.
arrow::Status AppendSlot(LogicalType type, bool decimal, const Slot& slot,
                         arrow::ArrayBuilder* builder) {
  if (slot.state != Slot::State::kValue) return builder->AppendNull();
  if (decimal) {
    static_cast<arrow::Decimal128Builder*>(builder)->UnsafeAppend(arrow::Decimal128(
        static_cast<std::int64_t>(slot.decimal >> 64), static_cast<std::uint64_t>(slot.decimal)));
    return arrow::Status::OK();
  }
  switch (type) {
    case LogicalType::kString:
      return static_cast<arrow::StringBuilder*>(builder)->Append(slot.text);
    case LogicalType::kDate:
      static_cast<arrow::Date32Builder*>(builder)->UnsafeAppend(
          static_cast<std::int32_t>(slot.integer));
      break;
    case LogicalType::kTimestamp:
      static_cast<arrow::TimestampBuilder*>(builder)->UnsafeAppend(slot.integer);
      break;
    case LogicalType::kNumber:
      static_cast<arrow::DoubleBuilder*>(builder)->UnsafeAppend(slot.number);
      break;
    case LogicalType::kInteger:
      static_cast<arrow::Int64Builder*>(builder)->UnsafeAppend(slot.integer);
      break;
    case LogicalType::kBoolean:
      static_cast<arrow::BooleanBuilder*>(builder)->UnsafeAppend(slot.integer != 0);
      break;
  }
  return arrow::Status::OK();
}
}  // namespace

Status RowCollector::Reserve() {
  // The first rows of an object ask for little, because most objects are small.
  const std::int64_t rows =
      std::min(std::max(columns_->record_ids.length(), kFirstRows), kReservedRows);
  for (const auto& builder : columns_->builders) {
    WEIRHOUSE_TRY_STATUS(FromArrow(builder->Reserve(rows)));
  }
  WEIRHOUSE_TRY_STATUS(FromArrow(columns_->record_ids.Reserve(rows)));
  columns_->reserved = rows;
  return Status();
}

Status RowCollector::Append(const std::vector<Slot>& slots, std::int64_t record_id,
                            std::string_view unknown) {
  if (columns_->reserved == 0) WEIRHOUSE_TRY_STATUS(Reserve());
  --columns_->reserved;
  std::size_t text_bytes = unknown.size();
  for (std::size_t i = 0; i < columns_->builders.size(); ++i) {
    const Slot& slot = slots[i];
    const arrow::Status appended = AppendSlot(columns_->types[i], columns_->decimal[i] != 0, slot,
                                              columns_->builders[i].get());
    if (!appended.ok()) return FromArrow(appended);
    if (slot.state == Slot::State::kValue) text_bytes += slot.text.size();
  }
  columns_->bytes += columns_->row_bytes + static_cast<std::int64_t>(text_bytes);
  if (columns_->keeps_unknown) {
    const arrow::Status appended =
        unknown.empty() ? columns_->unknown.AppendNull() : columns_->unknown.Append(unknown);
    if (!appended.ok()) return FromArrow(appended);
  }
  columns_->record_ids.UnsafeAppend(record_id);
  const bool full =
      columns_->record_ids.length() >= sink_.piece_rows || columns_->bytes >= sink_.piece_bytes;
  if (!full) return Status();
  // Always in chunks: one growing array would be copied as it grows.
  WEIRHOUSE_TRY_STATUS(EndChunk());
  if (!sink_.take) return Status();
  return sink_.take(TakeFull());
}

Status RowCollector::EndChunk() {
  columns_->full_rows += columns_->record_ids.length();
  columns_->rows += columns_->record_ids.length();
  columns_->bytes = 0;
  columns_->reserved = 0;
  std::size_t column = 0;
  const auto finish = [&](arrow::ArrayBuilder& builder) {
    std::shared_ptr<arrow::Array> array;
    const arrow::Status finished = builder.Finish(&array);
    if (finished.ok()) columns_->nulls[column] += array->null_count();
    columns_->full[column++].push_back(std::move(array));
    return FromArrow(finished);
  };
  for (const auto& builder : columns_->builders) WEIRHOUSE_TRY_STATUS(finish(*builder));
  const std::int64_t rows = columns_->record_ids.length();
  WEIRHOUSE_TRY_STATUS(finish(columns_->record_ids));
  arrow::TimestampBuilder ingested(ArrowType(LogicalType::kTimestamp),
                                   arrow::default_memory_pool());
  const std::vector<std::int64_t> times(static_cast<std::size_t>(rows), Micros(ingested_at_));
  WEIRHOUSE_TRY_STATUS(FromArrow(ingested.AppendValues(times)));
  WEIRHOUSE_TRY_STATUS(finish(ingested));
  if (columns_->keeps_unknown) WEIRHOUSE_TRY_STATUS(finish(columns_->unknown));
  return Status();
}

// Returns the finished chunks and keeps none.
std::shared_ptr<arrow::Table> RowCollector::TakeFull() {
  arrow::ChunkedArrayVector columns;
  for (arrow::ArrayVector& chunks : columns_->full) {
    columns.push_back(std::make_shared<arrow::ChunkedArray>(std::move(chunks)));
    chunks.clear();
  }
  return arrow::Table::Make(columns_->schema, std::move(columns),
                            std::exchange(columns_->full_rows, 0));
}

Result<std::shared_ptr<arrow::Table>> RowCollector::Finish() {
  if (columns_->record_ids.length() > 0 || columns_->full_rows == 0)
    WEIRHOUSE_TRY_STATUS(EndChunk());
  return TakeFull();
}

std::int64_t RowCollector::row_count() const { return columns_->rows; }

bool RowCollector::OnlyNulls(std::size_t field) const {
  return columns_->nulls[field] == columns_->rows;
}
}  // namespace weirhouse::contract

#include "rules/contract/decode/parquet_record.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"
#include "rules/contract/decode/json_record.h"

namespace weirhouse::contract {
namespace {
bool Breaks(ViolationSink* sink, ViolationKind kind, std::string_view path, std::string_view rule,
            const std::string& expected, std::string why = "") {
  if (sink != nullptr) sink->Add(kind, path, rule, expected, std::move(why));
  return false;
}
}  // namespace

std::string RowJson(const arrow::RecordBatch& rows, std::int64_t row) {
  std::string json = "{";
  for (int i = 0; i < rows.num_columns(); ++i) {
    if (i > 0) json.push_back(',');
    AppendJsonText(rows.column_name(i), &json);
    json.push_back(':');
    AppendCellJson(*rows.column(i), row, &json);
  }
  json.push_back('}');
  return json;
}

ParquetReader::ParquetReader(const RecordProgram& program, const arrow::Schema& schema)
    : program_(program) {
  std::vector<bool> present(program.fields().size(), false);
  for (int i = 0; i < schema.num_fields(); ++i) {
    Column column;
    column.name = schema.field(i)->name();
    column.field = program.Find(column.name, i);
    if (column.field >= 0) {
      const auto field = static_cast<std::size_t>(column.field);
      present[field] = true;
      column.reading = ReadingOf(program.fields()[field], *schema.field(i)->type());
    } else {
      undeclared_.push_back(static_cast<std::size_t>(i));
    }
    columns_.push_back(std::move(column));
  }
  std::sort(undeclared_.begin(), undeclared_.end(),
            [this](std::size_t a, std::size_t b) { return columns_[a].name < columns_[b].name; });
  for (std::size_t i = 0; i < present.size(); ++i) {
    const FieldRules& field = program.fields()[i];
    if (!present[i]) absent_.push_back(field.name);
    if (!present[i] && field.required && !field.default_value) lacking_.push_back(field.name);
  }
}

std::vector<AbsentField> ParquetReader::AbsentFields() const {
  std::vector<std::string> undeclared;
  for (const std::size_t i : undeclared_) undeclared.push_back(columns_[i].name);
  std::vector<AbsentField> fields;
  for (const std::string& name : absent_) fields.push_back({name, SimilarName(name, undeclared)});
  return fields;
}

std::string ParquetReader::ShownColumns() const {
  std::vector<std::string> names;
  for (const Column& column : columns_) names.push_back(column.name);
  return fmt::format("\"{}\"", EscapeControl(Join(names, "\", \"")));
}

std::string ParquetReader::AdviceFor(const std::string& lacking) const {
  std::vector<std::string> undeclared;
  for (const std::size_t i : undeclared_) undeclared.push_back(columns_[i].name);
  const std::string near = SimilarName(lacking, undeclared);
  if (near.empty()) return "a column of this name: mend the file, or make the field optional";
  return fmt::format("a column of this name; \"{}\" is there: did you mean that?",
                     EscapeControl(near));
}

void ParquetReader::Begin(const arrow::RecordBatch& rows) {
  for (std::size_t i = 0; i < columns_.size(); ++i)
    columns_[i].cells = rows.column_data(static_cast<int>(i)) == nullptr
                            ? nullptr
                            : rows.column(static_cast<int>(i)).get();
}

bool ParquetReader::ReadDeclared(Column& column, std::int64_t row, std::int64_t offset, Slot* slot,
                                 ViolationSink* sink) {
  const FieldRules& field = program_.fields()[static_cast<std::size_t>(column.field)];
  if (column.cells->IsNull(row)) {
    slot->state = Slot::State::kNull;
    return true;
  }
  slot->state = Slot::State::kValue;
  const Parsed parsed = ReadCell(field, column.reading, *column.cells, row, &column.scratch, slot);
  std::string found;
  if (sink != nullptr) {
    found = CellText(*column.cells, row);
    sink->Look(found, offset);
  }
  if (parsed == Parsed::kOutOfRange) {
    const bool is_time = field.type == LogicalType::kDate || field.type == LogicalType::kTimestamp;
    return Breaks(sink, ViolationKind::kOutOfRange, field.name, "range",
                  is_time ? "a time of the years 1 to 9999" : RangeText(field));
  }
  if (parsed == Parsed::kWrongType) {
    return Breaks(sink, ViolationKind::kWrongType, field.name, "type",
                  std::string(TypeName(field.type)),
                  fmt::format("the column is {}", column.cells->type()->ToString()));
  }
  if (field.type == LogicalType::kString) {
    if (static_cast<std::int64_t>(slot->text.size()) > kStringBytesMax) {
      return Breaks(sink, ViolationKind::kTooLarge, field.name, "string_bytes",
                    WithThousands(kStringBytesMax));
    }
    if (!IsValidUtf8(slot->text) || slot->text.find('\0') != std::string_view::npos)
      return Breaks(sink, ViolationKind::kNotText, field.name, "utf8", "UTF-8 without NUL");
  }
  return JudgeSlot(field, *slot, sink);
}

bool ParquetReader::ReadUndeclared(const Column& column, std::int64_t row, std::int64_t offset,
                                   ViolationSink* sink) {
  if (program_.unknown_policy() != UnknownPolicy::kQuarantine || column.cells->IsNull(row))
    return true;
  std::string found;
  if (sink != nullptr) {
    found = CellText(*column.cells, row);
    sink->Look(found, offset);
  }
  return Breaks(sink, ViolationKind::kUnknownField, column.name, "unknown",
                "a field of the contract");
}

void ParquetReader::WriteUnknown(std::int64_t row, std::string* out) const {
  if (program_.unknown_policy() != UnknownPolicy::kKeep) return;
  for (const std::size_t i : undeclared_) {
    if (columns_[i].cells->IsNull(row)) continue;
    out->push_back(out->empty() ? '{' : ',');
    AppendJsonText(columns_[i].name, out);
    out->push_back(':');
    AppendCellJson(*columns_[i].cells, row, out);
  }
  if (!out->empty()) out->push_back('}');
}

bool ParquetReader::Read(std::int64_t row, std::int64_t offset, std::vector<Slot>* slots,
                         std::string* unknown, ViolationSink* sink) {
  for (Slot& slot : *slots) slot.state = Slot::State::kAbsent;
  unknown->clear();
  bool good = true;
  for (Column& column : columns_) {
    const bool field_good =
        column.field < 0 ? ReadUndeclared(column, row, offset, sink)
                         : ReadDeclared(column, row, offset,
                                        &(*slots)[static_cast<std::size_t>(column.field)], sink);
    if (!field_good && sink == nullptr) return false;
    good &= field_good;
  }
  if (sink != nullptr) sink->Look("", offset);
  good &= program_.Complete(slots, sink);
  if (good) WriteUnknown(row, unknown);
  return good;
}
}  // namespace weirhouse::contract

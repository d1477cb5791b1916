#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"
#include "rules/contract/decode/csv_record.h"
#include "rules/contract/decode/json_record.h"

namespace weirhouse::contract {
namespace {
constexpr std::string_view kBlankLine = "a blank line";

bool Broken(ViolationSink* sink, ViolationKind kind, std::string_view path, std::string_view rule,
            const std::string& expected) {
  if (sink != nullptr) sink->Add(kind, path, rule, expected);
  return false;
}

// A quote that is never closed takes in the rest of its object, so only the last field of the last
// record can hold one. Reports it if it takes in more than its own line.
bool ReportUnclosed(std::string_view record, std::int64_t record_offset,
                    const std::vector<CsvSlice>& slices, const std::vector<std::string>& columns,
                    ViolationSink* sink) {
  if (slices.empty()) return false;
  const CsvSlice& last = slices.back();
  const bool open = last.quoted && last.malformed &&
                    last.text.data() + last.text.size() == record.data() + record.size();
  if (!open) return false;
  auto line_ends = std::count(last.text.begin(), last.text.end(), '\n');
  if (last.text.ends_with('\n')) --line_ends;
  if (line_ends < 1) return false;
  const std::size_t column = slices.size() - 1;
  sink->Look(last.text, record_offset + (last.text.data() - record.data()));
  sink->Add(ViolationKind::kNotCsv, column < columns.size() ? columns[column] : "", "csv",
            "RFC 4180 quoting",
            fmt::format("the quote that opens here is never closed, and takes {} {} up to the end "
                        "of the file with it",
                        WithThousands(line_ends), line_ends == 1 ? "line" : "lines"));
  return true;
}
}  // namespace

CsvReader::CsvReader(const RecordProgram& program, const SourceFormat& format,
                     std::vector<std::string> columns)
    : program_(program),
      nulls_(format.nulls),
      delimiter_(format.delimiter),
      columns_(std::move(columns)) {
  for (const std::string& null : nulls_) longest_null_ = std::max(longest_null_, null.size());
  std::vector<bool> present(program.fields().size(), false);
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    const int index = program.Find(columns_[column], static_cast<int>(column));
    field_of_column_.push_back(index);
    if (index >= 0) {
      present[static_cast<std::size_t>(index)] = true;
    } else {
      unknown_columns_.push_back(column);
    }
  }
  std::sort(unknown_columns_.begin(), unknown_columns_.end(),
            [this](std::size_t a, std::size_t b) { return columns_[a] < columns_[b]; });
  for (std::size_t i = 0; i < present.size(); ++i) {
    const FieldRules& field = program.fields()[i];
    if (!present[i]) absent_.push_back(field.name);
    if (!present[i] && field.required && !field.default_value) lacking_.push_back(field.name);
  }
  scratch_.resize(columns_.size());
  if (!lacking_.empty())
    shown_header_ = fmt::format("\"{}\"", EscapeControl(Join(columns_, "\", \"")));
}

std::string CsvReader::AdviceFor(const std::string& lacking) const {
  if (columns_.size() == 1) {
    const std::size_t other = columns_[0].find_first_of(";\t|,");
    if (other != std::string::npos) {
      const char found = columns_[0][other];
      return fmt::format(
          "a column of this name; if \"{0}\" separates the columns, write delimiter: \"{0}\" in "
          "the source, or, where files that it holds already have another, in a source of their "
          "own: the delimiter is that of all files of a source",
          found == '\t' ? std::string("\\t") : std::string(1, found));
    }
  }
  const std::string near = SimilarName(lacking, UndeclaredColumns());
  if (near.empty()) return "a column of this name: mend the file, or make the field optional";
  return fmt::format("a column of this name; \"{}\" is there: did you mean that?",
                     EscapeControl(near));
}

std::vector<std::string> CsvReader::UndeclaredColumns() const {
  std::vector<std::string> undeclared;
  for (const std::size_t column : unknown_columns_) undeclared.push_back(columns_[column]);
  return undeclared;
}

std::vector<AbsentField> CsvReader::AbsentFields() const {
  std::vector<AbsentField> fields;
  const std::vector<std::string> undeclared = UndeclaredColumns();
  for (const std::string& name : absent_) fields.push_back({name, SimilarName(name, undeclared)});
  return fields;
}

bool CsvReader::IsNull(std::string_view text) const {
  if (text.size() > longest_null_) return false;
  return std::find(nulls_.begin(), nulls_.end(), text) != nulls_.end();
}

bool CsvReader::ReadField(const CsvSlice& slice, std::size_t column, Slot* slot,
                          ViolationSink* sink) {
  const FieldRules& field = program_.fields()[static_cast<std::size_t>(field_of_column_[column])];
  const std::string_view text = slice.doubled ? CsvText(slice, &scratch_[column]) : slice.text;
  slot->state = Slot::State::kValue;
  // What stands beside the quotes is part of the field, so it is no null even if they hold one.
  if (slice.malformed) {
    return Broken(sink, ViolationKind::kNotCsv, field.name, "csv", "RFC 4180 quoting");
  }
  // Quotes distinguish a text that looks like null from null; other types have no such text.
  if ((!slice.quoted || field.type != LogicalType::kString) && IsNull(text)) {
    slot->state = Slot::State::kNull;
    return true;
  }
  if (static_cast<std::int64_t>(text.size()) > kStringBytesMax) {
    return Broken(sink, ViolationKind::kTooLarge, field.name, "string_bytes",
                  WithThousands(kStringBytesMax));
  }
  switch (ParseFieldValue(field, text, slot)) {
    case Parsed::kOk:
      return JudgeSlot(field, *slot, sink);
    case Parsed::kOutOfRange:
      return Broken(sink, ViolationKind::kOutOfRange, field.name, "range", RangeText(field));
    case Parsed::kWrongType:
      break;
  }
  if (sink != nullptr) {
    sink->Add(ViolationKind::kWrongType, field.name, "type", std::string(TypeName(field.type)),
              ExplainNotOfType(field.type, text));
  }
  return false;
}

bool CsvReader::ReadUnknown(const CsvSlice& slice, std::size_t column, ViolationSink* sink) {
  if (program_.unknown_policy() == UnknownPolicy::kQuarantine) {
    return Broken(sink, ViolationKind::kUnknownField, columns_[column], "unknown",
                  "a field of the contract");
  }
  if (slice.malformed) {
    return Broken(sink, ViolationKind::kNotCsv, columns_[column], "csv", "RFC 4180 quoting");
  }
  if (static_cast<std::int64_t>(slice.text.size()) > kStringBytesMax) {
    return Broken(sink, ViolationKind::kTooLarge, columns_[column], "string_bytes",
                  WithThousands(kStringBytesMax));
  }
  return true;
}

void CsvReader::WriteUnknown(std::string* out) {
  if (unknown_columns_.empty() || program_.unknown_policy() != UnknownPolicy::kKeep) return;
  char separator = '{';
  for (const std::size_t column : unknown_columns_) {
    const CsvSlice& slice = slices_[column];
    out->push_back(separator);
    AppendJsonText(columns_[column], out);
    out->push_back(':');
    if (!slice.quoted && IsNull(slice.text)) {
      *out += "null";
    } else {
      AppendJsonText(CsvText(slice, &scratch_[column]), out);
    }
    separator = ',';
  }
  out->push_back('}');
}

bool CsvReader::Read(std::string_view record, std::int64_t record_offset, std::vector<Slot>* slots,
                     std::string* unknown, ViolationSink* sink) {
  for (Slot& slot : *slots) slot.state = Slot::State::kAbsent;
  unknown->clear();
  const bool plain = SplitPlainCsvRecord(record, delimiter_, &slices_);
  const bool clean_text =
      plain || (IsValidUtf8(record) && record.find('\0') == std::string_view::npos);
  if (!clean_text && sink == nullptr) return false;
  const bool split = plain || SplitCsvRecord(record, delimiter_, &slices_);
  if (sink != nullptr && split && ReportUnclosed(record, record_offset, slices_, columns_, sink))
    return false;
  if (!split || slices_.size() != columns_.size()) {
    if (sink != nullptr) {
      const std::string found =
          split ? fmt::format("{} fields", slices_.size()) : "more than 10,000 fields";
      sink->Look(found, record_offset);
      sink->Add(ViolationKind::kWrongFieldCount, "", "fields",
                fmt::format("{} fields", columns_.size()));
    }
    return false;
  }
  bool good = true;
  for (std::size_t column = 0; column < slices_.size(); ++column) {
    const CsvSlice& slice = slices_[column];
    const int index = field_of_column_[column];
    if (sink != nullptr) {
      sink->Look(slice.text, record_offset + (slice.text.data() - record.data()));
      const bool clean = clean_text || (IsValidUtf8(slice.text) &&
                                        slice.text.find('\0') == std::string_view::npos);
      if (!clean) {
        good = Broken(sink, ViolationKind::kNotText, columns_[column], "utf8", "UTF-8 without NUL");
        if (index >= 0) (*slots)[static_cast<std::size_t>(index)].state = Slot::State::kValue;
        continue;
      }
    }
    const bool field_good =
        index < 0 ? ReadUnknown(slice, column, sink)
                  : ReadField(slice, column, &(*slots)[static_cast<std::size_t>(index)], sink);
    if (!field_good && sink == nullptr) return false;
    good &= field_good;
  }
  if (sink != nullptr) sink->Look(record.empty() ? kBlankLine : "", record_offset);
  good &= program_.Complete(slots, sink);
  if (good) WriteUnknown(unknown);
  return good;
}
}  // namespace weirhouse::contract

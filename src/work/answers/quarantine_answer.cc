#include "work/answers/quarantine_answer.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "ground/base/text.h"
#include "work/answers/rows_json.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

constexpr std::string_view kNamespace = "quarantine.";
// The columns that a list shows; the record's bytes are not among them.
const std::vector<std::string> kListed = {"object",   "line",   "byte_offset", "byte_length",
                                          "contract", "reason", "violations",  "_record"};
const std::vector<std::string> kNaming = {"object", "ordinal", "_record"};
const std::vector<std::string> kShown = {
    "object",        "ordinal",  "line",   "byte_offset", "byte_length",  "bytes",
    "record_digest", "contract", "reason", "violations",  "_ingested_at", "_record"};

Result<std::vector<std::string>> QuarantinedSources(work::Workspace& workspace,
                                                    const std::string& wanted) {
  std::vector<std::string> sources;
  WEIRHOUSE_TRY(const auto tables, workspace.catalog().Tables());
  for (const catalog::TablePointer& table : tables) {
    if (!table.name.starts_with(kNamespace)) continue;
    const std::string source = table.name.substr(kNamespace.size());
    if (wanted.empty() || wanted == source) sources.push_back(source);
  }
  if (!wanted.empty() && sources.empty() && workspace.project().FindSource(wanted) == nullptr) {
    std::vector<std::string> known;
    for (const work::Source& source : workspace.project().sources) known.push_back(source.name);
    return Status(Code::kNotFound, fmt::format("no such source: \"{}\"", wanted))
        .WithError("WH8037")
        .WithHint(DidYouMean(wanted, known));
  }
  return sources;
}

Result<iceberg::Scan> PlanOf(work::Workspace& workspace, const iceberg::TablePtr& table,
                             const std::vector<std::string>& columns) {
  iceberg::ScanOptions options;
  options.columns = columns;
  return iceberg::Scan::Plan(workspace.store(), table, options);
}

Result<iceberg::TablePtr> TableOf(work::Workspace& workspace, const std::string& source) {
  return workspace.LoadTable(std::string(kNamespace) + source);
}

QuarantinedRecord RecordAt(const std::string& source, const arrow::Table& rows, std::int64_t row) {
  json object = json::object();
  for (int column = 0; column < rows.num_columns(); ++column)
    object[rows.field(column)->name()] = CellAsJson(*rows.column(column), row);
  return {source, std::move(object)};
}

// Removes the place, which earlier releases wrote into the reason: equal faults are one reason.
std::string WithoutPlace(const std::string& reason) {
  for (const std::string_view place : {": byte offset ", ": compressed byte offset "}) {
    const std::size_t at = reason.rfind(place);
    if (at != std::string::npos &&
        reason.find_first_not_of("0123456789", at + place.size()) == std::string::npos) {
      return reason.substr(0, at);
    }
  }
  return reason;
}

using Reasons = std::map<std::string, QuarantineReasonRow>;

void CountReasons(const std::string& source, const arrow::Table& rows, Reasons* reasons) {
  std::int64_t row = 0;
  for (const auto& chunk : rows.GetColumnByName("reason")->chunks()) {
    const auto& values = static_cast<const arrow::StringArray&>(*chunk);
    for (std::int64_t i = 0; i < values.length(); ++i, ++row) {
      const std::string rule = WithoutPlace(values.GetString(i));
      QuarantineReasonRow& reason = (*reasons)[rule];
      if (reason.records++ > 0) continue;
      const QuarantinedRecord first = RecordAt(source, rows, row);
      reason.reason = rule;
      reason.first = first.place();
      reason.found = first.found();
    }
  }
}

// What "weather/311" names: the record of that number, or else the object of that name.
struct NamedRecord {
  std::string source;
  std::string object;
  std::optional<std::int64_t> number;
  bool Is(const QuarantinedRecord& one) const {
    if (number && one.value("_record") == *number) return true;
    return one.value("ordinal").is_null() && one.text("object") == object;
  }
};

Result<NamedRecord> ParseName(const std::string& id) {
  const std::size_t slash = id.find('/');
  if (slash == std::string::npos || slash + 1 == id.size()) {
    return Status(Code::kInvalidInput,
                  fmt::format("expected SOURCE/RECORD or SOURCE/OBJECT, found \"{}\"", id))
        .WithError("WH8033")
        .WithHint("`wh quarantine list` shows them");
  }
  NamedRecord named{id.substr(0, slash), id.substr(slash + 1), std::nullopt};
  std::int64_t number = 0;
  const char* end = named.object.data() + named.object.size();
  const auto [stop, error] = std::from_chars(named.object.data(), end, number);
  if (error == std::errc() && stop == end) named.number = number;
  return named;
}

// Reads the columns that name a record in all files, and the whole file that holds the record.
Result<std::optional<QuarantinedRecord>> FindNamed(work::Workspace& workspace,
                                                   const std::string& source,
                                                   const NamedRecord& named) {
  WEIRHOUSE_TRY(const iceberg::TablePtr table, TableOf(workspace, source));
  WEIRHOUSE_TRY(const iceberg::Scan names, PlanOf(workspace, table, kNaming));
  for (std::size_t file = 0; file < names.tasks().size(); ++file) {
    WEIRHOUSE_TRY(const auto rows, names.Read(names.tasks()[file]));
    for (std::int64_t row = 0; row < rows->num_rows(); ++row) {
      if (!named.Is(RecordAt(source, *rows, row))) continue;
      WEIRHOUSE_TRY(const iceberg::Scan whole, PlanOf(workspace, table, kShown));
      WEIRHOUSE_TRY(const auto found, whole.Read(whole.tasks()[file]));
      return std::optional(RecordAt(source, *found, row));
    }
  }
  return std::optional<QuarantinedRecord>();
}
}  // namespace

json QuarantinedRecord::value(const char* column) const { return row.value(column, json()); }

std::string QuarantinedRecord::text(const char* column) const {
  const json found_value = value(column);
  return found_value.is_string() ? found_value.get<std::string>() : std::string();
}

std::string QuarantinedRecord::place() const {
  const std::string object = source + "/" + text("object");
  const json line = value("line");
  return line.is_number() ? fmt::format("{}:{}", object, line.get<std::int64_t>()) : object;
}

std::string QuarantinedRecord::found() const {
  const json violations = json::parse(text("violations"), nullptr, /*allow_exceptions=*/false);
  if (!violations.is_array() || violations.empty()) return "";
  return violations[0].value("found", "");
}

std::optional<std::string> QuarantinedRecord::id() const {
  const json number = value("_record");
  if (number.is_null()) return std::nullopt;
  return fmt::format("{}/{}", source, number.dump());
}

json ToJson(const QuarantinedRecord& record) {
  const std::optional<std::string> id = record.id();
  const std::string found = record.found();
  return {
      {"record", id ? json(*id) : json()},         {"place", record.place()},
      {"reason", record.text("reason")},           {"found", found.empty() ? json() : json(found)},
      {"contract", record.text("contract")},       {"byte_offset", record.value("byte_offset")},
      {"byte_length", record.value("byte_length")}};
}

Result<QuarantineReader> QuarantineReader::Open(work::Workspace& workspace,
                                                const std::string& source) {
  QuarantineReader reader;
  WEIRHOUSE_TRY(const auto sources, QuarantinedSources(workspace, source));
  for (const std::string& one : sources) {
    WEIRHOUSE_TRY(const iceberg::TablePtr table, TableOf(workspace, one));
    WEIRHOUSE_TRY(iceberg::Scan shown, PlanOf(workspace, table, kListed));
    WEIRHOUSE_TRY(iceberg::Scan counted, PlanOf(workspace, table, {"ordinal"}));
    reader.parts_.push_back({one, std::move(shown), std::move(counted)});
  }
  return reader;
}

Result<std::optional<QuarantineReader::Page>> QuarantineReader::Next(std::int64_t most) {
  while (part_ < parts_.size() && file_ == parts_[part_].shown.tasks().size()) {
    ++part_;
    file_ = 0;
  }
  if (part_ == parts_.size()) return std::optional<Page>();
  const Part& part = parts_[part_];
  WEIRHOUSE_TRY(const auto rows, part.shown.Read(part.shown.tasks()[file_]));
  ++file_;
  Page page;
  const std::int64_t taken = std::min(rows->num_rows(), most);
  for (std::int64_t row = 0; row < taken; ++row)
    page.records.push_back(RecordAt(part.source, *rows, row));
  page.left_out = rows->num_rows() - taken;
  return std::optional(std::move(page));
}

Result<std::int64_t> QuarantineReader::CountRest() const {
  std::int64_t count = 0;
  for (std::size_t number = part_; number < parts_.size(); ++number) {
    const iceberg::Scan& scan = parts_[number].counted;
    for (const iceberg::Scan::Task& task : scan.tasks().subspan(number == part_ ? file_ : 0)) {
      if (task.deletes.empty()) {
        count += task.file.row_count;
        continue;
      }
      WEIRHOUSE_TRY(const auto rows, scan.Read(task));
      count += rows->num_rows();
    }
  }
  return count;
}

Result<QuarantineReasonsAnswer> ListQuarantineReasons(work::Workspace& workspace,
                                                      const std::string& source) {
  Reasons reasons;
  WEIRHOUSE_TRY(const auto sources, QuarantinedSources(workspace, source));
  for (const std::string& one : sources) {
    WEIRHOUSE_TRY(const iceberg::TablePtr table, TableOf(workspace, one));
    WEIRHOUSE_TRY(const iceberg::Scan scan, PlanOf(workspace, table, kListed));
    for (const iceberg::Scan::Task& task : scan.tasks()) {
      WEIRHOUSE_TRY(const auto rows, scan.Read(task));
      CountReasons(one, *rows, &reasons);
    }
  }
  QuarantineReasonsAnswer answer;
  for (auto& [rule, reason] : reasons) answer.reasons.push_back(std::move(reason));
  std::stable_sort(answer.reasons.begin(), answer.reasons.end(),
                   [](const auto& a, const auto& b) { return a.records > b.records; });
  return answer;
}

json ToJson(const QuarantineReasonsAnswer& answer) {
  json list = json::array();
  for (const QuarantineReasonRow& row : answer.reasons) {
    list.push_back({{"reason", row.reason},
                    {"records", row.records},
                    {"first", row.first},
                    {"found", row.found.empty() ? json() : json(row.found)}});
  }
  return {{"reasons", std::move(list)}};
}

Result<QuarantinedAnswer> ReadQuarantined(work::Workspace& workspace, const std::string& id) {
  WEIRHOUSE_TRY(const NamedRecord named, ParseName(id));
  WEIRHOUSE_TRY(const auto sources, QuarantinedSources(workspace, named.source));
  for (const std::string& source : sources) {
    WEIRHOUSE_TRY(std::optional<QuarantinedRecord> one, FindNamed(workspace, source, named));
    if (one) return QuarantinedAnswer{*std::move(one)};
  }
  return Status(Code::kNotFound, fmt::format("no such record in quarantine: {}", id))
      .WithError("WH8037")
      .WithHint("`wh quarantine list` shows them");
}

json ToJson(const QuarantinedAnswer& answer) {
  json row = answer.record.row;
  row["violations"] = json::parse(answer.record.text("violations"), nullptr, false);
  row["source"] = answer.record.source;
  return {{"record", std::move(row)}};
}
}  // namespace weirhouse::answers

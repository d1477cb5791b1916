// quarantine list, show, retry: what the contracts refused, and why.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "app/command/print/cell.h"
#include "app/command/verb/run_report.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "ground/iceberg/table.h"
#include "work/pipeline/pipeline.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

constexpr std::string_view kNamespace = "quarantine.";
// Rows that are printed at once, where each is for itself.
constexpr std::size_t kPrintedAtOnce = 1000;
// What a list shows. The bytes are not among it.
const std::vector<std::string> kListed = {"object",   "line",   "byte_offset", "byte_length",
                                          "contract", "reason", "violations",  "_record"};
const std::vector<std::string> kNaming = {"object", "ordinal", "_record"};
const std::vector<std::string> kShown = {
    "object",        "ordinal",  "line",   "byte_offset", "byte_length",  "bytes",
    "record_digest", "contract", "reason", "violations",  "_ingested_at", "_record"};

struct RefusedObject {
  std::string source;
  json row;  // by column name
};

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

// The quarantine of one source, read file by file: never all of it.
class Quarantine {
 public:
  static Result<Quarantine> Open(work::Workspace& workspace, const std::string& source) {
    Quarantine quarantine;
    quarantine.workspace_ = &workspace;
    quarantine.source_ = source;
    WEIRHOUSE_TRY(quarantine.table_, workspace.LoadTable(std::string(kNamespace) + source));
    return quarantine;
  }
  const std::string& source() const { return source_; }

  Result<iceberg::Scan> Plan(const std::vector<std::string>& columns) const {
    iceberg::ScanOptions options;
    options.columns = columns;
    return iceberg::Scan::Plan(workspace_->store(), table_, options);
  }
  RefusedObject At(const arrow::Table& rows, std::int64_t row) const {
    json object = json::object();
    for (int column = 0; column < rows.num_columns(); ++column)
      object[rows.field(column)->name()] = CellAsJson(*rows.column(column), row);
    return {source_, std::move(object)};
  }
  // How many rows the files hold from the `first` on, of which no column that is shown is read.
  Result<std::int64_t> CountFrom(std::size_t first) const {
    WEIRHOUSE_TRY(const iceberg::Scan scan, Plan({"ordinal"}));
    std::int64_t count = 0;
    for (const iceberg::Scan::Task& task : scan.tasks().subspan(first)) {
      if (task.deletes.empty()) {
        count += task.file.row_count;
        continue;
      }
      WEIRHOUSE_TRY(const auto rows, scan.Read(task));
      count += rows->num_rows();
    }
    return count;
  }

 private:
  work::Workspace* workspace_ = nullptr;
  std::string source_;
  iceberg::TablePtr table_;
};

Result<std::vector<Quarantine>> OpenAll(work::Workspace& workspace, const std::string& wanted) {
  WEIRHOUSE_TRY(const std::vector<std::string> sources, QuarantinedSources(workspace, wanted));
  std::vector<Quarantine> all;
  for (const std::string& source : sources) {
    WEIRHOUSE_TRY(Quarantine one, Quarantine::Open(workspace, source));
    all.push_back(std::move(one));
  }
  return all;
}

// "weather/2013-02-12.csv:26"
std::string ShownPlace(const RefusedObject& refused) {
  std::string place = refused.source + "/" + refused.row.value("object", "");
  const json line = refused.row.value("line", json());
  if (line.is_number()) place += fmt::format(":{}", line.get<std::int64_t>());
  return place;
}

std::string FoundIn(const RefusedObject& refused) {
  const json violations = json::parse(refused.row.value("violations", "[]"), nullptr, false);
  if (!violations.is_array() || violations.empty()) return "";
  return violations[0].value("found", "");
}

// Rows of earlier releases say in the reason where it was; equal faults are one reason.
std::string RuleOf(const std::string& reason) {
  for (const std::string_view place : {": byte offset ", ": compressed byte offset "}) {
    const std::size_t at = reason.rfind(place);
    if (at != std::string::npos &&
        reason.find_first_not_of("0123456789", at + place.size()) == std::string::npos) {
      return reason.substr(0, at);
    }
  }
  return reason;
}

struct Reason {
  std::int64_t records = 0;
  std::string first;
  std::string found;
};

Status ListByReason(Context& context, const std::vector<Quarantine>& all) {
  std::map<std::string, Reason> reasons;
  for (const Quarantine& quarantine : all) {
    WEIRHOUSE_TRY(const iceberg::Scan scan, quarantine.Plan(kListed));
    for (const iceberg::Scan::Task& task : scan.tasks()) {
      WEIRHOUSE_TRY(const auto rows, scan.Read(task));
      const auto texts = rows->GetColumnByName("reason");
      std::int64_t row = 0;
      for (const auto& chunk : texts->chunks()) {
        const auto& values = static_cast<const arrow::StringArray&>(*chunk);
        for (std::int64_t i = 0; i < values.length(); ++i, ++row) {
          Reason& reason = reasons[RuleOf(values.GetString(i))];
          if (reason.records++ > 0) continue;
          const RefusedObject first = quarantine.At(*rows, row);
          reason.first = ShownPlace(first);
          reason.found = FoundIn(first);
        }
      }
    }
  }
  std::vector<std::pair<std::string, Reason>> sorted(reasons.begin(), reasons.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second.records > b.second.records;
  });
  Listing listing("reasons", {"reason", "records", "first", "found"});
  for (const auto& [text, reason] : sorted) {
    listing.Add(
        {text, reason.records, reason.first, reason.found.empty() ? json() : json(reason.found)});
  }
  context.Print(listing);
  return Status();
}

// Prints rows as they come. In JSON none is kept; as text those shown are, for their widths.
class RowPrinter {
 public:
  explicit RowPrinter(Context& context) : context_(context) {}

  void Add(const RefusedObject& one) {
    const json record = one.row.value("_record", json());
    const std::string found = FoundIn(one);
    listing_.Add({record.is_null() ? json() : json(fmt::format("{}/{}", one.source, record.dump())),
                  ShownPlace(one), one.row.value("reason", ""),
                  found.empty() ? json() : json(found), one.row.value("contract", "")});
    listing_.Detail("byte_offset", one.row.value("byte_offset", json()));
    listing_.Detail("byte_length", one.row.value("byte_length", json()));
    if (context_.wants_json() && listing_.size() == kPrintedAtOnce) Flush();
  }
  void Finish() {
    if (!context_.wants_json()) return context_.Print(listing_);
    Flush();
    if (!context_.invocation().jsonl) {
      context_.streams().Out(fmt::format("{}],\"schema_version\":1{}}}\n", begun_ ? "" : Opening(),
                                         context_.DraftMember()));
    }
  }

 private:
  static Listing NoRows() {
    return Listing("quarantine", {"record", "place", "reason", "found", "contract"});
  }
  std::string Opening() const { return fmt::format("{{\"{}\":[", listing_.name()); }

  void Flush() {
    context_.progress().Finish();
    if (context_.invocation().jsonl) {
      context_.streams().Out(listing_.AsJsonLines());
    } else {
      std::string text;
      for (const json& row : listing_.AsJson()) {
        text += (begun_ ? "," : Opening()) + Dump(row);
        begun_ = true;
      }
      context_.streams().Out(text);
    }
    listing_ = NoRows();
  }

  Context& context_;
  Listing listing_ = NoRows();
  bool begun_ = false;
};
}  // namespace

Result<int> RunQuarantineList(Context& context) {
  const std::string by = context.invocation().Option("by").value_or("");
  if (!by.empty() && by != "reason")
    return UsageError(fmt::format("--by knows \"reason\", found \"{}\"", by));
  WEIRHOUSE_TRY(const std::int64_t asked, context.IntOption("limit", 40, 1, 1'000'000'000));
  // Programs are given all, unless they ask for less.
  const bool whole = context.wants_json() && !context.invocation().Option("limit");
  const std::int64_t limit = whole ? std::numeric_limits<std::int64_t>::max() : asked;
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const std::vector<Quarantine> all,
                OpenAll(*workspace, context.invocation().Word(0)));
  if (by == "reason") {
    WEIRHOUSE_TRY_STATUS(ListByReason(context, all));
    return kExitOk;
  }
  RowPrinter printer(context);
  std::int64_t shown = 0;
  std::int64_t more = 0;
  for (const Quarantine& quarantine : all) {
    WEIRHOUSE_TRY(const iceberg::Scan scan, quarantine.Plan(kListed));
    std::size_t file = 0;
    for (; file < scan.tasks().size() && shown < limit; ++file) {
      WEIRHOUSE_TRY(const auto rows, scan.Read(scan.tasks()[file]));
      const std::int64_t taken = std::min(rows->num_rows(), limit - shown);
      for (std::int64_t row = 0; row < taken; ++row) printer.Add(quarantine.At(*rows, row));
      shown += taken;
      more += rows->num_rows() - taken;
    }
    WEIRHOUSE_TRY(const std::int64_t unread, quarantine.CountFrom(file));
    more += unread;
  }
  printer.Finish();
  if (more > 0) context.Say(fmt::format("… and {} more: --limit N", more));
  return kExitOk;
}

namespace {
// "weather/311", or "weather/2013-02-12.csv" of an object that was refused whole.
struct ShownRecord {
  std::string source;
  std::string object;                  // empty: a record
  std::optional<std::int64_t> record;  // absent: an object by its name
  bool Names(const RefusedObject& one) const {
    if (record && one.row.value("_record", json()) == *record) return true;
    return one.row.value("ordinal", json()).is_null() && one.row.value("object", "") == object;
  }
};

Result<ShownRecord> ParseShown(const std::string& word) {
  const std::size_t slash = word.find('/');
  if (slash == std::string::npos || slash + 1 == word.size()) {
    return UsageError(fmt::format("expected SOURCE/RECORD or SOURCE/OBJECT, found \"{}\"", word),
                      "`wh quarantine list` shows them");
  }
  ShownRecord shown{word.substr(0, slash), word.substr(slash + 1), std::nullopt};
  std::int64_t record = 0;
  const char* end = shown.object.data() + shown.object.size();
  const auto [stop, error] = std::from_chars(shown.object.data(), end, record);
  if (error == std::errc() && stop == end) shown.record = record;
  return shown;
}

// Looks through what names a record, and reads all of the file that holds it.
Result<std::optional<RefusedObject>> FindObject(const Quarantine& quarantine,
                                                const ShownRecord& shown) {
  WEIRHOUSE_TRY(const iceberg::Scan names, quarantine.Plan(kNaming));
  for (std::size_t file = 0; file < names.tasks().size(); ++file) {
    WEIRHOUSE_TRY(const auto rows, names.Read(names.tasks()[file]));
    for (std::int64_t row = 0; row < rows->num_rows(); ++row) {
      if (!shown.Names(quarantine.At(*rows, row))) continue;
      WEIRHOUSE_TRY(const iceberg::Scan whole, quarantine.Plan(kShown));
      WEIRHOUSE_TRY(const auto found, whole.Read(whole.tasks()[file]));
      return std::optional<RefusedObject>(quarantine.At(*found, row));
    }
  }
  return std::optional<RefusedObject>();
}
}  // namespace

Result<int> RunQuarantineShow(Context& context) {
  const std::string word = context.invocation().Word(0);
  WEIRHOUSE_TRY(const ShownRecord shown, ParseShown(word));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const std::vector<Quarantine> all, OpenAll(*workspace, shown.source));
  for (const Quarantine& quarantine : all) {
    WEIRHOUSE_TRY(const std::optional<RefusedObject> one, FindObject(quarantine, shown));
    if (!one) continue;
    json row = one->row;
    row["violations"] = json::parse(one->row.value("violations", "[]"), nullptr, false);
    context.Line(
        fmt::format("{}  bytes {} to {}  contract {}", EscapeControl(ShownPlace(*one)),
                    row["byte_offset"].dump(),
                    row["byte_offset"].get<std::int64_t>() + row["byte_length"].get<std::int64_t>(),
                    EscapeControl(one->row.value("contract", ""))));
    for (const json& violation : row["violations"])
      context.Line("  " + EscapeControl(Dump(violation)));
    const json bytes = one->row.value("bytes", json());
    if (!bytes.is_null()) context.Line(DisplayText(bytes));
    row["source"] = quarantine.source();
    context.Answer({{"record", std::move(row)}});
    return kExitOk;
  }
  return Status(Code::kNotFound, fmt::format("no such record in quarantine: {}", word))
      .WithError("WH8037")
      .WithHint("`wh quarantine list` shows them");
}

Result<int> RunQuarantineRetry(Context& context) {
  const std::string word = context.invocation().Word(0);
  const std::size_t slash = word.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == word.size()) {
    return UsageError(fmt::format("expected SOURCE/OBJECT, found \"{}\"", word),
                      "`wh quarantine list` shows them");
  }
  if (context.invocation().dry_run) {
    context.Line(fmt::format("would be read once more: {}", EscapeControl(word)));
    context.Answer({{"object", word}});
    return kExitOk;
  }
  WEIRHOUSE_TRY(work::Workspace * workspace, context.WritingIfApplied());
  WEIRHOUSE_TRY(const work::RunSummary summary,
                work::RetryObject(*workspace, word.substr(0, slash), word.substr(slash + 1),
                                  context.progress()));
  return ReportRun(context, *workspace, summary);
}
}  // namespace weirhouse::command

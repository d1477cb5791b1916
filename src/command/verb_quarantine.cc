// quarantine list, show, retry: what the contracts refused, and why.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "command/cell.h"
#include "command/run_report.h"
#include "command/verbs.h"
#include "engine/pipeline.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

constexpr std::string_view kNamespace = "quarantine.";
const std::vector<std::string> kColumns = {
    "object",        "ordinal",  "line",   "byte_offset", "byte_length",  "bytes",
    "record_digest", "contract", "reason", "violations",  "_ingested_at", "_record"};

struct Refused {
  std::string source;
  json row;  // by column name
};

Result<std::vector<std::string>> QuarantinedSources(engine::Workspace& workspace,
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
    for (const engine::Source& source : workspace.project().sources) known.push_back(source.name);
    return Status(Code::kNotFound, fmt::format("no such source: \"{}\"", wanted))
        .WithError("WH8037")
        .WithHint(DidYouMean(wanted, known));
  }
  return sources;
}

Result<std::vector<Refused>> ReadRefused(engine::Workspace& workspace, const std::string& source) {
  std::vector<Refused> refused;
  WEIRHOUSE_TRY(const auto rows, workspace.ReadTable(std::string(kNamespace) + source, kColumns));
  for (std::int64_t row = 0; row < rows->num_rows(); ++row) {
    json object = json::object();
    for (int column = 0; column < rows->num_columns(); ++column)
      object[rows->field(column)->name()] = CellAsJson(*rows->column(column), row);
    refused.push_back({source, std::move(object)});
  }
  return refused;
}

// "weather/2013-02-12.csv:26"
std::string PlaceOf(const Refused& refused) {
  std::string place = refused.source + "/" + refused.row.value("object", "");
  const json line = refused.row.value("line", json());
  if (line.is_number()) place += fmt::format(":{}", line.get<std::int64_t>());
  return place;
}

std::string FoundIn(const Refused& refused) {
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

void ListByReason(Context& context, const std::vector<Refused>& refused) {
  std::map<std::string, std::vector<const Refused*>> reasons;
  for (const Refused& one : refused) reasons[RuleOf(one.row.value("reason", ""))].push_back(&one);
  std::vector<std::pair<std::string, std::vector<const Refused*>>> sorted(reasons.begin(),
                                                                          reasons.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  Listing listing("reasons", {"reason", "records", "first", "found"});
  for (const auto& [reason, records] : sorted) {
    const std::string found = FoundIn(*records[0]);
    listing.Add({reason, static_cast<std::int64_t>(records.size()), PlaceOf(*records[0]),
                 found.empty() ? json() : json(found)});
  }
  context.Print(listing);
}
}  // namespace

Result<int> RunQuarantineList(Context& context) {
  const std::string by = context.invocation().Option("by").value_or("");
  if (!by.empty() && by != "reason")
    return UsageError(fmt::format("--by knows \"reason\", found \"{}\"", by));
  WEIRHOUSE_TRY(const std::int64_t limit, context.IntOption("limit", 40, 1, 1'000'000'000));
  WEIRHOUSE_TRY(engine::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const std::vector<std::string> sources,
                QuarantinedSources(*workspace, context.invocation().Word(0)));
  std::vector<Refused> refused;
  for (const std::string& source : sources) {
    WEIRHOUSE_TRY(std::vector<Refused> some, ReadRefused(*workspace, source));
    refused.insert(refused.end(), std::make_move_iterator(some.begin()),
                   std::make_move_iterator(some.end()));
  }
  if (by == "reason") {
    ListByReason(context, refused);
    return kExitOk;
  }
  Listing listing("quarantine", {"record", "place", "reason", "found", "contract"});
  const std::size_t shown = context.wants_json()
                                ? refused.size()
                                : std::min(refused.size(), static_cast<std::size_t>(limit));
  for (std::size_t i = 0; i < shown; ++i) {
    const Refused& one = refused[i];
    const json record = one.row.value("_record", json());
    const std::string found = FoundIn(one);
    listing.Add({record.is_null() ? json() : json(fmt::format("{}/{}", one.source, record.dump())),
                 PlaceOf(one), one.row.value("reason", ""), found.empty() ? json() : json(found),
                 one.row.value("contract", "")});
    listing.Detail("byte_offset", one.row.value("byte_offset", json()));
    listing.Detail("byte_length", one.row.value("byte_length", json()));
  }
  context.Print(listing);
  if (shown < refused.size())
    context.Say(fmt::format("… and {} more: --limit N", refused.size() - shown));
  return kExitOk;
}

namespace {
// "weather/311", or "weather/2013-02-12.csv" of an object that was refused whole.
struct ShownRecord {
  std::string source;
  std::string object;                  // empty: a record
  std::optional<std::int64_t> record;  // absent: an object by its name
  bool Names(const Refused& one) const {
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
}  // namespace

Result<int> RunQuarantineShow(Context& context) {
  const std::string word = context.invocation().Word(0);
  WEIRHOUSE_TRY(const ShownRecord shown, ParseShown(word));
  WEIRHOUSE_TRY(engine::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const std::vector<std::string> sources,
                QuarantinedSources(*workspace, shown.source));
  for (const std::string& source : sources) {
    WEIRHOUSE_TRY(const std::vector<Refused> refused, ReadRefused(*workspace, source));
    for (const Refused& one : refused) {
      if (!shown.Names(one)) continue;
      json row = one.row;
      row["violations"] = json::parse(one.row.value("violations", "[]"), nullptr, false);
      context.Line(fmt::format(
          "{}  bytes {} to {}  contract {}", EscapeControl(PlaceOf(one)), row["byte_offset"].dump(),
          row["byte_offset"].get<std::int64_t>() + row["byte_length"].get<std::int64_t>(),
          EscapeControl(one.row.value("contract", ""))));
      for (const json& violation : row["violations"])
        context.Line("  " + EscapeControl(Dump(violation)));
      const json bytes = one.row.value("bytes", json());
      if (!bytes.is_null()) context.Line(DisplayText(bytes));
      row["source"] = source;
      context.Answer({{"record", std::move(row)}});
      return kExitOk;
    }
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
  WEIRHOUSE_TRY(engine::Workspace * workspace, context.Writing());
  WEIRHOUSE_TRY(const engine::RunSummary summary,
                engine::RetryObject(*workspace, word.substr(0, slash), word.substr(slash + 1),
                                    context.progress()));
  return ReportRun(context, *workspace, summary);
}
}  // namespace weirhouse::command

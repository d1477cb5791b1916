// quarantine list, show, retry: what the contracts refused, and why.
#include <fmt/format.h>

#include <limits>

#include "app/command/verb/run_report.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "work/answers/quarantine_answer.h"
#include "work/pipeline/pipeline.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

// Rows printed at once as JSON lines, which need no common column widths.
constexpr std::size_t kPrintedAtOnce = 1000;

json OrNull(const std::string& text) { return text.empty() ? json() : json(text); }

Status ListByReason(Context& context, work::Workspace& workspace, const std::string& source) {
  WEIRHOUSE_TRY(const answers::QuarantineReasonsAnswer answer,
                answers::ListQuarantineReasons(workspace, source));
  Listing listing("reasons", {"reason", "records", "first", "found"});
  for (const answers::QuarantineReasonRow& row : answer.reasons)
    listing.Add({row.reason, row.records, row.first, OrNull(row.found)});
  context.Print(listing, answers::ToJson(answer));
  return Status();
}

// Prints rows as they come. As JSON it keeps none; as text it keeps those shown, to align the
// columns.
class RowPrinter {
 public:
  explicit RowPrinter(Context& context) : context_(context) {}

  void Add(const answers::QuarantinedRecord& one) {
    if (context_.wants_json()) {
      rows_.push_back(answers::ToJson(one));
      if (rows_.size() == kPrintedAtOnce) Flush();
      return;
    }
    listing_.Add({OrNull(one.id().value_or("")), one.place(), one.text("reason"),
                  OrNull(one.found()), one.text("contract")});
  }
  void Finish() {
    if (!context_.wants_json()) return context_.Print(listing_);
    Flush();
    if (!context_.invocation().jsonl) {
      context_.streams().Out(fmt::format("{}],\"schema_version\":1{}}}\n", begun_ ? "" : kOpening,
                                         context_.DraftMember()));
    }
  }

 private:
  static constexpr const char* kOpening = "{\"quarantine\":[";

  void Flush() {
    context_.progress().Finish();
    std::string text;
    for (json& row : rows_) {
      if (context_.invocation().jsonl) {
        row["schema_version"] = 1;
        text += Dump(row) + "\n";
        continue;
      }
      text += (begun_ ? "," : kOpening) + Dump(row);
      begun_ = true;
    }
    context_.streams().Out(text);
    rows_.clear();
  }

  Context& context_;
  Listing listing_{"quarantine", {"record", "place", "reason", "found", "contract"}};
  std::vector<json> rows_;
  bool begun_ = false;
};
}  // namespace

Result<int> RunQuarantineList(Context& context) {
  const std::string by = context.invocation().Option("by").value_or("");
  if (!by.empty() && by != "reason")
    return UsageError(fmt::format("--by takes \"reason\", found \"{}\"", by));
  WEIRHOUSE_TRY(const std::int64_t asked, context.IntOption("limit", 40, 1, 1'000'000'000));
  // Programs get all rows, unless they ask for fewer.
  const bool whole = context.wants_json() && !context.invocation().Option("limit");
  const std::int64_t limit = whole ? std::numeric_limits<std::int64_t>::max() : asked;
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  const std::string source = context.invocation().Word(0);
  if (by == "reason") {
    WEIRHOUSE_TRY_STATUS(ListByReason(context, *workspace, source));
    return kExitOk;
  }
  WEIRHOUSE_TRY(auto reader, answers::QuarantineReader::Open(*workspace, source));
  RowPrinter printer(context);
  std::int64_t shown = 0;
  std::int64_t more = 0;
  while (shown < limit) {
    WEIRHOUSE_TRY(const auto page, reader.Next(limit - shown));
    if (!page) break;
    for (const answers::QuarantinedRecord& one : page->records) printer.Add(one);
    shown += static_cast<std::int64_t>(page->records.size());
    more += page->left_out;
  }
  WEIRHOUSE_TRY(const std::int64_t unread, reader.CountRest());
  more += unread;
  printer.Finish();
  if (more > 0) context.Say(fmt::format("… and {} more: --limit N", more));
  return kExitOk;
}

Result<int> RunQuarantineShow(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::QuarantinedAnswer answer,
                answers::ReadQuarantined(*workspace, context.invocation().Word(0)));
  const answers::QuarantinedRecord& one = answer.record;
  const json document = answers::ToJson(answer);
  const json& row = document["record"];
  context.Line(fmt::format(
      "{}  bytes {} to {}  contract {}", EscapeControl(one.place()), row["byte_offset"].dump(),
      row["byte_offset"].get<std::int64_t>() + row["byte_length"].get<std::int64_t>(),
      EscapeControl(one.text("contract"))));
  for (const json& violation : row["violations"])
    context.Line("  " + EscapeControl(Dump(violation)));
  if (!one.value("bytes").is_null()) context.Line(DisplayText(one.value("bytes")));
  context.Answer(document);
  return kExitOk;
}

Result<int> RunQuarantineRetry(Context& context) {
  const std::string word = context.invocation().Word(0);
  const std::size_t slash = word.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == word.size()) {
    return UsageError(fmt::format("expected SOURCE/OBJECT, found \"{}\"", word),
                      "`wh quarantine list` shows them");
  }
  if (context.invocation().dry_run) {
    context.Line(fmt::format("would be read again: {}", EscapeControl(word)));
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

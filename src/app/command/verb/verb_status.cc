// status: what became of every record, which tables stand where, what waits and what halts.
#include <fmt/format.h>

#include <algorithm>

#include "app/command/delivery_report.h"
#include "app/command/verb/run_report.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "ground/catalog/table_catalog.h"
#include "work/answers/status_answer.h"

namespace weirhouse::command {
namespace {
using answers::StatusAnswer;

constexpr std::size_t kRefusedShown = 3;
constexpr std::size_t kDueShown = 3;

std::string CountsText(const std::map<std::string, std::int64_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", WithThousands(count), name);
  return text.empty() ? "none" : text;
}

void PrintRecords(Context& context, const StatusAnswer& status) {
  std::string sum = FormatStates(status.states);
  if (status.waiting_records > 0)
    sum += fmt::format(" + {} waiting", WithThousands(status.waiting_records));
  context.Line(fmt::format("records    {} objects  {} records {} {}", WithThousands(status.objects),
                           WithThousands(status.records), status.adds_up() ? "=" : "DIFFERS FROM",
                           sum));
}

void PrintWaiting(Context& context, const answers::Waiting& waiting) {
  if (!waiting.refused.empty())
    return context.Line("waiting    unknown: " + EscapeControl(waiting.refused));
  context.Line(fmt::format("waiting    {} landed objects in {} batches; {} changes to apply",
                           WithThousands(waiting.objects), WithThousands(waiting.batches),
                           waiting.changes));
  for (const auto& [source, records] : waiting.in_topics)
    context.Line(fmt::format("           {} records of the topic of {}", WithThousands(records),
                             EscapeControl(source)));
  if (waiting.behind_halted) {
    context.Line(fmt::format("           {} records of stored batches behind {}",
                             WithThousands(waiting.behind_halted->records),
                             ToString(waiting.behind_halted->run)));
  }
  if (!waiting.views.empty()) context.Line("           " + StoryOfViews(waiting.views));
  if (waiting.being_written != 0) {
    context.Line(fmt::format("           {} files that a process has open for writing",
                             WithThousands(waiting.being_written)));
  }
}

void PrintKeptOut(Context& context, const StatusAnswer& status) {
  std::string quarantined;
  for (const auto& [source, records] : status.quarantined) {
    quarantined += fmt::format("{}{} of {}", quarantined.empty() ? "" : ", ",
                               WithThousands(records), EscapeControl(source));
  }
  if (!quarantined.empty())
    context.Line(fmt::format("quarantine {} (wh quarantine list --by reason)", quarantined));
  const std::vector<std::string>& refused = status.refused;
  if (refused.empty()) return;
  const auto shown = static_cast<std::ptrdiff_t>(std::min(kRefusedShown, refused.size()));
  const std::vector<std::string> first(refused.begin(), refused.begin() + shown);
  context.Line(
      fmt::format("refused    {} whole: {}{}",
                  refused.size() == 1 ? "1 object" : fmt::format("{} objects", refused.size()),
                  EscapeControl(Join(first, ", ")), first.size() < refused.size() ? ", …" : ""));
}

void PrintTroubles(Context& context, const StatusAnswer& status) {
  for (const std::string& note : status.notes) context.Line("note       " + EscapeControl(note));
  for (const answers::HaltedRun& halted : status.halted) {
    context.Line(
        fmt::format("halted     {}  {}", ToString(halted.run), EscapeControl(halted.message)));
  }
  for (const work::OverdueCheck& overdue : status.overdue) {
    context.Line(fmt::format(
        "overdue    gate {} on {}: {} since {}, the newest is of {} (limit {})",
        EscapeControl(overdue.gate), EscapeControl(overdue.table), EscapeControl(overdue.check),
        FormatTime(overdue.since), FormatTime(overdue.newest), overdue.max_text));
  }
}

void PrintUpkeep(Context& context, const work::UpkeepDebt& debt) {
  for (const auto& [table, error] : debt.failed) {
    context.Line(
        fmt::format("upkeep     FAILED for {}: {}", EscapeControl(table), EscapeControl(error)));
  }
  std::vector<std::string> due;
  for (const work::TableDebt& one : debt.tables) {
    if (one.due && due.size() < kDueShown)
      due.push_back(
          fmt::format("{} ({} changes)", EscapeControl(one.table), WithThousands(one.changes)));
  }
  std::string line;
  if (!due.empty()) {
    line = fmt::format("{} due: {}{}{}",
                       debt.due() == 1 ? "1 table is" : fmt::format("{} tables are", debt.due()),
                       Join(due, ", "), debt.due() > due.size() ? ", …" : "",
                       debt.by_itself ? "" : " (wh gc; by_itself is false)");
  }
  if (const std::int64_t waiting = debt.released_files - debt.removable_files; waiting > 0)
    line += fmt::format("{}{} released files wait for their grace", line.empty() ? "" : "; ",
                        WithThousands(waiting));
  if (debt.removable_files > 0)
    line += fmt::format("{}{} released files are due for removal{}", line.empty() ? "" : "; ",
                        WithThousands(debt.removable_files), debt.by_itself ? "" : " (wh gc)");
  if (debt.last)
    line += fmt::format("{}last {}: {} {}", line.empty() ? "nothing is due; " : "; ",
                        FormatTime(EventTimeOfMicros(Micros(debt.last->at))),
                        EscapeControl(debt.last_table), Trim(debt.last->told));
  if (!line.empty()) context.Line("upkeep     " + line);
}

void PrintStatus(Context& context, const StatusAnswer& status) {
  context.Line(fmt::format("project    {}   profile {}   commit {}   {} clock {}",
                           EscapeControl(status.project), status.profile, status.commit.value(),
                           status.replay_clock ? "replay" : "wall",
                           status.now == EventTime::min() ? "-" : FormatTime(status.now)));
  PrintRecords(context, status);
  PrintWaiting(context, status.waiting);
  PrintKeptOut(context, status);
  PrintTroubles(context, status);
  std::string runs = CountsText(status.runs);
  if (status.runs_given_up != 0)
    runs += fmt::format(" (of these {} given up: wh explain WH7125)",
                        WithThousands(status.runs_given_up));
  context.Line("runs       " + runs);
  context.Line("events     " + CountsText(status.events));
  for (const std::string& line : DeliveryLines(status.deliveries)) context.Line(line);
  PrintUpkeep(context, status.upkeep);
  if (status.clock_went_back) context.Line("clock      " + *status.clock_went_back);
  if (status.tables.empty()) return;
  Listing tables("tables", {"table", "rows", "commit"});
  for (const answers::TableRow& row : status.tables)
    tables.Add({row.table, row.rows, answers::CommitText(row.commit)});
  context.streams().Out("\n" + tables.AsText());
}
}  // namespace

Result<int> RunStatus(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const StatusAnswer status, answers::ReadStatus(*workspace));
  if (!context.wants_json()) PrintStatus(context, status);
  SayUntaken(context, status.waiting.untaken_files);
  SayMissingFolders(context, status.waiting.missing_folders);
  context.Answer(answers::ToJson(status));
  if (status.adds_up()) return kExitOk;
  context.Say("the record states do not add up to the raw records: `wh verify --deep` tells where");
  return kExitDiffers;
}
}  // namespace weirhouse::command

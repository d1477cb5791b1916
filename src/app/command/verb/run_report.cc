#include "app/command/verb/run_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/command/verbs.h"
#include "ground/base/name.h"
#include "ground/base/text.h"
#include "work/answers/project/summary_answer.h"
#include "work/pipeline/batch/refusals.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/workspace.h"

namespace weirhouse::command {
namespace {
constexpr std::string_view kStates[] = {"processed", "duplicate",   "conflict", "superseded",
                                        "filtered",  "quarantined", "excluded"};
constexpr std::size_t kUntakenShown = 20;

std::string ProcessedPart(const work::RunSummary& summary) {
  std::string text;
  for (const auto& [name, rows] : summary.rows_by_table) {
    if (!name.starts_with("processed.") || IsHistory(name)) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : "  ", TableNameView(name).own(),
                        WithThousands(rows));
    const auto history = summary.rows_by_table.find(HistoryOf(name));
    if (history != summary.rows_by_table.end())
      text += fmt::format(" (history {})", WithThousands(history->second));
  }
  return text;
}

std::int64_t ViewCount(const work::RunSummary& summary) {
  std::int64_t views = 0;
  for (const auto& [name, rows] : summary.rows_by_table) views += name.starts_with("feature.");
  return views;
}

std::string GatePart(const std::map<std::string, std::int64_t>& verdicts) {
  std::string text;
  for (const auto& [state, count] : verdicts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", WithThousands(count), state);
  return text;
}

// Whether the counts are the states of the records of this run: no earlier record left its state.
bool AreThese(const work::RunSummary& summary) {
  std::int64_t sum = 0;
  for (const auto& [state, count] : summary.states) {
    // A correction replaces an earlier record, which is counted here.
    if (count < 0 || (count > 0 && (state == "superseded" || state == "conflict"))) return false;
    sum += count;
  }
  return sum == summary.records;
}

// "+0 processed, +2 superseded": changes over all records, whenever they came.
std::string FormatChanges(const std::map<std::string, std::int64_t>& states) {
  std::string text;
  for (const std::string_view state : kStates) {
    const auto found = states.find(std::string(state));
    const std::int64_t count = found == states.end() ? 0 : found->second;
    if (count == 0 && state != "processed") continue;
    text += fmt::format("{}{}{} {}", text.empty() ? "" : ", ", count < 0 ? "-" : "+",
                        WithThousands(count < 0 ? -count : count), state);
  }
  return text;
}

std::string IngestLine(const work::RunSummary& summary) {
  std::string line =
      fmt::format("ingest     {} object{}  {} records", WithThousands(summary.objects),
                  summary.objects == 1 ? "" : "s", WithThousands(summary.records));
  if (!summary.states.empty())
    line += AreThese(summary) ? " = " + FormatStates(summary.states)
                              : "; in all " + FormatChanges(summary.states);
  if (summary.duplicate_objects > 0)
    line +=
        fmt::format("     {} objects again, unchanged", WithThousands(summary.duplicate_objects));
  return line;
}

void PrintSummary(Context& context, const work::RunSummary& summary) {
  if (summary.objects == 0 && summary.duplicate_objects == 0 && summary.commits == 0) {
    if (!summary.halted) context.Line("nothing waited");
    return;
  }
  if (summary.objects + summary.duplicate_objects > 0) context.Line(IngestLine(summary));

  std::string processed = ProcessedPart(summary);
  const std::int64_t views = ViewCount(summary);
  if (views > 0)
    processed += fmt::format("{}features {} view{}", processed.empty() ? "" : "     ", views,
                             views == 1 ? "" : "s");
  std::vector<std::string> gates;
  for (const auto& [name, verdicts] : summary.gates) {
    if (!processed.empty() && verdicts.size() == 1 && verdicts.begin()->first == "passed") {
      processed += fmt::format("     gate {} {}", name, GatePart(verdicts));
      continue;
    }
    std::int64_t runs = 0;
    for (const auto& [state, count] : verdicts) runs += count;
    gates.push_back(fmt::format("gate {} {} run{}: {}", name, WithThousands(runs),
                                runs == 1 ? "" : "s", GatePart(verdicts)));
  }
  if (!processed.empty()) {
    context.Line("processed  " + processed);
  } else if (summary.objects + summary.duplicate_objects == 0) {
    context.Line(fmt::format("done       {} commit{}", WithThousands(summary.commits),
                             summary.commits == 1 ? "" : "s"));
  }
  for (const std::string& gate : gates) context.Line(gate);
}

void PrintHalt(Context& context, work::Workspace& workspace, const work::RunSummary& summary) {
  const std::string run = ToString(*summary.halted);
  context.progress().Finish();
  context.streams().Err(
      EscapeControl(summary.halted_message) +
      fmt::format(". Nothing published; downstream halted at {}\n",
                  EscapeControl(Join(answers::HaltedTables(workspace, *summary.halted), ", "))) +
      fmt::format("  look: wh gate show {0}     recorded in lineage: publish "
                  "anyway, wh gate override {0} --reason TEXT; or leave the batch "
                  "out, wh gate discard {0} --reason TEXT\n",
                  run));
}
}  // namespace

std::string FormatStates(const std::map<std::string, std::int64_t>& states) {
  std::string sum;
  std::string none;
  for (const std::string_view state : kStates) {
    const auto found = states.find(std::string(state));
    const std::int64_t count = found == states.end() ? 0 : found->second;
    if (count == 0) {
      none += fmt::format("{}{}", none.empty() ? "" : ", ", state);
    } else {
      sum += fmt::format("{}{} {}", sum.empty() ? "" : " + ", WithThousands(count), state);
    }
  }
  if (sum.empty()) return "0";
  return none.empty() ? sum : fmt::format("{} (0 {})", sum, none);
}

void SayUntaken(Context& context, const std::map<std::string, std::string>& files) {
  std::size_t shown = 0;
  for (const auto& [path, why] : files) {
    if (shown++ == kUntakenShown) {
      context.Say(fmt::format("warning: {} more files were not taken in; --json lists all",
                              files.size() - kUntakenShown));
      return;
    }
    context.Say(
        fmt::format("warning: not taken in: {}: {}", EscapeControl(path), EscapeControl(why)));
  }
}

void SayMissingFolders(Context& context, const std::map<std::string, std::string>& folders) {
  for (const auto& [source, folder] : folders) {
    context.Say(fmt::format(
        "warning: the landing folder of the source \"{}\" does not exist, so nothing arrives: {} "
        "(make it, or correct `landing:`)",
        EscapeControl(source), EscapeControl(folder)));
  }
}

std::string Story(const work::BehindHalt& behind) {
  return fmt::format("{} {} of stored batches wait behind {}, which waits for a decision",
                     WithThousands(behind.records), behind.records == 1 ? "record" : "records",
                     ToString(behind.run));
}

std::string StoryOfViews(const std::vector<std::string>& views) {
  return fmt::format(
      "features wait: {} {} not yet hold what {} source published; `wh run` updates them",
      EscapeControl(Join(views, ", ")), views.size() == 1 ? "does" : "do",
      views.size() == 1 ? "its" : "their");
}

int ReportRun(Context& context, work::Workspace& workspace, const work::RunSummary& summary) {
  context.progress().Finish();
  const bool cancelled = context.progress().was_cancelled();
  context.Answer(answers::SummaryJson(summary, cancelled));
  if (!context.wants_json()) PrintSummary(context, summary);
  for (const std::string& warning : summary.warnings) context.Say("  " + EscapeControl(warning));
  for (const std::string& file : summary.unmatched_files) {
    context.Say(fmt::format("warning: not landed, its name fits no batch pattern: {}",
                            EscapeControl(file)));
  }
  SayUntaken(context, summary.untaken_files);
  const std::vector<std::string> refused = work::RefusalLines(summary);
  for (const std::string& line : refused) {
    // What was refused as a whole is reported with --quiet too.
    if (summary.refuses()) {
      context.streams().Err(EscapeControl(line) + "\n");
    } else {
      context.Say("  " + EscapeControl(line));
    }
  }
  if (!refused.empty()) context.Say("  look: wh quarantine list --by reason; the bytes are kept");
  if (summary.halted) {
    PrintHalt(context, workspace, summary);
    return kExitGateFailed;
  }
  bool overdue = false;
  for (const work::OverdueCheck& check : summary.overdue) {
    context.streams().Err(
        fmt::format("{}{}\n", check.warns ? "warning: " : "", EscapeControl(check.story)));
    overdue = overdue || !check.warns;
  }
  if (cancelled) {
    context.Say("interrupted: all that was committed stands; `wh run` goes on from there");
    return kExitInterrupted;
  }
  return summary.refuses() || overdue ? kExitGateFailed : kExitOk;
}
}  // namespace weirhouse::command

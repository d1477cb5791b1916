// table history, files, diff, compact, expire, rollback, tag; gc.
#include <arrow/api.h>
#include <fmt/format.h>

#include "app/command/print/row_listing.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "work/answers/table/table_snapshots.h"
#include "work/answers/table/upkeep_answer.h"
#include "work/answers/table_answer.h"
#include "work/upkeep/collect_garbage.h"
#include "work/upkeep/upkeep.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

Result<std::chrono::seconds> DurationOption(const Context& context, std::string_view name,
                                            std::chrono::seconds fallback) {
  const auto text = context.invocation().Option(name);
  if (!text) return fallback;
  const auto micros = ParseDurationMicros(*text);
  if (!micros.ok() || *micros < 0)
    return UsageError(
        fmt::format("--{} takes a time like 90s, 12h or 7d, found \"{}\"", name, *text));
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::microseconds(*micros));
}

std::string Summary(const work::CompactionReport& report) {
  if (!report.changed) return "nothing to do";
  return fmt::format("{} files → {}, delete files {} → {}, {} rows  @{}", report.files_before,
                     report.files_after, report.delete_files_before, report.delete_files_after,
                     WithThousands(report.rows), report.seq.value());
}

std::string Summary(const work::ExpiryReport& report) {
  std::string text = fmt::format(
      "{} snapshots expired, {} kept; {} files released ({} bytes), {} removed from the disk",
      report.snapshots_expired, report.snapshots_kept, WithThousands(report.files_released),
      WithThousands(report.bytes_released), WithThousands(report.files_removed));
  if (!report.spared_by.empty())
    text += "; spared by " + EscapeControl(Join(report.spared_by, ", "));
  return text;
}
}  // namespace

Result<int> RunTableHistory(Context& context) {
  WEIRHOUSE_TRY(const std::int64_t limit, context.IntOption("limit", 20, 1, 1'000'000));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::TableHistoryAnswer answer,
                answers::ReadTableHistory(*workspace, context.invocation().Word(0), limit));
  Listing listing("history", {"commit", "snapshot", "operation", "added", "deleted", "rows", "run",
                              "by", "refs", "kept"});
  for (const answers::TableCommit& one : answer.history) {
    const catalog::SnapshotRecord& snapshot = one.snapshot;
    listing.Add({answers::CommitText(snapshot.seq), std::to_string(snapshot.snapshot.value()),
                 snapshot.operation, snapshot.added_rows, snapshot.deleted_rows,
                 snapshot.total_rows, ToString(snapshot.run), one.by, Join(one.refs, ", "),
                 one.kept ? "yes" : "expired"});
  }
  context.Print(listing, answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunTableFiles(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(
      const answers::TableFilesAnswer answer,
      answers::ReadTableFiles(*workspace, context.invocation().Word(0), context.invocation().at));
  Listing listing("files", {"content", "rows", "bytes", "partition", "sequence", "path"});
  for (const iceberg::DataFile& file : answer.files) {
    listing.Add({answers::ContentName(file.content), file.row_count, file.size_bytes,
                 answer.partition(file), file.data_sequence_number, file.path});
  }
  context.Print(listing, answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunTableDiff(Context& context) {
  WEIRHOUSE_TRY(const std::int64_t limit, context.IntOption("limit", 20, 0, 1'000'000));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  const Invocation& invocation = context.invocation();
  WEIRHOUSE_TRY(const answers::TableDiffAnswer answer,
                answers::ReadTableDiff(*workspace, invocation.Word(0), invocation.Word(1),
                                       invocation.Word(2), limit));
  context.Line(
      fmt::format("{}: {} rows → {}; {} rows differ; data files +{} −{}, delete files +{} −{}",
                  EscapeControl(answer.table), WithThousands(answer.rows_before),
                  WithThousands(answer.rows_after), WithThousands(answer.differing_rows),
                  answer.data_files_added, answer.data_files_removed, answer.delete_files_added,
                  answer.delete_files_removed));
  if (!context.wants_json()) {
    if (answer.rows->num_rows() > 0)
      context.streams().Out(ListingOf(*answer.rows, "rows", -1).AsText());
    return kExitOk;
  }
  context.Answer(answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunTableCompact(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  const std::string name = context.invocation().Word(0);
  iceberg::CompactionOptions options = work::SmallFiles(*workspace);
  options.all = context.invocation().Has("all");
  WEIRHOUSE_TRY(const work::CompactionReport report, work::CompactTable(*workspace, name, options));
  context.Line(fmt::format("{}: {}", EscapeControl(name), Summary(report)));
  context.Answer(answers::CompactionJson(name, report));
  return kExitOk;
}

namespace {
Result<work::ExpiryOptions> ExpiryOptionsOf(const Context& context) {
  work::ExpiryOptions options;
  WEIRHOUSE_TRY(options.keep, context.IntOption("keep", iceberg::kSnapshotsKept, 1, 1'000'000));
  WEIRHOUSE_TRY(options.grace, DurationOption(context, "grace", options.grace));
  if (context.invocation().Has("older-than")) {
    WEIRHOUSE_TRY(options.older_than, DurationOption(context, "older-than", {}));
  }
  options.dry_run = context.invocation().dry_run;
  return options;
}

// What the command does not say is as the project's policy has it.
void FillIn(const Context& context, const work::UpkeepPolicy& policy,
            work::ExpiryOptions& options) {
  if (!context.invocation().Has("grace")) options.grace = policy.grace;
}
}  // namespace

Result<int> RunTableExpire(Context& context) {
  WEIRHOUSE_TRY(work::ExpiryOptions options, ExpiryOptionsOf(context));
  WEIRHOUSE_TRY(work::Workspace * workspace,
                options.dry_run ? context.Rehearsing() : context.Writing());
  FillIn(context, workspace->project().upkeep, options);
  const std::string name = context.invocation().Word(0);
  WEIRHOUSE_TRY(const work::ExpiryReport report, work::ExpireTable(*workspace, name, options));
  context.Line(fmt::format("{}: {}{}", EscapeControl(name), options.dry_run ? "would be: " : "",
                           Summary(report)));
  context.Answer(answers::ExpiryJson(name, report));
  return kExitOk;
}

Result<int> RunTableRollback(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  const std::string name = context.invocation().Word(0);
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace->LoadTable(name));
  WEIRHOUSE_TRY(const SnapshotId snapshot,
                work::FindTableSnapshot(*workspace, *table, context.invocation().Word(1)));
  WEIRHOUSE_TRY(const CommitSeq seq, work::RollbackTable(*workspace, name, snapshot));
  context.Line(fmt::format("{}: back at snapshot {}  @{}", EscapeControl(name), snapshot.value(),
                           seq.value()));
  context.Answer({{"table", name}, {"snapshot", snapshot.value()}, {"commit", seq.value()}});
  return kExitOk;
}

Result<int> RunTableTag(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  const std::string name = context.invocation().Word(0);
  const std::string tag = context.invocation().Word(1);
  std::optional<SnapshotId> snapshot;
  if (!context.invocation().Has("remove")) {
    WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace->LoadTable(name));
    WEIRHOUSE_TRY(const iceberg::Snapshot* found,
                  answers::SnapshotNamed(*workspace, *table, context.invocation().Word(2)));
    snapshot = found->id;
  }
  WEIRHOUSE_TRY(const CommitSeq seq, work::TagTable(*workspace, name, tag, snapshot));
  context.Line(snapshot ? fmt::format("{}: snapshot {} is \"{}\"  @{}", EscapeControl(name),
                                      snapshot->value(), EscapeControl(tag), seq.value())
                        : fmt::format("{}: tag \"{}\" removed  @{}", EscapeControl(name),
                                      EscapeControl(tag), seq.value()));
  context.Answer({{"table", name},
                  {"tag", tag},
                  {"snapshot", snapshot ? json(snapshot->value()) : json()},
                  {"commit", seq.value()}});
  return kExitOk;
}

Result<int> RunGc(Context& context) {
  WEIRHOUSE_TRY(work::ExpiryOptions options, ExpiryOptionsOf(context));
  WEIRHOUSE_TRY(std::chrono::seconds orphan_age,
                DurationOption(context, "orphan-age", work::UpkeepPolicy().orphan_age));
  WEIRHOUSE_TRY(work::Workspace * workspace,
                options.dry_run ? context.Rehearsing() : context.Writing());
  FillIn(context, workspace->project().upkeep, options);
  if (!context.invocation().Has("orphan-age")) orphan_age = workspace->project().upkeep.orphan_age;
  work::GarbageTold told;
  const char* const would_be = options.dry_run ? "would be: " : "";
  told.compacted = [&](const std::string& table, const work::CompactionReport& report) {
    if (!report.changed) return;
    std::string what = Summary(report);
    if (options.dry_run) {
      what = report.files_before != report.files_after
                 ? fmt::format("{} files → {}", report.files_before, report.files_after)
                 : "deleted rows left out of their files, or delete files merged";
    }
    context.Line(fmt::format("{}: {}{}", EscapeControl(table), would_be, what));
  };
  told.expired = [&](const std::string& table, const work::ExpiryReport& report) {
    if (report.files_released + report.snapshots_expired > 0)
      context.Line(fmt::format("{}: {}{}", EscapeControl(table), would_be, Summary(report)));
  };
  told.removed_of_gone = [&](std::int64_t files) {
    if (files == 0) return;
    context.Line(fmt::format("{}: {}{} files removed",
                             options.dry_run ? "released before" : "dropped tables", would_be,
                             WithThousands(files)));
  };
  WEIRHOUSE_TRY(const work::GarbageReport report,
                work::CollectGarbage(*workspace, options, orphan_age, context.progress(), told));
  const work::SweepReport& swept = report.swept;
  context.Line(fmt::format(
      "orphans: {} files, {} bytes; {} removed, {} too young, {} of runs that have not ended",
      WithThousands(swept.orphans), WithThousands(swept.orphan_bytes), WithThousands(swept.removed),
      WithThousands(swept.too_young), WithThousands(swept.of_open_runs)));
  if (swept.given_up > 0)
    context.Line(
        fmt::format("runs: {} marked as failed, because their process is gone", swept.given_up));
  if (report.ages_in_doubt) context.Say("warning: " + *report.ages_in_doubt);
  context.Answer(answers::ToJson(report));
  return kExitOk;
}
}  // namespace weirhouse::command

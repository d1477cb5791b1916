// table history, files, diff, compact, expire, rollback, tag; gc.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "app/command/print/row_listing.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "ground/iceberg/read/reachable.h"
#include "ground/iceberg/read/snapshot_change.h"
#include "ground/platform/sql/sql.h"
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
        fmt::format("--{} wants a time like 90s, 12h or 7d, found \"{}\"", name, *text));
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::microseconds(*micros));
}

Result<const iceberg::Snapshot*> SnapshotOf(work::Workspace& workspace,
                                            const iceberg::TableMetadata& table,
                                            const std::string& text) {
  if (!text.empty()) {
    WEIRHOUSE_TRY(const SnapshotId id, work::FindTableSnapshot(workspace, table, text));
    return table.FindSnapshot(id);
  }
  if (table.current_snapshot() != nullptr) return table.current_snapshot();
  return Status(Code::kNotFound, fmt::format("table \"{}\" has no snapshot yet", table.name))
      .WithError("WH7059");
}

std::string RefsOf(const iceberg::TableMetadata& table, SnapshotId snapshot) {
  std::vector<std::string> names;
  for (const auto& [name, ref] : table.refs)
    if (ref.snapshot == snapshot) names.push_back(name);
  return Join(names, ", ");
}

std::string_view ContentName(iceberg::DataFile::Content content) {
  switch (content) {
    case iceberg::DataFile::Content::kData:
      return "data";
    case iceberg::DataFile::Content::kPositionDeletes:
      return "position deletes";
    case iceberg::DataFile::Content::kEqualityDeletes:
      return "equality deletes";
  }
  return "unknown";
}

std::string Summary(const work::CompactionReport& report) {
  if (!report.changed) return "nothing to do";
  return fmt::format("{} files → {}, delete files {} → {}, {} rows  @{}", report.files_before,
                     report.files_after, report.delete_files_before, report.delete_files_after,
                     WithThousands(report.rows), report.seq.value());
}
json UpkeepJson(const std::string& table, const work::CompactionReport& report) {
  return {{"table", table},
          {"changed", report.changed},
          {"files_before", report.files_before},
          {"files_after", report.files_after},
          {"delete_files_before", report.delete_files_before},
          {"delete_files_after", report.delete_files_after},
          {"rows", report.rows},
          {"commit", report.changed ? json(report.seq.value()) : json()}};
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
json UpkeepJson(const std::string& table, const work::ExpiryReport& report) {
  return {{"table", table},
          {"snapshots_expired", report.snapshots_expired},
          {"snapshots_kept", report.snapshots_kept},
          {"spared_by", report.spared_by},
          {"files_released", report.files_released},
          {"bytes_released", report.bytes_released},
          {"files_removed", report.files_removed}};
}

iceberg::CompactionOptions SmallFiles() {
  iceberg::CompactionOptions options;
  options.small_file_bytes = work::kSmallFileBytes;
  options.small_files_min = work::kSmallFilesMin;
  return options;
}

// Rows of `snapshot`, registered under a name for the comparison.
Status RegisterSnapshot(work::Workspace& workspace, platform::SqlSession& session,
                        const iceberg::TablePtr& table, SnapshotId snapshot,
                        const std::string& name) {
  iceberg::ScanOptions options;
  options.snapshot = snapshot;
  for (const iceberg::Field& field : table->schema().fields)
    if (!iceberg::IsHidden(field.name)) options.columns.push_back(field.name);
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace.store(), table, options));
  WEIRHOUSE_TRY(const auto rows, scan.ReadAll());
  return session.Register(name, rows);
}
}  // namespace

Result<int> RunTableHistory(Context& context) {
  WEIRHOUSE_TRY(const std::int64_t limit, context.IntOption("limit", 20, 1, 1'000'000));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  const std::string name = context.invocation().Word(0);
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace->LoadTable(name));
  WEIRHOUSE_TRY(const auto recorded, workspace->catalog().Snapshots(name));
  Listing listing("history", {"commit", "snapshot", "operation", "added", "deleted", "rows", "run",
                              "by", "refs", "kept"});
  std::map<RunId, std::string> by;
  std::int64_t shown = 0;
  for (auto one = recorded.rbegin(); one != recorded.rend() && shown < limit; ++one, ++shown) {
    auto [known, fresh] = by.try_emplace(one->run);
    if (fresh) {
      WEIRHOUSE_TRY(const catalog::Run run, workspace->catalog().GetRun(one->run));
      known->second = fmt::format("{} {}", catalog::Name(run.plan.kind), run.plan.name);
    }
    const bool kept = table->FindSnapshot(one->snapshot) != nullptr;
    listing.Add({fmt::format("@{}", one->seq.value()), std::to_string(one->snapshot.value()),
                 one->operation, one->added_rows, one->deleted_rows, one->total_rows,
                 ToString(one->run), known->second, kept ? RefsOf(*table, one->snapshot) : "",
                 kept ? "yes" : "expired"});
    listing.Detail("ref", one->ref);
  }
  context.Print(listing);
  return kExitOk;
}

Result<int> RunTableFiles(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace->LoadTable(context.invocation().Word(0)));
  WEIRHOUSE_TRY(const iceberg::Snapshot* snapshot,
                SnapshotOf(*workspace, *table, context.invocation().at));
  WEIRHOUSE_TRY(std::vector<iceberg::DataFile> files,
                iceberg::LiveFiles(workspace->store(), *table, *snapshot));
  std::sort(files.begin(), files.end(), [](const iceberg::DataFile& a, const iceberg::DataFile& b) {
    return std::tie(a.data_sequence_number, a.path) < std::tie(b.data_sequence_number, b.path);
  });
  Listing listing("files", {"content", "rows", "bytes", "partition", "sequence", "path"});
  for (const iceberg::DataFile& file : files) {
    listing.Add({ContentName(file.content), file.row_count, file.size_bytes,
                 iceberg::FormatPartition(*table, file), file.data_sequence_number, file.path});
    listing.Detail("added_by_snapshot", file.added_by.value());
  }
  context.Print(listing);
  return kExitOk;
}

Result<int> RunTableDiff(Context& context) {
  WEIRHOUSE_TRY(const std::int64_t limit, context.IntOption("limit", 20, 0, 1'000'000));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace->LoadTable(context.invocation().Word(0)));
  WEIRHOUSE_TRY(const iceberg::Snapshot* from,
                SnapshotOf(*workspace, *table, context.invocation().Word(1)));
  const std::string to_text =
      context.invocation().words.size() > 2 ? context.invocation().Word(2) : std::string();
  WEIRHOUSE_TRY(const iceberg::Snapshot* to, SnapshotOf(*workspace, *table, to_text));
  WEIRHOUSE_TRY(const iceberg::SnapshotChange files,
                iceberg::CompareSnapshots(workspace->store(), *table, from, *to));
  WEIRHOUSE_TRY(const auto session, workspace->sql().Connect());
  WEIRHOUSE_TRY_STATUS(RegisterSnapshot(*workspace, *session, table, from->id, "diff.before"));
  WEIRHOUSE_TRY_STATUS(RegisterSnapshot(*workspace, *session, table, to->id, "diff.after"));
  WEIRHOUSE_TRY(const auto rows,
                session->Query("SELECT '-' AS change, * FROM (SELECT * FROM diff.before EXCEPT ALL "
                               "SELECT * FROM diff.after) UNION ALL SELECT '+' AS change, * FROM "
                               "(SELECT * FROM diff.after EXCEPT ALL SELECT * FROM diff.before) "
                               "ORDER BY ALL"));
  const auto shown = rows->Slice(0, limit);
  context.Line(fmt::format(
      "{}: {} rows → {}; {} rows differ; data files +{} −{}, delete files +{} −{}",
      EscapeControl(table->name), WithThousands(files.rows_before), WithThousands(files.rows_after),
      WithThousands(rows->num_rows()), files.added_data.size(), files.removed_data.size(),
      files.added_deletes.size(), files.removed_deletes.size()));
  const Listing listing = ListingOf(*shown, "rows", -1);
  if (!context.wants_json()) {
    if (shown->num_rows() > 0) context.streams().Out(listing.AsText());
    return kExitOk;
  }
  context.Answer({{"table", table->name},
                  {"from", from->id.value()},
                  {"to", to->id.value()},
                  {"rows_before", files.rows_before},
                  {"rows_after", files.rows_after},
                  {"differing_rows", rows->num_rows()},
                  {"data_files_added", files.added_data.size()},
                  {"data_files_removed", files.removed_data.size()},
                  {"delete_files_added", files.added_deletes.size()},
                  {"delete_files_removed", files.removed_deletes.size()},
                  {"rows", listing.AsJson()}});
  return kExitOk;
}

Result<int> RunTableCompact(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  const std::string name = context.invocation().Word(0);
  iceberg::CompactionOptions options = SmallFiles();
  options.all = context.invocation().Has("all");
  WEIRHOUSE_TRY(const work::CompactionReport report, work::CompactTable(*workspace, name, options));
  context.Line(fmt::format("{}: {}", EscapeControl(name), Summary(report)));
  context.Answer(UpkeepJson(name, report));
  return kExitOk;
}

namespace {
Result<work::ExpiryOptions> ExpiryOptionsOf(const Context& context) {
  work::ExpiryOptions options;
  WEIRHOUSE_TRY(options.keep, context.IntOption("keep", iceberg::kSnapshotsKept, 1, 1'000'000));
  WEIRHOUSE_TRY(options.grace, DurationOption(context, "grace", work::kReaderGrace));
  if (context.invocation().Has("older-than")) {
    WEIRHOUSE_TRY(options.older_than, DurationOption(context, "older-than", {}));
  }
  options.dry_run = context.invocation().dry_run;
  return options;
}
}  // namespace

Result<int> RunTableExpire(Context& context) {
  WEIRHOUSE_TRY(const work::ExpiryOptions options, ExpiryOptionsOf(context));
  WEIRHOUSE_TRY(work::Workspace * workspace,
                options.dry_run ? context.Rehearsing() : context.Writing());
  const std::string name = context.invocation().Word(0);
  WEIRHOUSE_TRY(const work::ExpiryReport report, work::ExpireTable(*workspace, name, options));
  context.Line(fmt::format("{}: {}{}", EscapeControl(name), options.dry_run ? "would be: " : "",
                           Summary(report)));
  context.Answer(UpkeepJson(name, report));
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
    const std::string text =
        context.invocation().words.size() > 2 ? context.invocation().Word(2) : std::string();
    WEIRHOUSE_TRY(const iceberg::Snapshot* found, SnapshotOf(*workspace, *table, text));
    snapshot = found->id;
  }
  WEIRHOUSE_TRY(const CommitSeq seq, work::TagTable(*workspace, name, tag, snapshot));
  context.Line(snapshot ? fmt::format("{}: snapshot {} is \"{}\"  @{}", EscapeControl(name),
                                      snapshot->value(), EscapeControl(tag), seq.value())
                        : fmt::format("{}: \"{}\" is no name any more  @{}", EscapeControl(name),
                                      EscapeControl(tag), seq.value()));
  context.Answer({{"table", name},
                  {"tag", tag},
                  {"snapshot", snapshot ? json(snapshot->value()) : json()},
                  {"commit", seq.value()}});
  return kExitOk;
}

Result<int> RunGc(Context& context) {
  WEIRHOUSE_TRY(work::ExpiryOptions options, ExpiryOptionsOf(context));
  WEIRHOUSE_TRY(const std::chrono::seconds orphan_age,
                DurationOption(context, "orphan-age", work::kOrphanAge));
  WEIRHOUSE_TRY(work::Workspace * workspace,
                options.dry_run ? context.Rehearsing() : context.Writing());
  WEIRHOUSE_TRY(const auto tables, workspace->catalog().Tables());
  json list = json::array();
  std::int64_t done = 0;
  for (const catalog::TablePointer& pointer : tables) {
    if (pointer.kind != catalog::PointerKind::kTable) continue;
    context.progress().Update("tables", done++, static_cast<std::int64_t>(tables.size()));
    json one;
    // Feature tables are sorted runs that their own step merges.
    if (!options.dry_run && !pointer.name.starts_with("feature.")) {
      WEIRHOUSE_TRY(const work::CompactionReport compacted,
                    work::CompactTable(*workspace, pointer.name, SmallFiles()));
      if (compacted.changed)
        context.Line(fmt::format("{}: {}", EscapeControl(pointer.name), Summary(compacted)));
      one = UpkeepJson(pointer.name, compacted);
    }
    WEIRHOUSE_TRY(const work::ExpiryReport expired,
                  work::ExpireTable(*workspace, pointer.name, options));
    if (expired.files_released + expired.snapshots_expired > 0)
      context.Line(fmt::format("{}: {}", EscapeControl(pointer.name), Summary(expired)));
    one.update(UpkeepJson(pointer.name, expired));
    list.push_back(std::move(one));
  }
  // Those of tables that are gone, too.
  std::int64_t removed = 0;
  if (!options.dry_run) {
    WEIRHOUSE_TRY(removed, work::RemoveReleasedFiles(*workspace, options.grace));
    if (removed > 0)
      context.Line(fmt::format("tables that are gone: {} files removed", WithThousands(removed)));
  }
  WEIRHOUSE_TRY(const work::SweepReport swept,
                work::SweepOrphans(*workspace, orphan_age, options.dry_run));
  context.Line(fmt::format(
      "orphans: {} files, {} bytes; {} removed, {} too young, {} of runs that have not ended",
      WithThousands(swept.orphans), WithThousands(swept.orphan_bytes), WithThousands(swept.removed),
      WithThousands(swept.too_young), WithThousands(swept.of_open_runs)));
  if (swept.given_up > 0)
    context.Line(fmt::format("runs: {} given up, whose process is gone", swept.given_up));
  const auto doubt = work::AgesInDoubt(*workspace, std::max(options.grace, orphan_age));
  if (doubt) context.Say("warning: " + *doubt);
  context.Answer({{"tables", std::move(list)},
                  {"files_removed_of_gone_tables", removed},
                  {"runs_given_up", swept.given_up},
                  {"clock_jumped", doubt ? json(*doubt) : json()},
                  {"orphans", swept.orphans},
                  {"orphan_bytes", swept.orphan_bytes},
                  {"orphans_removed", swept.removed},
                  {"orphans_too_young", swept.too_young},
                  {"orphans_of_open_runs", swept.of_open_runs},
                  {"first_orphans", swept.first}});
  return kExitOk;
}
}  // namespace weirhouse::command

#include "work/workspace/tables/expiry.h"

#include <fmt/format.h>

#include <algorithm>

namespace weirhouse::work {
namespace {
using nlohmann::json;
constexpr std::int64_t kExpiriesMax = 1'000'000;

bool Names(const json& parameters, SnapshotId snapshot) {
  const auto list = parameters.find("snapshots");
  if (list == parameters.end() || !list->is_array()) return false;
  return std::any_of(list->begin(), list->end(), [&](const json& id) {
    return id.is_number_integer() && id.get<std::int64_t>() == snapshot.value();
  });
}

// The run that was asked to expire the snapshot.
Result<std::optional<catalog::Run>> AskedRun(Workspace& workspace,
                                             const catalog::SnapshotRecord& snapshot) {
  catalog::RunFilter filter;
  filter.kind = catalog::RunKind::kExpiry;
  filter.name = snapshot.table;
  filter.state = catalog::RunState::kCommitted;
  filter.limit = kExpiriesMax;
  WEIRHOUSE_TRY(const std::vector<catalog::Run> runs, workspace.catalog().Runs(filter));
  for (const catalog::Run& run : runs) {
    if (run.plan.parameters.is_object() && Names(run.plan.parameters, snapshot.snapshot))
      return std::optional<catalog::Run>(run);
  }
  return std::optional<catalog::Run>();
}

// The run whose snapshot pushed it beyond the number that a table keeps.
Result<std::optional<catalog::Run>> PushingRun(Workspace& workspace,
                                               const catalog::SnapshotRecord& snapshot) {
  WEIRHOUSE_TRY(const std::vector<catalog::SnapshotRecord> recorded,
                workspace.catalog().Snapshots(snapshot.table));
  const auto at = std::find_if(recorded.begin(), recorded.end(),
                               [&](const auto& one) { return one.snapshot == snapshot.snapshot; });
  if (recorded.end() - at <= iceberg::kSnapshotsKept) return std::optional<catalog::Run>();
  WEIRHOUSE_TRY(catalog::Run run, workspace.catalog().GetRun((at + iceberg::kSnapshotsKept)->run));
  return std::optional<catalog::Run>(std::move(run));
}
}  // namespace

Result<std::optional<Expiry>> FindExpiry(Workspace& workspace,
                                         const catalog::SnapshotRecord& snapshot) {
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace.FindTable(snapshot.table));
  if (table && (*table)->FindSnapshot(snapshot.snapshot) != nullptr) return std::optional<Expiry>();
  Expiry expiry;
  expiry.detail = {{"snapshot", fmt::format("{}@{}", snapshot.table, snapshot.seq.value())}};
  std::string how;
  WEIRHOUSE_TRY(std::optional<catalog::Run> run, AskedRun(workspace, snapshot));
  if (run) {
    how = fmt::format("wh table expire or gc, keep {}", run->plan.parameters.value("keep", 0));
  } else {
    how = fmt::format("a table keeps its newest {} snapshots", iceberg::kSnapshotsKept);
    WEIRHOUSE_TRY(run, PushingRun(workspace, snapshot));
  }
  if (!run) {
    expiry.phrase =
        table ? "expired: that snapshot is no longer kept" : "expired: its table was dropped";
    return std::optional<Expiry>(std::move(expiry));
  }
  const std::string at = FormatTime(run->finished_at.value_or(run->planned_at));
  expiry.phrase = fmt::format("expired by {} ({}) at {}", ToString(run->id), how, at);
  expiry.detail["by"] = ToString(run->id);
  expiry.detail["how"] = how;
  expiry.detail["at"] = at;
  return std::optional<Expiry>(std::move(expiry));
}

Result<bool> OnlyGrewSince(Workspace& workspace, const std::string& table, CommitSeq seq) {
  WEIRHOUSE_TRY(const std::vector<catalog::SnapshotRecord> recorded,
                workspace.catalog().Snapshots(table));
  return std::none_of(recorded.begin(), recorded.end(), [&](const auto& one) {
    return one.seq > seq && one.ref == "main" && one.operation != "append" &&
           one.operation != "replace";
  });
}
}  // namespace weirhouse::work

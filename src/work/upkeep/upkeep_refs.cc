// Rollback and tags: a user moves main or names a snapshot.
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "ground/base/failpoint.h"
#include "work/project/table_rules.h"
#include "work/upkeep/upkeep.h"
#include "work/workspace/publication.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

Status NoSuchSnapshot(const std::string& table, std::string_view text) {
  return Status(Code::kNotFound, fmt::format("table \"{}\" has no snapshot \"{}\"", table, text))
      .WithError("WH7059")
      .WithHint(fmt::format("`wh table history {}` lists them; the last {} are kept", table,
                            iceberg::kSnapshotsKept));
}

// Raw tables only grow, and a table that a definition makes must hold what the definition gives.
Status MayRollBack(Workspace& workspace, const std::string& table) {
  const policy::TableRules rules = RulesOf(workspace.project(), table);
  if (rules.layer == policy::Layer::kRaw) {
    return Status(Code::kPermissionDenied,
                  fmt::format("raw is append-only: \"{}\" cannot be rolled back", table))
        .WithError("WH7072")
        .WithHint("leave a batch out at its gate, or correct it by a later record");
  }
  if (!rules.made_by.empty()) {
    return Status(
               Code::kPermissionDenied,
               fmt::format("\"{}\" is made by {}: rolling it back would give rows that no run made",
                           table, rules.made_by))
        .WithError("WH7075")
        .WithHint("change the definition and apply it, or run `wh run --full`");
  }
  return Status();
}

// Snapshots that main was at have passed the gates; snapshots that were only staged, or written to
// a branch, have not.
Status CheckWasMain(Workspace& workspace, const iceberg::TableMetadata& table,
                    SnapshotId snapshot) {
  for (const iceberg::Snapshot* at = table.current_snapshot(); at != nullptr;
       at = at->parent ? table.FindSnapshot(*at->parent) : nullptr) {
    if (at->id == snapshot) return Status();
  }
  WEIRHOUSE_TRY(const std::vector<catalog::SnapshotRecord> recorded,
                workspace.catalog().Snapshots(table.name));
  for (const catalog::SnapshotRecord& one : recorded)
    if (one.snapshot == snapshot && one.ref == "main") return Status();
  return Status(Code::kPermissionDenied,
                fmt::format(
                    "main of \"{}\" never was at snapshot {}, so it cannot be rolled back to it",
                    table.name, snapshot.value()))
      .WithError("WH7124")
      .WithHint(
          "publish a staging area with `wh staging publish`, a halted batch with "
          "`wh gate override`; other branches are merged by the engine that wrote them");
}

Result<CommitSeq> CommitRefs(Workspace& workspace, const iceberg::TablePtr& base,
                             catalog::RunKind kind, catalog::Layer layer,
                             const iceberg::RefChange& change) {
  StepInputs step;
  step.kind = kind;
  step.name = base->name;
  step.inputs = {{"metadata", base->metadata_location}};
  step.parameters = {{"ref", change.ref},
                     {"snapshot", change.snapshot ? json(change.snapshot->value()) : json()}};
  step.tables = {base->name};
  WEIRHOUSE_TRY(const catalog::Run run, workspace.catalog().PlanRun(PlanOf(step)));
  Publication publication(workspace, run, layer, base->name);
  WEIRHOUSE_TRY(const iceberg::StagedTable staged,
                iceberg::StageRefs(workspace.store(), base, workspace.random(), {&change, 1},
                                   workspace.clock().Now()));
  publication.Add(staged);
  if (!staged.snapshots.empty()) {
    publication.request().events.push_back(TableCommitted(base->name, run, 0));
  }
  WEIRHOUSE_FAILPOINT("upkeep.refs_staged");
  WEIRHOUSE_TRY(const catalog::CommitAnswer answer, publication.Commit());
  return answer.seq;
}
}  // namespace

Result<SnapshotId> FindTableSnapshot(Workspace& workspace, const iceberg::TableMetadata& table,
                                     const std::string& text) {
  if (const iceberg::Snapshot* named = table.FindRef(text); named != nullptr) return named->id;
  const std::size_t at = text.find('@');
  const std::string number = text.substr(at == std::string::npos ? 0 : at + 1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size())
    return NoSuchSnapshot(table.name, text);
  if (table.FindSnapshot(SnapshotId(value)) != nullptr) return SnapshotId(value);
  // A number greater than the last commit's is the id of a snapshot that is gone, not a future
  // commit.
  WEIRHOUSE_TRY(const CommitSeq last, workspace.catalog().LastSeq());
  if (value > last.value()) return NoSuchSnapshot(table.name, text);
  WEIRHOUSE_TRY(const std::optional<catalog::SnapshotRecord> recorded,
                workspace.catalog().SnapshotAsOf(table.name, CommitSeq(value)));
  if (!recorded || table.FindSnapshot(recorded->snapshot) == nullptr)
    return NoSuchSnapshot(table.name, text);
  return recorded->snapshot;
}

Result<CommitSeq> RollbackTable(Workspace& workspace, const std::string& table,
                                SnapshotId snapshot) {
  WEIRHOUSE_TRY_STATUS(MayRollBack(workspace, table));
  WEIRHOUSE_TRY(const iceberg::TablePtr base, workspace.LoadTable(table));
  if (base->FindSnapshot(snapshot) == nullptr)
    return NoSuchSnapshot(table, std::to_string(snapshot.value()));
  WEIRHOUSE_TRY_STATUS(CheckWasMain(workspace, *base, snapshot));
  const catalog::Layer layer = policy::LayerOf(table) == policy::Layer::kProcessed
                                   ? catalog::Layer::kProcessed
                                   : catalog::Layer::kOpen;
  return CommitRefs(workspace, base, catalog::RunKind::kRollback, layer,
                    {"main", snapshot, "branch"});
}

Result<CommitSeq> TagTable(Workspace& workspace, const std::string& table, const std::string& tag,
                           std::optional<SnapshotId> snapshot) {
  WEIRHOUSE_TRY(const iceberg::TablePtr base, workspace.LoadTable(table));
  const auto held = base->refs.find(tag);
  const bool is_ours = tag.starts_with("training_set-") || tag.starts_with("staging-");
  if (tag.empty() || tag == "main" || (is_ours && (!snapshot || held != base->refs.end()))) {
    return Status(Code::kPermissionDenied,
                  fmt::format("tag \"{}\" of \"{}\" was not set by a user", tag, table))
        .WithError("WH7122")
        .WithHint("main, staging-* and training_set-* belong to runs and training sets");
  }
  if (held != base->refs.end() && held->second.type != "tag") {
    return Status(Code::kConflict, fmt::format("\"{}\" of \"{}\" is a branch", tag, table))
        .WithError("WH7123")
        .WithHint("choose another name for the tag");
  }
  if (!snapshot && held == base->refs.end()) {
    return Status(Code::kNotFound, fmt::format("table \"{}\" has no tag \"{}\"", table, tag))
        .WithError("WH7059")
        .WithHint(fmt::format("`wh table history {}` lists them", table));
  }
  if (snapshot && base->FindSnapshot(*snapshot) == nullptr)
    return NoSuchSnapshot(table, std::to_string(snapshot->value()));
  return CommitRefs(workspace, base, catalog::RunKind::kTag, catalog::Layer::kMaintenance,
                    {tag, snapshot, "tag"});
}
}  // namespace weirhouse::work

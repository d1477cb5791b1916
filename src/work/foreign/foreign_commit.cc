// Commits of one or several tables.
#include "work/foreign/foreign_commit.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ground/base/failpoint.h"
#include "ground/iceberg/update/metadata_update.h"
#include "work/foreign/client_file.h"
#include "work/foreign/foreign_lineage.h"
#include "work/foreign/foreign_location.h"
#include "work/foreign/foreign_name.h"
#include "work/foreign/foreign_publication.h"
#include "work/foreign/run_view.h"
#include "work/project/table_rules.h"
#include "work/workspace/tables/live_file.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

constexpr int kCommitAttemptsMax = 8;  // Java's server tries 5 times; a round here is a few ms
constexpr std::size_t kTablesPerCommitMax = 100;

bool AssertsCreate(const json& requirements) {
  return std::any_of(requirements.begin(), requirements.end(), [](const json& requirement) {
    return requirement.is_object() && requirement.contains("type") &&
           requirement["type"] == "assert-create";
  });
}

json ListOf(const json& value) { return value.is_null() ? json::array() : value; }

Status CheckShape(const ForeignCommit& commit) {
  if (commit.changes.size() > kTablesPerCommitMax) {
    return MalformedRequest(fmt::format("a commit changes at most {} tables: {} are named",
                                        kTablesPerCommitMax, commit.changes.size()));
  }
  std::set<std::string> names;
  for (const ForeignChange& change : commit.changes) {
    WEIRHOUSE_TRY_STATUS(CheckTableName(change.table));
    if (!names.insert(change.table).second) {
      return MalformedRequest(fmt::format("a commit names a table twice: \"{}\"", change.table));
    }
    if (!ListOf(change.requirements).is_array() || !ListOf(change.updates).is_array()) {
      return MalformedRequest(
          fmt::format("requirements and updates are lists: table \"{}\"", change.table));
    }
  }
  return Status();
}

// One table's part of a commit.
struct TableWork {
  const ForeignChange* asked = nullptr;
  json requirements;
  json updates;
  iceberg::TablePtr before;  // nullptr: it is created
  policy::TableRules rules;
  iceberg::UpdatedMetadata next;
  std::vector<catalog::FileRecord> client_files;
  std::vector<catalog::SnapshotRecord> snapshots;
  std::vector<catalog::EdgeRecord> inputs;
  json described;
  bool moves_main = false;
  std::int64_t rows_added = 0;
  iceberg::TablePtr after;
};

// From load to commit, once.
class CommitAttempt {
 public:
  CommitAttempt(Workspace& workspace, const ForeignCommit& commit, ClientFiles& files)
      : workspace_(workspace),
        commit_(commit),
        files_(files),
        publication_(workspace, commit.caller, "commit") {}

  Result<ForeignAnswer> Run(const ReplyOf& reply) {
    work_.resize(commit_.changes.size());
    for (std::size_t i = 0; i < work_.size(); ++i) {
      work_[i].asked = &commit_.changes[i];
      WEIRHOUSE_TRY_STATUS(Load(work_[i]));
    }
    if (commit_.caller.who.view) {
      // After the pointers: a view that is published meanwhile moves them, and the commit
      // conflicts.
      WEIRHOUSE_TRY(view_, FindRunView(workspace_, *commit_.caller.who.view));
      for (const TableWork& work : work_) WEIRHOUSE_TRY_STATUS(CheckView(work.asked->table));
    }
    for (TableWork& work : work_) WEIRHOUSE_TRY_STATUS(Apply(work));
    WEIRHOUSE_FAILPOINT("foreign.applied");
    for (TableWork& work : work_) {
      if (work.next.changed) WEIRHOUSE_TRY_STATUS(Judge(work));
    }
    WEIRHOUSE_FAILPOINT("foreign.judged");
    for (TableWork& work : work_) {
      if (work.next.changed) WEIRHOUSE_TRY_STATUS(Stage(work));
    }
    WEIRHOUSE_FAILPOINT("foreign.staged");
    return Publish(reply);
  }

 private:
  Status Load(TableWork& work);
  Status Apply(TableWork& work);
  Status Judge(TableWork& work);
  Status Stage(TableWork& work);
  Result<ForeignAnswer> Publish(const ReplyOf& reply);
  Status CheckView(const std::string& table) const;
  iceberg::TablePtr AsSeen(const iceberg::TablePtr& table) const;
  std::vector<iceberg::TablePtr> Seen() const;

  Workspace& workspace_;
  const ForeignCommit& commit_;
  std::optional<RunView> view_;  // of a caller with a view
  ClientFiles& files_;
  ForeignPublication publication_;
  std::vector<TableWork> work_;
};

Status CommitAttempt::CheckView(const std::string& table) const {
  const bool open = view_->state == "open";
  const bool named = std::count(view_->tables.begin(), view_->tables.end(), table) != 0;
  if (open && named) return Status();
  return Status(
             Code::kPermissionDenied,
             fmt::format("run view {} cannot be written to: {}: table \"{}\"", ToString(view_->run),
                         open ? "it was opened for other tables" : "it is " + view_->state, table))
      .WithError("WH7131")
      .WithHint("open a run view for all tables that are written together");
}

Status CommitAttempt::Load(TableWork& work) {
  const std::string& name = work.asked->table;
  const policy::Principal& who = commit_.caller.who;
  work.requirements = ListOf(work.asked->requirements);
  work.updates = ListOf(work.asked->updates);
  const bool creates = AssertsCreate(work.requirements);
  if (!policy::MayAct(who, policy::Action::kRead, name).ok()) return NoSuchTable(name);
  WEIRHOUSE_TRY(const auto pointer, workspace_.catalog().FindTable(name));
  if (pointer && creates) return NameTaken(name, pointer->kind, catalog::PointerKind::kTable);
  if (!creates && (!pointer || pointer->kind != catalog::PointerKind::kTable)) {
    return NoSuchTable(name);
  }
  WEIRHOUSE_TRY_STATUS(
      policy::MayAct(who, creates ? policy::Action::kCreateTable : policy::Action::kCommit, name));
  work.rules = RulesOf(workspace_.project(), name);
  if (creates) {
    WEIRHOUSE_TRY_STATUS(CheckNamespaceExists(workspace_, NamespaceOf(name)));
    return CheckMayExist(workspace_.project(), name, work.rules);
  }
  WEIRHOUSE_TRY(work.before,
                iceberg::LoadTable(workspace_.disk(), name, pointer->metadata_location));
  return Status();
}

Status CommitAttempt::Apply(TableWork& work) {
  const std::string& name = work.asked->table;
  if (view_) {
    WEIRHOUSE_TRY_STATUS(MapThrough(*view_, *work.before, work.requirements, work.updates));
  }
  WEIRHOUSE_TRY_STATUS(iceberg::CheckRequirements(work.before.get(), work.requirements));
  WEIRHOUSE_TRY(work.next, iceberg::ApplyUpdates(work.before.get(), name, work.updates,
                                                 workspace_.clock().Now()));
  return work.next.changed ? FitDeclaration(workspace_.project(), work.rules, work.next.metadata)
                           : Status();
}

Status CommitAttempt::Judge(TableWork& work) {
  policy::ProposedCommit proposed;
  proposed.who = &commit_.caller.who;
  proposed.table = work.asked->table;
  proposed.rules = work.rules;
  proposed.before = work.before.get();
  proposed.after = &work.next.metadata;
  if (policy::MovesLocations(work.before.get(), work.next.metadata)) {
    WEIRHOUSE_TRY(
        proposed.other_locations,
        OtherLocations(workspace_, work.asked->table, PlacesOf(workspace_, work.next.metadata)));
    for (const TableWork& other : work_) {  // several may be created together
      if (&other != &work && other.next.changed) {
        proposed.other_locations.push_back(other.next.metadata.location);
      }
    }
  }
  WEIRHOUSE_TRY(const policy::Judgement judgement,
                policy::Judge(workspace_.disk(), WarehouseOf(workspace_), proposed));
  WEIRHOUSE_TRY(work.client_files, files_.Record(work.next.metadata, judgement));
  // The judgement points into metadata that moves on when it is staged: all that is kept is copied.
  work.snapshots = SnapshotsGained(work.before.get(), work.next.metadata, judgement);
  work.described = DescribeChange(judgement, work.updates);
  work.moves_main = MovesMain(judgement);
  work.rows_added = RowsAddedToMain(judgement);
  WEIRHOUSE_TRY(work.inputs, InputsOf(workspace_, work.before.get(), judgement));
  return Status();
}

Status CommitAttempt::Stage(TableWork& work) {
  const std::string& name = work.asked->table;
  WEIRHOUSE_TRY(const iceberg::StagedTable staged,
                iceberg::StageMetadata(workspace_.disk(), work.before, workspace_.random(),
                                       std::move(work.next), workspace_.clock().Now()));
  work.next = {};
  work.next.changed = true;
  work.after = staged.table;
  publication_.AddOwnFiles(staged.files);
  publication_.AddClientFiles(work.client_files);
  publication_.Describe(name, staged.change.expected_metadata_location, work.described);
  publication_.Identify(
      Sha256Of(work.updates.dump(-1, ' ', false, json::error_handler_t::replace)).ToHex());
  publication_.Identify(staged.change.metadata_location);
  catalog::CommitRequest& request = publication_.request();
  request.tables.push_back(staged.change);
  request.tables.back().places = PlacesOf(workspace_, *work.after);
  request.snapshots.insert(request.snapshots.end(), work.snapshots.begin(), work.snapshots.end());
  request.edges.insert(request.edges.end(), work.inputs.begin(), work.inputs.end());
  if (!work.moves_main) return Status();
  // Those downstream look for commits of the layer they read.
  if (work.rules.layer == policy::Layer::kProcessed) request.layer = "processed";
  if (work.rules.layer == policy::Layer::kRaw && request.layer == "open") request.layer = "raw";
  request.events.push_back(TableCommittedBy(commit_.caller, name, work.rows_added, "commit"));
  return Status();
}

iceberg::TablePtr CommitAttempt::AsSeen(const iceberg::TablePtr& table) const {
  if (!view_) return WithoutStaged(table);
  return std::make_shared<const iceberg::TableMetadata>(AsSeenThrough(*view_, *table));
}

std::vector<iceberg::TablePtr> CommitAttempt::Seen() const {
  std::vector<iceberg::TablePtr> tables;
  for (const TableWork& work : work_) {
    tables.push_back(AsSeen(work.after != nullptr ? work.after : work.before));
  }
  return tables;
}

Result<ForeignAnswer> CommitAttempt::Publish(const ReplyOf& reply) {
  ForeignAnswer answer;
  answer.tables = Seen();
  const bool changed = std::any_of(work_.begin(), work_.end(),
                                   [](const TableWork& work) { return work.after != nullptr; });
  if (!changed) {
    if (reply) {
      workspace_.catalog().KeepReply(reply(answer.tables)).Ignore("the first reply stays");
    }
    return answer;
  }
  if (reply) publication_.request().reply = reply(answer.tables);
  WEIRHOUSE_TRY(const catalog::CommitAnswer committed, publication_.Commit());
  answer.seq = committed.seq;
  answer.run = committed.run;
  if (committed.repeated) {
    for (std::size_t i = 0; i < work_.size(); ++i) {
      WEIRHOUSE_TRY(answer.tables[i],
                    LoadForeign(workspace_, commit_.caller, work_[i].asked->table));
    }
  }
  return answer;
}
}  // namespace

Result<ForeignAnswer> CommitForeign(Workspace& workspace, const ForeignCommit& commit,
                                    const ReplyOf& reply) {
  WEIRHOUSE_TRY_STATUS(CheckShape(commit));
  ClientFiles files(workspace.disk());
  const LakeUse lake;
  for (int attempt = 1;; ++attempt) {
    auto answer = CommitAttempt(workspace, commit, files).Run(reply);
    // The pointer moved between load and commit. What was required may hold of the new state too.
    if (answer.ok() || answer.status().error_code() != "WH7002" || attempt == kCommitAttemptsMax) {
      return answer;
    }
  }
}
}  // namespace weirhouse::work

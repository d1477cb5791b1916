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
#include "work/foreign/staging_area.h"
#include "work/project/table_rules.h"
#include "work/workspace/tables/live_file.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

constexpr std::size_t kTablesPerCommitMax = 100;

bool AssertsCreate(const ForeignChange& change) {
  return std::any_of(change.requirements.begin(), change.requirements.end(),
                     [](const iceberg::Requirement& requirement) {
                       return std::holds_alternative<iceberg::AssertCreate>(requirement);
                     });
}

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
  }
  return Status();
}

// One table's part of a commit.
struct ForeignTableChange {
  const ForeignChange* asked = nullptr;
  std::vector<iceberg::Requirement> requirements;  // in terms of the table itself
  std::vector<iceberg::Update> updates;            // the same
  iceberg::TablePtr before;                        // nullptr: it is created
  policy::TableRules rules;
  iceberg::UpdatedMetadata next;
  std::vector<catalog::FileRecord> client_files;
  std::vector<catalog::SnapshotRecord> snapshots;
  std::vector<catalog::NodeRef> inputs;  // snapshots that it read
  json described;
  bool moves_main = false;
  std::int64_t rows_added = 0;
  iceberg::TablePtr after;
};

// One attempt, from load to commit.
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
    if (commit_.caller.who.staging_area) {
      // After the pointers: if the area is published meanwhile, the pointers move and the commit
      // conflicts.
      WEIRHOUSE_TRY(view_, FindStagingArea(workspace_, *commit_.caller.who.staging_area));
      for (const ForeignTableChange& work : work_)
        WEIRHOUSE_TRY_STATUS(CheckView(work.asked->table));
    }
    for (ForeignTableChange& work : work_) WEIRHOUSE_TRY_STATUS(Apply(work));
    WEIRHOUSE_FAILPOINT("foreign.applied");
    for (ForeignTableChange& work : work_) {
      if (work.next.changed) WEIRHOUSE_TRY_STATUS(Judge(work));
    }
    WEIRHOUSE_FAILPOINT("foreign.judged");
    for (ForeignTableChange& work : work_) {
      if (work.next.changed) WEIRHOUSE_TRY_STATUS(Stage(work));
    }
    WEIRHOUSE_FAILPOINT("foreign.staged");
    return Publish(reply);
  }

 private:
  Status Load(ForeignTableChange& work);
  Status Apply(ForeignTableChange& work);
  Status Judge(ForeignTableChange& work);
  Status Stage(ForeignTableChange& work);
  Result<ForeignAnswer> Publish(const ReplyOf& reply);
  Status CheckView(const std::string& table) const;
  iceberg::TablePtr AsSeen(const iceberg::TablePtr& table) const;
  std::vector<iceberg::TablePtr> Seen() const;

  Workspace& workspace_;
  const ForeignCommit& commit_;
  std::optional<StagingArea> view_;  // if the caller has one
  ClientFiles& files_;
  ForeignPublication publication_;
  std::vector<ForeignTableChange> work_;
};

Status CommitAttempt::CheckView(const std::string& table) const {
  const bool open = view_->state == "open";
  const bool named = std::count(view_->tables.begin(), view_->tables.end(), table) != 0;
  if (open && named) return Status();
  return Status(Code::kPermissionDenied,
                fmt::format(
                    "staging area {} cannot be written to: {}: table \"{}\"", ToString(view_->run),
                    open ? "it was opened for other tables" : "it is " + view_->state, table))
      .WithError("WH7131")
      .WithHint("open a staging area for all tables that are written together");
}

Status CommitAttempt::Load(ForeignTableChange& work) {
  const std::string& name = work.asked->table;
  const policy::Principal& who = commit_.caller.who;
  work.requirements = work.asked->requirements;
  work.updates = work.asked->updates;
  const bool creates = AssertsCreate(*work.asked);
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
                iceberg::LoadTable(workspace_.store(), name, pointer->metadata_location));
  return Status();
}

Status CommitAttempt::Apply(ForeignTableChange& work) {
  const std::string& name = work.asked->table;
  if (view_) {
    WEIRHOUSE_TRY_STATUS(MapToStaging(*view_, *work.before, work.requirements, work.updates));
  }
  WEIRHOUSE_TRY_STATUS(iceberg::CheckRequirements(work.before.get(), work.requirements));
  WEIRHOUSE_TRY(work.next, iceberg::ApplyUpdates(work.before.get(), name, work.updates,
                                                 workspace_.clock().Now()));
  return work.next.changed ? FitDeclaration(workspace_.project(), work.rules, work.next.metadata)
                           : Status();
}

Status CommitAttempt::Judge(ForeignTableChange& work) {
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
    for (const ForeignTableChange& other : work_) {  // a commit may create several tables
      if (&other != &work && other.next.changed) {
        proposed.other_locations.push_back(other.next.metadata.location);
      }
    }
  }
  WEIRHOUSE_TRY(const policy::Judgement judgement,
                policy::Judge(workspace_.store(), WarehouseOf(workspace_), proposed));
  WEIRHOUSE_TRY(work.client_files, files_.Record(work.next.metadata, judgement));
  // The judgement points into metadata that changes when it is staged, so everything that is kept
  // is copied.
  work.snapshots = SnapshotsGained(work.before.get(), work.next.metadata, judgement);
  work.described = DescribeChange(judgement, work.updates);
  work.moves_main = MovesMain(judgement);
  work.rows_added = RowsAddedToMain(judgement);
  WEIRHOUSE_TRY(work.inputs, InputsOf(workspace_, work.before.get(), judgement));
  return Status();
}

Status CommitAttempt::Stage(ForeignTableChange& work) {
  const std::string& name = work.asked->table;
  WEIRHOUSE_TRY(const iceberg::StagedTable staged,
                iceberg::StageMetadata(workspace_.store(), work.before, workspace_.random(),
                                       std::move(work.next), workspace_.clock().Now()));
  work.next = {};
  work.next.changed = true;
  work.after = staged.table;
  publication_.AddOwnFiles(staged.files);
  publication_.AddClientFiles(work.client_files);
  publication_.Describe(name, staged.change.expected_metadata_location, work.described);
  publication_.Identify(staged.change.metadata_location);
  catalog::CommitRequest& request = publication_.request();
  request.tables.push_back(staged.change);
  request.tables.back().places = PlacesOf(workspace_, *work.after);
  request.snapshots.insert(request.snapshots.end(), work.snapshots.begin(), work.snapshots.end());
  for (const catalog::NodeRef& input : work.inputs) request.lineage.Read(input);
  if (!work.moves_main) return Status();
  // Downstream steps look for commits of the layer they read.
  if (work.rules.layer == policy::Layer::kProcessed) request.layer = catalog::Layer::kProcessed;
  if (work.rules.layer == policy::Layer::kRaw && request.layer == catalog::Layer::kOpen)
    request.layer = catalog::Layer::kRaw;
  request.events.push_back(TableCommittedBy(commit_.caller, name, work.rows_added, "commit"));
  return Status();
}

iceberg::TablePtr CommitAttempt::AsSeen(const iceberg::TablePtr& table) const {
  if (!view_) return WithoutStaged(table);
  return std::make_shared<const iceberg::TableMetadata>(ShowStagedAsMain(*view_, *table));
}

std::vector<iceberg::TablePtr> CommitAttempt::Seen() const {
  std::vector<iceberg::TablePtr> tables;
  for (const ForeignTableChange& work : work_) {
    tables.push_back(AsSeen(work.after != nullptr ? work.after : work.before));
  }
  return tables;
}

Result<ForeignAnswer> CommitAttempt::Publish(const ReplyOf& reply) {
  ForeignAnswer answer;
  answer.tables = Seen();
  const bool changed = std::any_of(work_.begin(), work_.end(), [](const ForeignTableChange& work) {
    return work.after != nullptr;
  });
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
  ClientFiles files(workspace.store());
  const LakeUse lake;
  // The requirements may also hold in the state that another writer left.
  return WithRetries(catalog::kWhilePointersMove,
                     [&] { return CommitAttempt(workspace, commit, files).Run(reply); });
}
}  // namespace weirhouse::work

// Tables as other engines create, register, drop, rename and load them.
#include <fmt/format.h>

#include "ground/base/failpoint.h"
#include "ground/iceberg/update/metadata_update.h"
#include "ground/platform/io/location.h"
#include "ground/platform/io/open_folder.h"
#include "work/foreign/client_file.h"
#include "work/foreign/foreign_commit.h"
#include "work/foreign/foreign_lineage.h"
#include "work/foreign/foreign_location.h"
#include "work/foreign/foreign_name.h"
#include "work/foreign/foreign_publication.h"
#include "work/foreign/staging_area.h"
#include "work/project/table_rules.h"
#include "work/workspace/tables/live_file.h"

namespace weirhouse::work {
namespace {
using catalog::PointerKind;

constexpr std::chrono::hours kPurgeTimeMax{24};  // millions of files; after a crash, until then

// ---- Create
// -----------------------------------------------------------------------------------------------

// The table with its location as we write locations; one of our own if it has none.
Result<iceberg::WantedTable> Locate(Workspace& workspace, const std::string& name,
                                    iceberg::WantedTable table) {
  if (table.location) {
    table.location = PlainLocation(*table.location);
  } else {
    WEIRHOUSE_TRY(table.location, NewLocation(workspace, name));
  }
  return table;
}

// What every new table must pass before anything is written.
Result<policy::Judgement> JudgeNew(Workspace& workspace, const Caller& caller,
                                   const policy::TableRules& rules,
                                   const iceberg::TableMetadata& metadata) {
  policy::ProposedCommit proposed;
  proposed.who = &caller.who;
  proposed.table = metadata.name;
  proposed.rules = rules;
  proposed.after = &metadata;
  WEIRHOUSE_TRY(proposed.other_locations,
                OtherLocations(workspace, metadata.name, PlacesOf(workspace, metadata)));
  return policy::Judge(workspace.store(), WarehouseOf(workspace), proposed);
}

// Another commit took the pointer between our check and our commit.
Status TakenMeanwhile(Workspace& workspace, const std::string& name, const Status& conflict) {
  if (!conflict.Is(catalog::kPointerMoved)) return conflict;
  WEIRHOUSE_TRY_STATUS(CheckNameFree(workspace, name, PointerKind::kTable));
  return conflict;
}
}  // namespace

Result<iceberg::TablePtr> CreateForeign(Workspace& workspace, const ForeignCreate& create,
                                        const ReplyOf& reply) {
  WEIRHOUSE_TRY_STATUS(CheckNamespaceName(create.name_space));
  WEIRHOUSE_TRY_STATUS(CheckNameLevel(create.own_name));
  const std::string name = fmt::format("{}.{}", create.name_space, create.own_name);
  WEIRHOUSE_TRY_STATUS(policy::MayAct(create.caller.who, policy::Action::kCreateTable, name));
  WEIRHOUSE_TRY_STATUS(CheckNamespaceExists(workspace, create.name_space));
  WEIRHOUSE_TRY_STATUS(CheckNameFree(workspace, name, PointerKind::kTable));
  const policy::TableRules rules = RulesOf(workspace.project(), name);
  WEIRHOUSE_TRY_STATUS(CheckMayExist(workspace.project(), name, rules));
  const LakeUse lake;
  WEIRHOUSE_TRY(const iceberg::WantedTable wanted, Locate(workspace, name, create.table));
  const ProcessTime now = workspace.clock().Now();
  WEIRHOUSE_TRY(iceberg::TableMetadata metadata,
                iceberg::MakeTableMetadata(wanted, name, workspace.random(), now));
  WEIRHOUSE_TRY_STATUS(FitDeclaration(workspace.project(), rules, metadata));
  WEIRHOUSE_TRY(const policy::Judgement judgement,
                JudgeNew(workspace, create.caller, rules, metadata));
  if (create.stage) {
    // Clients write their first files before the commit that makes the table, and make no folders.
    WEIRHOUSE_TRY_STATUS(workspace.store().MakeFolder(metadata.location + "/data"));
    WEIRHOUSE_TRY_STATUS(workspace.store().MakeFolder(metadata.location + "/metadata"));
    auto staged = std::make_shared<const iceberg::TableMetadata>(std::move(metadata));
    if (reply) {
      workspace.catalog().KeepReply(reply({staged})).Ignore("the first reply stays");
    }
    return iceberg::TablePtr(std::move(staged));
  }
  ForeignPublication publication(workspace, create.caller, "create");
  publication.Describe(name, std::nullopt,
                       {{"location", metadata.location}, {"uuid", metadata.uuid}});
  WEIRHOUSE_FAILPOINT("foreign.create.before_stage");
  WEIRHOUSE_TRY(const iceberg::StagedTable staged,
                iceberg::StageMetadata(workspace.store(), nullptr, workspace.random(),
                                       {std::move(metadata), {}, {}, true}, now));
  publication.AddOwnFiles(staged.files);
  publication.Identify(staged.change.metadata_location);
  publication.request().tables.push_back(staged.change);
  publication.request().tables.back().places = PlacesOf(workspace, *staged.table);
  if (reply) publication.request().reply = reply({staged.table});
  const auto committed = publication.Commit();
  if (!committed.ok()) return TakenMeanwhile(workspace, name, committed.status());
  if (committed->repeated) return LoadForeign(workspace, create.caller, name);
  return staged.table;
}

// ---- Register
// ---------------------------------------------------------------------------------------------
namespace {
Status CannotRegister(const std::string& path, const std::string& why) {
  return Status(Code::kInvalidInput,
                fmt::format("metadata file cannot be registered: {}: {}", why, path))
      .WithError("WH7107");
}

// Reads a metadata.json that lies in the warehouse and agrees with itself.
Result<iceberg::TablePtr> ReadMetadata(Workspace& workspace, const std::string& name,
                                       const std::string& path) {
  // Checked before the file is opened, so that the error does not tell whether it exists.
  WEIRHOUSE_TRY_STATUS(policy::CheckInside(WarehouseOf(workspace), path));
  auto table = iceberg::LoadTable(workspace.store(), name, path);
  if (!table.ok()) {
    if (table.status().code() == Code::kUnavailable) return table.status();
    return CannotRegister(path, table.status().message());
  }
  const std::string lies_in = LocationOfMetadata(path);
  if (!lies_in.empty() && lies_in != (*table)->location) {
    return CannotRegister(path, fmt::format("it lies in another table's folder, its location is {}",
                                            (*table)->location));
  }
  for (const iceberg::Snapshot& snapshot : (*table)->snapshots) {
    const auto found = workspace.store().Stat(LocalPathOf(snapshot.manifest_list));
    if (!found.ok()) {
      return CannotRegister(path, fmt::format("snapshot {} lacks its manifest list {}",
                                              snapshot.id.value(), snapshot.manifest_list));
    }
  }
  return table;
}

Status PublishRegistered(Workspace& workspace, const Caller& caller,
                         const std::optional<catalog::TablePointer>& former,
                         const iceberg::TablePtr& table, const policy::Judgement& judgement,
                         const ReplyOf& reply) {
  const std::string& name = table->name;
  ForeignPublication publication(workspace, caller, "register");
  catalog::CommitRequest& request = publication.request();
  ClientFiles files(workspace.store());
  WEIRHOUSE_TRY(std::vector<catalog::FileRecord> records, files.Record(*table, judgement));
  WEIRHOUSE_TRY(records.emplace_back(),
                files.RecordOne(name, table->metadata_location, catalog::FileKind::kMetadata));
  publication.AddClientFiles(records);
  catalog::TableChange change{name, table->uuid, std::nullopt, table->metadata_location};
  if (former && former->uuid == table->uuid) {
    change.expected_metadata_location = former->metadata_location;
  } else if (former) {
    request.drops.push_back({name, former->metadata_location});
  }
  change.places = PlacesOf(workspace, *table);
  request.tables.push_back(change);
  request.snapshots = SnapshotsGained(nullptr, *table, judgement);
  publication.Describe(
      name, former ? std::optional(former->metadata_location) : std::nullopt,
      {{"metadata", table->metadata_location}, {"change", DescribeChange(judgement, {})}});
  publication.Identify(table->metadata_location);
  publication.Identify(workspace.random().Uuid4());
  if (MovesMain(judgement)) {
    const policy::Layer layer = policy::LayerOf(name);
    if (layer == policy::Layer::kProcessed) request.layer = catalog::Layer::kProcessed;
    if (layer == policy::Layer::kRaw) request.layer = catalog::Layer::kRaw;
    request.events.push_back(
        TableCommittedBy(caller, name, RowsAddedToMain(judgement), "register"));
  }
  if (reply) request.reply = reply({table});
  return publication.Commit().status();
}
}  // namespace

Result<iceberg::TablePtr> RegisterForeign(Workspace& workspace, const Caller& caller,
                                          const std::string& name,
                                          const std::string& metadata_location, bool overwrite,
                                          const ReplyOf& reply) {
  WEIRHOUSE_TRY_STATUS(CheckTableName(name));
  WEIRHOUSE_TRY_STATUS(policy::MayAct(caller.who, policy::Action::kRegisterTable, name));
  WEIRHOUSE_TRY_STATUS(CheckNamespaceExists(workspace, NamespaceOf(name)));
  WEIRHOUSE_TRY(const auto former, workspace.catalog().FindTable(name));
  if (former && (!overwrite || former->kind != PointerKind::kTable)) {
    return NameTaken(name, former->kind, PointerKind::kTable);
  }
  const policy::TableRules rules = RulesOf(workspace.project(), name);
  WEIRHOUSE_TRY_STATUS(CheckMayExist(workspace.project(), name, rules));
  if (former) WEIRHOUSE_TRY_STATUS(CheckMayGo(name, rules, "registered over"));
  const LakeUse lake;
  WEIRHOUSE_TRY(const iceberg::TablePtr table,
                ReadMetadata(workspace, name, LocalPathOf(metadata_location)));
  if (former && former->metadata_location == table->metadata_location) {
    if (reply) workspace.catalog().KeepReply(reply({table})).Ignore("the first reply stays");
    return table;
  }
  WEIRHOUSE_TRY(const policy::Judgement judgement, JudgeNew(workspace, caller, rules, *table));
  const Status published = PublishRegistered(workspace, caller, former, table, judgement, reply);
  if (!published.ok() && !former) return TakenMeanwhile(workspace, name, published);
  if (!published.ok()) return published;
  return table;
}

// ---- Drop and rename
// --------------------------------------------------------------------------------------
namespace {
// Deletes the contents of a dropped table's own folder. No other table lies in it or around it. A
// link is deleted, never followed.
void PurgeBelow(const platform::OpenFolder& folder, int depth) {
  constexpr int kDepthMax = 64;
  const auto entries = folder.List();
  if (!entries.ok() || depth > kDepthMax) return;
  for (const platform::Entry& entry : *entries) {
    if (entry.kind != platform::EntryKind::kFolder) {
      folder.RemoveFile(entry.name).Ignore("an orphan that the sweep finds");
      continue;
    }
    if (const auto below = folder.Enter(entry.name); below.ok()) PurgeBelow(*below, depth + 1);
    folder.RemoveEmptyFolder(entry.name).Ignore("an empty folder harms no one");
  }
}
void Purge(platform::ObjectStore& store, const std::string& location) {
  if (const auto folder = platform::OpenFolder::Open(location); folder.ok()) PurgeBelow(*folder, 0);
  store.Delete(location).Ignore("an empty folder harms no one");
}

// The files in `location` that the catalog knows: released in the commit that drops the table, so
// that a sweep finishes what a crash interrupts.
Result<std::vector<std::string>> FilesIn(Workspace& workspace, const std::string& location) {
  WEIRHOUSE_TRY(const std::vector<catalog::FileRecord> files,
                workspace.catalog().Files(std::nullopt));
  std::vector<std::string> paths;
  for (const catalog::FileRecord& file : files) {
    if (platform::IsInFolder(workspace.store().Spelling(file.path), location)) {
      paths.push_back(file.path);
    }
  }
  return paths;
}
}  // namespace

namespace {
Status DropOnce(Workspace& workspace, const Caller& caller, const std::string& name, bool purge,
                const std::optional<catalog::StoredReply>& reply) {
  if (!policy::MayAct(caller.who, policy::Action::kRead, name).ok()) return NoSuchTable(name);
  WEIRHOUSE_TRY(const auto pointer, workspace.catalog().FindTable(name));
  if (!pointer || pointer->kind != PointerKind::kTable) return NoSuchTable(name);
  WEIRHOUSE_TRY_STATUS(policy::MayAct(
      caller.who, purge ? policy::Action::kPurgeTable : policy::Action::kDropTable, name));
  const policy::TableRules rules = RulesOf(workspace.project(), name);
  WEIRHOUSE_TRY_STATUS(CheckMayGo(name, rules, "dropped"));
  const auto table = iceberg::LoadTable(workspace.store(), name, pointer->metadata_location);
  std::vector<std::string> released;
  if (purge) {
    if (!table.ok()) return table.status();
    WEIRHOUSE_TRY(const auto others, OtherLocations(workspace, name, PlacesOf(workspace, **table)));
    WEIRHOUSE_TRY_STATUS(policy::CheckLocations(WarehouseOf(workspace), **table, others));
    WEIRHOUSE_TRY(released, FilesIn(workspace, (*table)->location));
  }
  ForeignPublication publication(workspace, caller, purge ? "purge" : "drop");
  publication.request().layer = catalog::Layer::kMaintenance;
  publication.request().drops.push_back({name, pointer->metadata_location});
  // Blocks the place until all is deleted: a table created there meanwhile would lose its files.
  if (purge) {
    publication.request().drops.back().places_kept_until = workspace.clock().Now() + kPurgeTimeMax;
  }
  publication.request().released_files = released;
  publication.request().reply = reply;
  publication.Describe(name, pointer->metadata_location, {{"purge", purge}});
  publication.Identify(workspace.random().Uuid4());
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  if (purge) {
    WEIRHOUSE_FAILPOINT("foreign.purge.before");
    Purge(workspace.store(), (*table)->location);
    workspace.catalog()
        .ReleasePlaces(PlacesOf(workspace, **table))
        .Ignore("the place is free after kPurgeTimeMax");
    WEIRHOUSE_FAILPOINT("foreign.purge.after");
    workspace.catalog().MarkRemoved(released).Ignore("the sweep finds them gone");
  }
  return Status();
}

Status RenameOnce(Workspace& workspace, const Caller& caller, const std::string& name,
                  const std::string& new_name, const std::optional<catalog::StoredReply>& reply,
                  PointerKind kind) {
  const bool is_table = kind == PointerKind::kTable;
  const policy::Action action =
      is_table ? policy::Action::kRenameTable : policy::Action::kRenameView;
  WEIRHOUSE_TRY_STATUS(CheckTableName(new_name));
  const auto absent = [&] { return is_table ? NoSuchTable(name) : NoSuchView(name); };
  if (!policy::MayAct(caller.who, policy::Action::kRead, name).ok()) return absent();
  WEIRHOUSE_TRY(const auto pointer, workspace.catalog().FindTable(name));
  if (!pointer || pointer->kind != kind) return absent();
  WEIRHOUSE_TRY_STATUS(policy::MayAct(caller.who, action, name));
  WEIRHOUSE_TRY_STATUS(policy::MayAct(caller.who, action, new_name));
  if (is_table && (policy::LayerOf(name) != policy::Layer::kOpen ||
                   policy::LayerOf(new_name) != policy::Layer::kOpen)) {
    return Status(Code::kPermissionDenied,
                  fmt::format("tables of a layer keep their names: \"{}\" cannot become \"{}\"",
                              name, new_name))
        .WithError("WH7075")
        .WithHint("create a table of the new name and copy the rows");
  }
  WEIRHOUSE_TRY_STATUS(CheckNamespaceExists(workspace, NamespaceOf(new_name)));
  WEIRHOUSE_TRY(const auto taken, workspace.catalog().FindTable(new_name));
  if (taken) {
    return Status(Code::kConflict,
                  fmt::format("Cannot rename {} to {}. {} already exists", name, new_name,
                              taken->kind == PointerKind::kTable ? "Table" : "View"))
        .WithError(kNameTaken);
  }
  ForeignPublication publication(workspace, caller, "rename");
  publication.request().layer = catalog::Layer::kMaintenance;
  publication.request().renames.push_back({name, new_name, pointer->metadata_location});
  publication.request().reply = reply;
  publication.Describe(name, pointer->metadata_location, {{"renamed", new_name}});
  publication.Identify(workspace.random().Uuid4());
  return publication.Commit().status();
}
}  // namespace

Status DropForeign(Workspace& workspace, const Caller& caller, const std::string& name, bool purge,
                   const std::optional<catalog::StoredReply>& reply) {
  const LakeUse lake;  // always taken before the lock of locations
  // The request does not depend on the table's state, so it can be tried again.
  return WithRetries(catalog::kWhilePointersMove,
                     [&] { return DropOnce(workspace, caller, name, purge, reply); });
}

Status RenameForeign(Workspace& workspace, const Caller& caller, const std::string& name,
                     const std::string& new_name, const std::optional<catalog::StoredReply>& reply,
                     PointerKind kind) {
  return WithRetries(catalog::kWhilePointersMove,
                     [&] { return RenameOnce(workspace, caller, name, new_name, reply, kind); });
}

// ---- Load
// -------------------------------------------------------------------------------------------------
Result<iceberg::TablePtr> LoadForeign(Workspace& workspace, const Caller& caller,
                                      const std::string& name) {
  if (!policy::MayAct(caller.who, policy::Action::kRead, name).ok()) return NoSuchTable(name);
  WEIRHOUSE_TRY(const auto pointer, workspace.catalog().FindTable(name));
  if (!pointer || pointer->kind != PointerKind::kTable) return NoSuchTable(name);
  WEIRHOUSE_TRY(iceberg::TablePtr table,
                iceberg::LoadTable(workspace.store(), name, pointer->metadata_location));
  if (!caller.who.staging_area) return WithoutStaged(table);
  WEIRHOUSE_TRY(const StagingArea view, FindStagingArea(workspace, *caller.who.staging_area));
  return iceberg::TablePtr(
      std::make_shared<const iceberg::TableMetadata>(ShowStagedAsMain(view, *table)));
}
}  // namespace weirhouse::work

#include "work/workspace/workspace.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/base/name.h"
#include "ground/base/resource/memory_reserve.h"
#include "ground/base/text.h"
#include "ground/catalog/outcome.h"
#include "ground/iceberg/caching_store.h"
#include "ground/platform/io/location.h"
#include "ground/platform/io/moved_store.h"
#include "ground/platform/kv/kv_damage.h"
#include "rules/feature/kernel/request_sessions.h"
#include "rules/feature/online/online_store.h"
#include "rules/policy/token.h"
#include "rules/transform/upsert/loser_table.h"
#include "rules/transform/upsert/version_index.h"
#include "work/project/catalog_place.h"
#include "work/workspace/cache_damage.h"
#include "work/workspace/online_refresh.h"
#include "work/workspace/state/catalog_witness.h"
#include "work/workspace/state/clock_witness.h"
#include "work/workspace/state/parsing_mark.h"
#include "work/workspace/state/project_lock.h"
#include "work/workspace/state/topic_logs.h"

namespace weirhouse::work {
namespace {
constexpr std::string_view kStateFolder = ".weirhouse";
constexpr std::chrono::seconds kClockToleranceMax{60};  // what servers of time correct

// Where the catalog says that the lake is, and where it was before.
struct LakePlaces {
  std::string recorded;
  std::vector<std::string> former;
};
Result<LakePlaces> ReadLakePlaces(catalog::Catalog& catalog) {
  WEIRHOUSE_TRY(const std::optional<std::string> recorded, catalog::setting::Lake().In(catalog));
  if (!recorded) {
    return Status(Code::kNotFound,
                  fmt::format("the project's state is not whole: {}", catalog.place()))
        .WithError(kNoState)
        .WithHint("`wh init` was ended before it was done: run it again");
  }
  WEIRHOUSE_TRY(auto former, catalog::setting::FormerLakes().In(catalog));
  return LakePlaces{*recorded, std::move(former).value_or(std::vector<std::string>())};
}

Status CheckRoot(const std::string& recorded, const std::string& lake) {
  if (platform::CanonicalPath(recorded) == platform::CanonicalPath(lake)) return Status();
  return Status(Code::kInvalidInput, fmt::format("the project was moved: its data names {}, now it "
                                                 "is {}",
                                                 recorded, lake))
      .WithError("WH8003")
      .WithHint(
          "`wh doctor --relocate` rewrites its tables' metadata for this place; or move it back");
}

std::string LakeOf(const ProjectDefinition& project) {
  const std::string& warehouse = project.profile.warehouse;
  const std::string lake =
      warehouse.starts_with("/")
          ? warehouse
          : project.root + "/" + (warehouse.starts_with("./") ? warehouse.substr(2) : warehouse);
  // Without "..": tables name their files by this path, and folders on the way may be renamed.
  return platform::CanonicalPath(lake);
}

struct CacheStores {
  std::unique_ptr<platform::KvStore> kv;
  std::unique_ptr<feature::OnlineStore> online;
};

Result<CacheStores> OpenStores(Workspace& workspace, const std::string& folder, bool writes) {
  CacheStores stores;
  platform::KvOptions options;
  options.read_only = !writes;
  WEIRHOUSE_TRY(stores.kv, platform::KvStore::Open(folder, options));
  WEIRHOUSE_TRY(stores.online, feature::OnlineStore::Open(*stores.kv));
  WEIRHOUSE_TRY_STATUS(DistrustOtherLives(workspace.project(), workspace.catalog(),
                                          workspace.store(), *stores.online));
  return stores;
}

// A writer empties damaged caches. A reader works without them and reports it if it needs them: see
// CheckHasCache.
Result<CacheStores> OpenCaches(Workspace& workspace, bool writes, bool* mended) {
  const std::string folder = workspace.state_folder() + "/kv";
  if (!writes && !workspace.local_store().Stat(folder + "/CURRENT").ok()) return CacheStores();
  Status damage;
  if (const std::string noted = writes ? NotedCacheDamage(workspace.state_folder()) : "";
      !noted.empty()) {
    damage = Status(Code::kCorruption, noted);
  } else {
    Result<CacheStores> stores = OpenStores(workspace, folder, writes);
    if (!IsCacheDamage(stores.status())) return stores;
    damage = stores.status();
  }
  if (!writes) return CacheStores();
  WEIRHOUSE_TRY_STATUS(platform::RemoveKvStore(folder));
  NoteMended(workspace.state_folder(), damage.message());
  *mended = true;
  return OpenStores(workspace, folder, writes);
}
// Warns if the clock was set back: no data is lost, but times shown, and everything judged by them,
// are wrong.
Result<std::optional<std::string>> ClockStory(catalog::Catalog& catalog, ProcessTime now) {
  WEIRHOUSE_TRY(const CommitSeq last, catalog.LastSeq());
  WEIRHOUSE_TRY(const auto newest, catalog.Commits(CommitSeq(last.value() - 1), 1));
  if (newest.empty() || newest[0].committed_at <= now + kClockToleranceMax)
    return std::optional<std::string>();
  return std::optional(fmt::format("the wall clock went back: it says {}, and commit {} is of {}",
                                   FormatTime(now), newest[0].seq.value(),
                                   FormatTime(newest[0].committed_at)));
}

// Removes the indexes of tables that are no more.
Status ForgetDroppedTables(catalog::Catalog& catalog, platform::RunStores& indexes) {
  WEIRHOUSE_TRY(const std::vector<catalog::TablePointer> tables, catalog.Tables());
  std::set<std::string> names;
  for (const catalog::TablePointer& table : tables) {
    names.insert(table.name);
    names.insert(transform::VersionIndex::StoreName(table.name));
  }
  return indexes.KeepOnly(names);
}
}  // namespace

Result<std::unique_ptr<Workspace>> Workspace::Open(std::shared_ptr<const ProjectDefinition> project,
                                                   Access access, const Choose& choose,
                                                   const Environment& environment) {
  std::unique_ptr<Workspace> workspace(new Workspace(environment));
  workspace->project_ = std::move(project);
  if (!arrow::compute::Initialize().ok())
    return Status(Code::kInternal, "could not start Arrow's compute functions");
  WEIRHOUSE_TRY_STATUS(workspace->OpenState(access, /*was_moved=*/false));
  if (choose) {
    WEIRHOUSE_TRY(workspace->project_, choose(*workspace));
  }
  WEIRHOUSE_TRY_STATUS(workspace->OpenEngines(access, environment.sql));
  return workspace;
}

Result<std::unique_ptr<Workspace>> Workspace::OpenMoved(
    std::shared_ptr<const ProjectDefinition> project, const Environment& environment) {
  std::unique_ptr<Workspace> workspace(new Workspace(environment));
  workspace->project_ = std::move(project);
  WEIRHOUSE_TRY_STATUS(workspace->OpenState(Access::kWrite, /*was_moved=*/true));
  return workspace;
}

Status Workspace::OpenState(Access access, bool was_moved) {
  state_folder_ = project_->root + "/" + std::string(kStateFolder);
  lake_ = LakeOf(*project_);
  if (!local_store_->Stat(state_folder_).ok()) {
    return Status(Code::kNotFound, fmt::format("the project has no state yet: {}", state_folder_))
        .WithError(kNoState)
        .WithHint("`wh init` in the project's folder makes it");
  }
  const bool writes = access == Access::kWrite;
  if (writes) {
    WEIRHOUSE_TRY(lock_, ProjectLock::Take(state_folder_));
  }
  WEIRHOUSE_TRY(catalog_, OpenProjectCatalog(*local_store_, *project_, state_folder_, !writes,
                                             {.clock = clock_, .random = random_}));
  WEIRHOUSE_TRY(LakePlaces places, ReadLakePlaces(*catalog_));
  if (was_moved) {
    places.former.push_back(places.recorded);
  } else {
    WEIRHOUSE_TRY_STATUS(CheckRoot(places.recorded, lake_));
  }
  former_lakes_.clear();
  for (const std::string& place : places.former) {
    const std::string canonical = platform::CanonicalPath(place);
    if (canonical != platform::CanonicalPath(lake_)) former_lakes_.push_back(canonical);
  }
  if (!former_lakes_.empty()) {
    moved_ = std::make_shared<platform::MovedStore>(*store_, former_lakes_,
                                                    platform::CanonicalPath(lake_));
    store_ = moved_.get();
  }
  caching_ = std::make_shared<iceberg::CachingStore>(*store_);
  store_ = caching_.get();
  return Status();
}

Status Workspace::OpenEngines(Access access, std::shared_ptr<platform::SqlEngine> sql) {
  const bool writes = access == Access::kWrite;
  WEIRHOUSE_TRY(other_lives_, OtherLives(*local_store_, state_folder_, *catalog_));
  if (writes) RememberCatalog(*local_store_, state_folder_, *catalog_);
  WEIRHOUSE_TRY(clock_went_back_, ClockStory(*catalog_, clock_->Now()));
  if (writes) {
    WatchClock(*local_store_, state_folder_, *clock_);
    WEIRHOUSE_TRY(parsing_mark_, ParsingMark::Open(state_folder_ + "/parsing"));
    WEIRHOUSE_TRY_STATUS(CountEndedParsing(*parsing_mark_, *catalog_));
  }
  topics_ =
      std::make_shared<TopicLogs>(state_folder_ + "/log", *catalog_, *clock_, *random_, !writes);
  bool mended = false;
  WEIRHOUSE_TRY(CacheStores caches, OpenCaches(*this, writes, &mended));
  kv_ = std::move(caches.kv);
  online_ = std::move(caches.online);
  runs_ = std::make_shared<platform::RunStores>(state_folder_ + "/kv/index", !writes);
  if (writes) WEIRHOUSE_TRY_STATUS(ForgetDroppedTables(*catalog_, *runs_));
  sql_ = std::move(sql);
  if (sql_ == nullptr) {
    platform::SqlOptions sql_options;
    sql_options.temp_folder = state_folder_ + "/tmp";
    WEIRHOUSE_TRY(sql_, platform::SqlEngine::Open(sql_options));
  }
  request_sessions_ = std::make_unique<feature::RequestSessions>(*sql_);
  if (mended) {
    WEIRHOUSE_TRY_STATUS(RefreshCaches(*this));
    WEIRHOUSE_TRY_STATUS(kv_->Flush());  // for processes that read beside this one
  }
  return Status();
}

std::unique_ptr<Workspace> Workspace::With(std::shared_ptr<const ProjectDefinition> project) const {
  std::unique_ptr<Workspace> other(new Workspace({*store_, *clock_, *random_, local_store_}));
  other->project_ = std::move(project);
  other->moved_ = moved_;
  other->caching_ = caching_;
  other->former_lakes_ = former_lakes_;
  other->catalog_ = catalog_;
  other->kv_ = kv_;
  other->runs_ = runs_;
  other->sql_ = sql_;
  other->parsing_mark_ = parsing_mark_;
  other->topics_ = topics_;
  other->request_sessions_ = std::make_unique<feature::RequestSessions>(*sql_);
  other->online_ = online_;
  other->other_lives_ = other_lives_;
  other->state_folder_ = state_folder_;
  other->lake_ = lake_;
  other->clock_went_back_ = clock_went_back_;
  other->lock_ = lock_;
  return other;
}

Workspace::Workspace(const Environment& environment)
    : store_(&environment.store),
      local_store_(environment.local_store != nullptr ? environment.local_store
                                                      : &environment.store),
      clock_(&environment.clock),
      random_(&environment.random) {}
Workspace::~Workspace() {
  const UseMemoryReserve reserve;
  indexes_.clear();
  versions_.clear();
  runs_.reset();
  online_.reset();
  kv_.reset();
  topics_.reset();
  if (catalog_ != nullptr && lock_ != nullptr)
    RememberCatalog(*local_store_, state_folder_, *catalog_);
  catalog_.reset();
  lock_.reset();
}

Result<std::optional<iceberg::TablePtr>> Workspace::FindTable(const std::string& name) {
  WEIRHOUSE_TRY(const std::optional<catalog::TablePointer> pointer, catalog_->FindTable(name));
  if (!pointer) return std::optional<iceberg::TablePtr>();
  WEIRHOUSE_TRY(iceberg::TablePtr table,
                iceberg::LoadTable(*store_, name, pointer->metadata_location));
  return std::optional<iceberg::TablePtr>(std::move(table));
}

Result<iceberg::TablePtr> Workspace::LoadTable(const std::string& name) {
  WEIRHOUSE_TRY(std::optional<iceberg::TablePtr> table, FindTable(name));
  if (table) return *std::move(table);
  WEIRHOUSE_TRY(const std::vector<catalog::TablePointer> tables, catalog_->Tables());
  std::vector<std::string> names;
  for (const catalog::TablePointer& pointer : tables) names.push_back(pointer.name);
  return Status(Code::kNotFound, fmt::format("no such table: \"{}\"", name))
      .WithError("WH7020")
      .WithHint(DidYouMean(name, names));
}

Result<std::shared_ptr<arrow::Table>> Workspace::ReadTable(const std::string& name,
                                                           const std::vector<std::string>& columns,
                                                           std::optional<SnapshotId> snapshot) {
  WEIRHOUSE_TRY(const iceberg::TablePtr table, LoadTable(name));
  iceberg::ScanOptions options;
  options.snapshot = snapshot;
  options.columns = columns;
  if (columns.empty()) {
    for (const iceberg::Field& field : table->schema().fields) {
      if (!iceberg::IsHidden(field.name)) options.columns.push_back(field.name);
    }
  }
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(*store_, table, options));
  return scan.ReadAll();
}

std::string Workspace::TableLocation(const std::string& name) const {
  const TableNameView parts(name);
  WEIRHOUSE_CHECK(parts.has_namespace());
  return fmt::format("{}/{}/{}", lake_, parts.name_space(), parts.own());
}

Result<iceberg::KeyIndex*> Workspace::IndexOf(const std::string& name,
                                              const std::vector<std::string>& key_columns,
                                              const std::vector<std::string>& order_columns,
                                              iceberg::IndexedFacts facts) {
  WEIRHOUSE_CHECK(kv_ != nullptr);
  iceberg::KeyIndex* index = nullptr;
  {
    const std::lock_guard lock(index_mutex_);
    std::unique_ptr<iceberg::KeyIndex>& slot = indexes_[name];
    if (slot == nullptr) {
      slot = std::make_unique<iceberg::KeyIndex>(*runs_, name, key_columns, order_columns, facts);
    }
    index = slot.get();
  }
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, FindTable(name));
  if (table) WEIRHOUSE_TRY_STATUS(index->Refresh(*store_, *table));
  return index;
}

Result<transform::VersionIndex*> Workspace::VersionsOf(
    const transform::CheckedTransform& transform) {
  const auto& definition = transform.definition;
  const bool keeps = definition.history == transform::History::kKeep;
  // Rows of a processed table may leave it, and the rows that lost to them come back: only records
  // never change.
  const bool over_records = transform.driver && transform::KindOfTable(*transform.driver) ==
                                                    transform::TableKind::kRecords;
  if (!keeps && (definition.order_by_arrival || !over_records)) {
    versions_.erase(definition.name());
    return static_cast<transform::VersionIndex*>(nullptr);
  }
  std::unique_ptr<transform::VersionIndex>& versions = versions_[definition.name()];
  if (versions == nullptr) {
    versions = std::make_unique<transform::VersionIndex>(
        *runs_, definition.name(), definition.key_columns(), definition.order_columns(),
        keeps ? transform::Memory::kHistory : transform::Memory::kLosers);
  }
  WEIRHOUSE_TRY(
      const std::optional<iceberg::TablePtr> source,
      FindTable(keeps ? definition.history_table() : std::string(transform::kLosersTable)));
  WEIRHOUSE_TRY_STATUS(versions->Refresh(*store_, source.value_or(nullptr)));
  return versions.get();
}

Result<iceberg::KeyIndex*> Workspace::PeekIndex(const std::string& name) {
  const std::lock_guard lock(index_mutex_);
  const auto known = indexes_.find(name);
  WEIRHOUSE_CHECK(known != indexes_.end());
  return known->second.get();
}
Result<transform::VersionIndex*> Workspace::PeekVersions(const std::string& name) {
  const auto known = versions_.find(name);
  return known == versions_.end() ? nullptr : known->second.get();
}

Result<EventTime> Workspace::Now() {
  if (!project_->replay_clock) return EventTimeOfMicros(Micros(clock_->Now()));
  return catalog_->ReplayNow();
}

Result<std::string> InitializeState(const ProjectDefinition& project,
                                    const Environment& environment) {
  platform::ObjectStore& store =
      environment.local_store != nullptr ? *environment.local_store : environment.store;
  const std::string state = project.root + "/" + std::string(kStateFolder);
  WEIRHOUSE_TRY_STATUS(store.MakeFolder(state + "/tmp"));
  const std::string lake = LakeOf(project);
  WEIRHOUSE_TRY(const std::unique_ptr<catalog::Catalog> catalog,
                MakeProjectCatalog(store, project, state,
                                   {.clock = &environment.clock, .random = &environment.random}));
  catalog::RunPlan plan;
  plan.kind = catalog::RunKind::kInit;
  plan.name = project.name;
  plan.step_identity = Sha256Of("init");
  plan.idempotency_key = plan.step_identity.ToHex();
  WEIRHOUSE_TRY(const catalog::Run run, catalog->PlanRun(plan));
  catalog::CommitRequest request;
  request.run = run.id;
  request.idempotency_key = plan.idempotency_key;
  request.layer = catalog::Layer::kMaintenance;
  request.settings = {catalog::setting::Lake().To(lake)};
  std::string token = policy::MintProjectToken(environment.random, request);
  WEIRHOUSE_TRY_STATUS(catalog::CommitSettled(*catalog, request).status());
  return token;
}
}  // namespace weirhouse::work

#include "work/workspace/cache_damage.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "ground/base/text.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/kv/kv_damage.h"
#include "rules/feature/online/online_store.h"

namespace weirhouse::work {
namespace {
std::string DamagePath(const std::string& state_folder) { return state_folder + "/kv.damaged"; }
std::string MendedPath(const std::string& state_folder) { return state_folder + "/kv.mended"; }

std::string ReadNote(const std::string& path) {
  if (!platform::LocalStore().Stat(path).ok()) return "";
  const auto text = platform::LocalStore().Read(path);
  return text.ok() ? EscapeControl(Trim(*text)) : std::string("its note cannot be read");
}

Result<bool> HasFeatureRows(Workspace& workspace) {
  for (const feature::ViewPlan& plan : workspace.project().view_plans) {
    if (plan.view.is_request()) continue;
    WEIRHOUSE_TRY(const auto table, workspace.FindTable(plan.view.table_name()));
    if (table && (*table)->current_snapshot() != nullptr) return true;
  }
  return false;
}

void RemoveNote(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}
}  // namespace

bool IsCacheDamage(const Status& status) {
  return status.Is(platform::kDamagedStoreError) || status.Is(iceberg::kKeyIndexDamaged) ||
         status.Is(feature::kOnlineRowUnreadable);
}

Status NoteCacheDamage(const std::string& state_folder, const Status& damage) {
  return platform::LocalStore().Replace(DamagePath(state_folder), damage.message());
}

void ForgetCacheDamage(const std::string& state_folder) { RemoveNote(DamagePath(state_folder)); }

std::string NotedCacheDamage(const std::string& state_folder) {
  return ReadNote(DamagePath(state_folder));
}

void NoteMended(const std::string& state_folder, const std::string& why) {
  platform::LocalStore()
      .Replace(MendedPath(state_folder), why)
      .Ignore("the cache is repaired all the same, without a message");
  ForgetCacheDamage(state_folder);
}

std::string TakeMendedLine(const std::string& state_folder) {
  const std::string why = ReadNote(MendedPath(state_folder));
  if (why.empty()) return why;
  RemoveNote(MendedPath(state_folder));
  return fmt::format("the cache was damaged and is rebuilt from the tables: {}", why);
}

Status CheckHasCache(Workspace& workspace) {
  if (workspace.has_online()) return Status();
  const std::string folder = workspace.state_folder() + "/kv";
  const auto store = platform::KvStore::Open(folder, {.read_only = true});
  // The store may open although its first read fails; or it was made meanwhile.
  if (store.ok()) return feature::OnlineStore::Open(**store).status();
  if (store.status().code() != Code::kNotFound) return store.status();
  WEIRHOUSE_TRY(const bool was_filled, HasFeatureRows(workspace));
  if (!was_filled) return Status();
  return Status(Code::kCorruption, fmt::format("the cache does not exist: {}", folder))
      .WithError(platform::kDamagedStoreError)
      .WithHint("`wh run` fills it");
}

Status MendCaches(const ProjectFiles& files, const Status& damage) {
  const std::string state_folder = files.project->root + "/.weirhouse";
  WEIRHOUSE_TRY_STATUS(NoteCacheDamage(state_folder, damage));
  Draft draft;
  auto workspace = OpenAsApplied(files, Access::kWrite, &draft);
  if (workspace.status().Is(kProjectHeld)) ForgetCacheDamage(state_folder);
  return workspace.status();
}
}  // namespace weirhouse::work

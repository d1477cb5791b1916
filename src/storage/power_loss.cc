#include "storage/power_loss.h"

#ifdef WEIRHOUSE_FAILPOINTS
#include <unistd.h>

#include <map>
#include <mutex>

#include "base/failpoint.h"

namespace weirhouse::storage {
namespace {
struct Registry {
  std::mutex mutex;
  std::map<std::string, Unsynced> paths;
};
Registry& TheRegistry() {
  static Registry* const registry = [] {
    OnPowerLoss(&LoseUnsynced);
    return new Registry;  // never destroyed: threads may still write while the process ends
  }();
  return *registry;
}
}  // namespace

void MarkUnsynced(const std::string& path, Unsynced what) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  registry.paths.insert_or_assign(path, what);
}

void MarkSynced(const std::string& path) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  registry.paths.erase(path);
}

void MarkBytesSynced(const std::string& path) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  const auto found = registry.paths.find(path);
  if (found != registry.paths.end()) found->second = Unsynced::kName;
}

void MarkNameSynced(const std::string& path) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  const auto found = registry.paths.find(path);
  if (found != registry.paths.end() && found->second == Unsynced::kName)
    registry.paths.erase(found);
}

void LoseUnsynced() {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  for (const auto& [path, what] : registry.paths) {
    // A file that is gone already has nothing to lose.
    if (what == Unsynced::kBytes) {
      if (truncate(path.c_str(), 0) != 0) continue;
    } else {
      if (unlink(path.c_str()) != 0) continue;
    }
  }
  registry.paths.clear();
}
}  // namespace weirhouse::storage
#endif

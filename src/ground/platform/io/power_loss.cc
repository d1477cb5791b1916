#include "ground/platform/io/power_loss.h"

#ifdef WEIRHOUSE_FAILPOINTS
#include <unistd.h>

#include <map>
#include <mutex>

#include "ground/base/failpoint.h"

namespace weirhouse::platform {
namespace {
struct Registry {
  std::mutex mutex;
  std::map<std::string, Unsynced> paths;
};
void Lose(Registry& registry) {
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

void LosePower();

Registry& TheRegistry() {
  static Registry* const registry = [] {
    OnPowerLoss(&LosePower);
    return new Registry;  // never destroyed: threads may still write while the process ends
  }();
  return *registry;
}

// Called just before the process ends. The lock is kept, because the simulated power loss stops the
// other threads too: none of them may learn after this moment that its files are safe, and commit.
void LosePower() {
  Registry& registry = TheRegistry();
  registry.mutex.lock();
  Lose(registry);
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
  Lose(registry);
}
}  // namespace weirhouse::platform
#endif

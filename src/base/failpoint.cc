#include "base/failpoint.h"

#ifdef WEIRHOUSE_FAILPOINTS
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>

namespace weirhouse {
namespace {
std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Armed {
  std::string name;
  std::int64_t hit = 1;
  bool lose = false;
  std::string list_path;
  std::string planted;
  bool active = false;

  Armed() {
    name = Environment("WEIRHOUSE_FAILPOINT");
    if (const auto colon = name.rfind(':'); colon != std::string::npos) {
      std::from_chars(name.data() + colon + 1, name.data() + name.size(), hit);
      name.resize(colon);
    }
    lose = Environment("WEIRHOUSE_FAILPOINT_LOSE") == "1";
    list_path = Environment("WEIRHOUSE_FAILPOINT_LIST");
    planted = "," + Environment("WEIRHOUSE_PLANT") + ",";
    active = !name.empty() || !list_path.empty();
  }
};
const Armed& State() {
  static const Armed armed;
  return armed;
}
std::atomic<std::int64_t> hits{0};
std::atomic<void (*)()> lose_unsynced{nullptr};

void AppendToList(const std::string& path, std::string_view name) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>> seen;
  const std::lock_guard lock(mutex);
  if (!seen.emplace(name).second) return;
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;
  const std::string line = std::string(name) + "\n";
  if (write(file, line.data(), line.size()) < 0) std::abort();
  close(file);
}
}  // namespace

void ReachFailpoint(std::string_view name) {
  const Armed& armed = State();
  if (!armed.active) return;
  if (!armed.list_path.empty()) AppendToList(armed.list_path, name);
  if (armed.name != name || ++hits != armed.hit) return;
  if (armed.lose && lose_unsynced.load() != nullptr) lose_unsynced.load()();
  _exit(137);
}

bool Planted(std::string_view bug) {
  return State().planted.find("," + std::string(bug) + ",") != std::string::npos;
}

void OnPowerLoss(void (*callback)()) { lose_unsynced = callback; }
}  // namespace weirhouse
#endif

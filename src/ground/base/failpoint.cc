#include "ground/base/failpoint.h"

#include <functional>

#ifdef WEIRHOUSE_FAILPOINTS
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>
#include <string>

namespace weirhouse {
namespace {
std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// WEIRHOUSE_FAILPOINT_THROW=memory|error: the failpoint throws instead of ending the process, as if
// memory had run out, or as a bug would.
enum class Throws : std::uint8_t { kNothing, kNoMemory, kError };

Throws WhatItThrows() {
  const std::string text = Environment("WEIRHOUSE_FAILPOINT_THROW");
  if (text.empty()) return Throws::kNothing;
  return text == "memory" ? Throws::kNoMemory : Throws::kError;
}

struct Armed {
  std::string name;
  std::int64_t hit = 1;
  bool lose = false;
  Throws throws = Throws::kNothing;
  std::string list_path;
  bool active = false;

  Armed() {
    name = Environment("WEIRHOUSE_FAILPOINT");
    if (const auto colon = name.rfind(':'); colon != std::string::npos) {
      std::from_chars(name.data() + colon + 1, name.data() + name.size(), hit);
      name.resize(colon);
    }
    lose = Environment("WEIRHOUSE_FAILPOINT_LOSE") == "1";
    throws = WhatItThrows();
    list_path = Environment("WEIRHOUSE_FAILPOINT_LIST");
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
  if (armed.throws == Throws::kNoMemory) throw std::bad_alloc();
  if (armed.throws == Throws::kError) throw std::runtime_error("a failpoint threw");
  if (armed.lose && lose_unsynced.load() != nullptr) lose_unsynced.load()();
  _exit(137);
}

[[gnu::weak]] bool Planted(std::string_view /*bug*/) { return false; }

void OnPowerLoss(void (*callback)()) { lose_unsynced = callback; }
}  // namespace weirhouse
#endif

// Notices that something landed: by inotify on the landing folders and all folders below them, and
// by looking from time to time, because inotify loses events and does not see changes on network
// drives.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "ground/base/status.h"
#include "work/landing/landing_looks.h"

namespace weirhouse::daemon {

inline constexpr std::chrono::milliseconds kSettle{200};       // after the last event, before a run
inline constexpr std::chrono::milliseconds kLookEvery{3'000};  // reconciliation, at the soonest

// Threads: owns one, which calls `on_change`.
class LandingWatch {
 public:
  // How long to wait until the next look.
  using LookEvery = std::function<std::chrono::milliseconds()>;
  // Watches `folders` (made if absent) and those that `looks` has listed meanwhile, and tells
  // `looks` what changes in them, then calls `on_change`. Calls it once at the beginning too. Where
  // folders cannot be watched (the system's limit, a network drive), every look lists them whole.
  //   kUnavailable  the system has no inotify instances left (WH8029)
  static Result<std::unique_ptr<LandingWatch>> Start(
      std::vector<std::string> folders, landing::LandingLooks& looks,
      std::function<void()> on_change, LookEvery look_every = [] { return kLookEvery; });
  ~LandingWatch();
  LandingWatch(const LandingWatch&) = delete;
  LandingWatch& operator=(const LandingWatch&) = delete;

 private:
  LandingWatch(int events, int stop, std::vector<std::string> folders, landing::LandingLooks& looks,
               std::function<void()> on_change, LookEvery look_every);
  void Watch();
  void Tell() const;
  // Watches landing folders that are new, or are other folders than before.
  void WatchFolders();
  // Watches `folder` and those below it; the number of its watch, or -1.
  int WatchTree(const std::string& folder, int depth);
  int AddWatch(const std::string& folder, bool may_be_link);
  // Reports what the waiting events tell.
  void ReadEvents();
  void NoteEvent(int number, std::uint32_t what, const std::string& name);
  void Guarded(const std::function<void()>& act);

  int events_;
  int stop_;
  const std::vector<std::string> made_;
  landing::LandingLooks& looks_;
  std::function<void()> on_change_;
  LookEvery look_every_;
  // ---- Of the thread. A folder has several paths if landing folders are links to one another.
  std::unordered_map<int, std::vector<std::string>> paths_;  // by number of the watch
  std::map<std::string, int> roots_;                         // landing folder → its watch, or -1
  bool unwatched_ = false;  // some folder is not watched: looks list everything
  std::thread thread_;
};
}  // namespace weirhouse::daemon

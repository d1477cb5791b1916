// Notices that something landed: by inotify on the landing folders, and by looking from time to
// time, because inotify loses events and does not see changes on network drives.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::daemon {

inline constexpr std::chrono::milliseconds kSettle{200};       // after the last event, before a run
inline constexpr std::chrono::milliseconds kLookEvery{3'000};  // reconciliation, at the soonest

// Threads: owns one, which calls `on_change`.
class LandingWatch {
 public:
  // How long to wait until the next look.
  using LookEvery = std::function<std::chrono::milliseconds()>;
  // Watches `folders` (made if absent) and their direct sub-folders. Calls `on_change` once at the
  // beginning too.
  //   kUnavailable  the system has no file watches left (WH8029)
  static Result<std::unique_ptr<LandingWatch>> Start(
      std::vector<std::string> folders, std::function<void()> on_change,
      LookEvery look_every = [] { return kLookEvery; });
  ~LandingWatch();
  LandingWatch(const LandingWatch&) = delete;
  LandingWatch& operator=(const LandingWatch&) = delete;

 private:
  LandingWatch(int events, int stop, std::function<void()> on_change, LookEvery look_every);
  void Watch();
  void Tell() const;

  int events_;
  int stop_;
  std::function<void()> on_change_;
  LookEvery look_every_;
  std::thread thread_;
};
}  // namespace weirhouse::daemon

// Observes the fsyncs of this process and can make them fail. A test that includes this header
// replaces fsync and fdatasync, which SQLite calls too.
#pragma once

#include <set>
#include <string>

namespace weirhouse::testing {

// At most one exists at a time. Threads: any, while it lives.
class FsyncProbe {
 public:
  FsyncProbe();
  ~FsyncProbe();
  FsyncProbe(const FsyncProbe&) = delete;
  FsyncProbe& operator=(const FsyncProbe&) = delete;

  // The paths fsynced since the probe began, or since the last Forget.
  std::set<std::string> synced() const;
  void Forget();
  // The next `times` fsyncs of paths with this suffix do nothing and return EIO.
  void FailNext(std::string suffix, int times = 1);
  bool has_failed() const;
};
}  // namespace weirhouse::testing

// Sees the fsyncs of this process, and fails them. A test that includes this has its own fsync and
// fdatasync, which SQLite calls too.
#pragma once

#include <set>
#include <string>

namespace weirhouse::testing {

// One at a time. Threads: any, while it lives.
class FsyncProbe {
 public:
  FsyncProbe();
  ~FsyncProbe();
  FsyncProbe(const FsyncProbe&) = delete;
  FsyncProbe& operator=(const FsyncProbe&) = delete;

  // Paths of what was fsynced since the probe began, or since the last Forget.
  std::set<std::string> synced() const;
  void Forget();
  // The next fsyncs of paths that end so are answered with EIO, and not done.
  void FailNext(std::string suffix, int times = 1);
  bool has_failed() const;
};
}  // namespace weirhouse::testing

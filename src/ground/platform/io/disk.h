// Files, written so that a crash leaves all or nothing, and fsynced before anyone is told.
//
// Every write of the product goes through here: failpoints, injected faults and the simulated power
// loss sit behind this one interface.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"

namespace weirhouse::platform {

// Making a file durable failed before: it is not believed a second time.
inline constexpr Reason kSyncFailedBefore{"WH7034"};

struct FileInfo {
  std::string path;
  std::int64_t size_bytes = 0;
  std::int64_t mtime_us = 0;
  std::uint64_t inode = 0;
  bool is_folder = false;
};

// Threads: any. Errors: kNotFound, kPermissionDenied, kUnavailable (disk full, too many files:
// retry may help), kConflict (Write found the file there), kCorruption (fsync failed: reopen and
// recover, never retry; a range ends beyond the file), each with the path and what to do.
class Disk {
 public:
  virtual ~Disk() = default;

  // Creates `path` (and its folders) with `bytes`; not yet durable, see SyncAll. The file must not
  // exist.
  virtual Status Write(const std::string& path, std::string_view bytes) = 0;
  // Makes files written with Write durable: each file once (in parallel), then each of their
  // folders once. After OK a power cut keeps them. Cost: about one fsync of wall time for every 8
  // files.
  virtual Status SyncAll(std::span<const std::string> paths) = 0;

  // Replaces `path` whole and durably (temporary file, fsync, rename, fsync of the folder).
  virtual Status Replace(const std::string& path, std::string_view bytes) = 0;
  // Creates `path` whole and durably with `mode` if it is absent; true if it was created, false if
  // it was there (and then is durable too). Of racing callers exactly one gets true.
  virtual Result<bool> PutIfAbsent(const std::string& path, std::string_view bytes,
                                   unsigned mode) = 0;

  virtual Result<std::string> Read(const std::string& path) = 0;
  virtual Result<std::string> ReadRange(const std::string& path, std::int64_t offset,
                                        std::int64_t size_bytes) = 0;
  virtual Result<FileInfo> Stat(const std::string& path) = 0;
  // Direct entries, sorted by name. kNotFound if the folder is absent.
  virtual Result<std::vector<FileInfo>> List(const std::string& folder) = 0;
  virtual Status MakeFolder(const std::string& path) = 0;  // with parents
  virtual Status Remove(const std::string& path) = 0;      // absent is OK
};

// The machine's own disk. Honours the failpoints' simulated power loss: files written and not yet
// synced are cut to nothing before the process ends.
Disk& LocalDisk();

// Fails the `fail_at`-th call that touches the disk (1 = the first), once or for ever. For tests.
class FaultyDisk : public Disk {
 public:
  FaultyDisk(Disk& inner, int fail_at, Code code, bool for_ever = false);
  bool fault_fired() const { return fired_; }

  Status Write(const std::string& path, std::string_view bytes) override;
  Status SyncAll(std::span<const std::string> paths) override;
  Status Replace(const std::string& path, std::string_view bytes) override;
  Result<bool> PutIfAbsent(const std::string& path, std::string_view bytes, unsigned mode) override;
  Result<std::string> Read(const std::string& path) override;
  Result<std::string> ReadRange(const std::string& path, std::int64_t offset,
                                std::int64_t size_bytes) override;
  Result<FileInfo> Stat(const std::string& path) override;
  Result<std::vector<FileInfo>> List(const std::string& folder) override;
  Status MakeFolder(const std::string& path) override;
  Status Remove(const std::string& path) override;

 private:
  Status Step(std::string_view what, const std::string& path);
  Disk& inner_;
  std::mutex mutex_;
  int left_;
  Code code_;
  bool for_ever_;
  bool fired_ = false;
};

// Median seconds of `count` fsyncs of 4 KiB in `folder`; what durations are read beside (`wh
// doctor`).
Result<double> MeasureFsyncSeconds(const std::string& folder, int count = 50);
}  // namespace weirhouse::platform

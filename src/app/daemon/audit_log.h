// The log of requests that policy refused: <project>/.weirhouse/audit.jsonl.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace weirhouse::daemon {

inline constexpr std::int64_t kAuditBytesMax = 16 << 20;  // then it becomes audit.jsonl.1 …
inline constexpr int kAuditFilesKept = 4;                 // … and the oldest is removed

// Threads: any. A line is one write to the end of the file, so lines of several processes never
// mix. Lines are not fsynced: a refusal changed nothing, and a refused client must not be able to
// keep the disk busy. A line that cannot be written is dropped and counted.
class AuditLog {
 public:
  explicit AuditLog(std::string path) : path_(std::move(path)) {}
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  void Append(std::string_view json_line);
  std::int64_t dropped() const;

 private:
  bool OpenFile();
  void Rotate();

  const std::string path_;
  mutable std::mutex mutex_;
  int file_ = -1;             // guarded by mutex_
  std::int64_t size_ = 0;     // guarded by mutex_
  std::int64_t dropped_ = 0;  // guarded by mutex_
};
}  // namespace weirhouse::daemon

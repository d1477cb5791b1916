#include "app/daemon/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace weirhouse::daemon {

AuditLog::~AuditLog() {
  if (file_ >= 0) close(file_);
}

bool AuditLog::OpenFile() {
  if (file_ >= 0) return true;
  file_ = open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  struct stat info{};
  if (file_ >= 0 && fstat(file_, &info) == 0) size_ = info.st_size;
  return file_ >= 0;
}

void AuditLog::Rotate() {
  close(file_);
  file_ = -1;
  for (int number = kAuditFilesKept - 1; number > 0; --number) {
    const std::string from = number == 1 ? path_ : path_ + "." + std::to_string(number - 1);
    std::rename(from.c_str(), (path_ + "." + std::to_string(number)).c_str());
  }
}

void AuditLog::Append(std::string_view json_line) {
  const std::string line = std::string(json_line) + "\n";
  const std::lock_guard lock(mutex_);
  if (OpenFile() && size_ + static_cast<std::int64_t>(line.size()) > kAuditBytesMax && size_ > 0)
    Rotate();
  if (!OpenFile() || write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    ++dropped_;
    return;
  }
  size_ += static_cast<std::int64_t>(line.size());
}

std::int64_t AuditLog::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}
}  // namespace weirhouse::daemon

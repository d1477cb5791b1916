#include "ground/platform/io/disk_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace weirhouse::platform {
Status ErrnoToStatus(int error, std::string_view what, const std::string& path) {
  const std::string message = fmt::format("could not {}: {}: {}", what, std::strerror(error), path);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return Status(Code::kUnavailable, message)
          .WithError(kStorageFull)
          .WithHint("free some space on the disk and run the command again");
    case ENOENT:
    case ENOTDIR:
      return Status(Code::kNotFound, message).WithError("WH7012");
    case EACCES:
    case EPERM:
    case EROFS:
      return Status(Code::kPermissionDenied, message)
          .WithError("WH7013")
          .WithHint("give this user access to the file and its folder");
    case EEXIST:
      return Status(Code::kConflict, message).WithError("WH7014");
    case EMFILE:
    case ENFILE:
      return Status(Code::kUnavailable, message)
          .WithError("WH7015")
          .WithHint("raise the limit of open files (ulimit -n)");
    case EISDIR:
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case ENOTEMPTY:
      return Status(Code::kInvalidInput, message).WithError("WH7016");
    default:
      return Status(Code::kUnavailable, message)
          .WithError("WH7015")
          .WithHint("check the disk (dmesg names its errors), then run the command again");
  }
}
}  // namespace weirhouse::platform

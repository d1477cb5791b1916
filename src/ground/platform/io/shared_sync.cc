#include "ground/platform/io/shared_sync.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace weirhouse::platform {
namespace {
// ext2 to ext4, XFS, Btrfs, F2FS, tmpfs.
constexpr std::array<std::uint32_t, 5> kKnownKinds = {0xEF53, 0x58465342, 0x9123683E, 0xF2F52010,
                                                      0x01021994};

bool ReportsErrors() {
  static const bool reports = [] {
    utsname name{};
    int major = 0;
    int minor = 0;
    if (uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
    return major > 5 || (major == 5 && minor >= 8);
  }();
  return reports;
}
}  // namespace

std::optional<SharedSync> SharedSync::Begin(const std::string& folder) {
  if (!ReportsErrors()) return std::nullopt;
  Descriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct statfs kind{};
  if (!fd.open() || fstatfs(fd.get(), &kind) != 0) return std::nullopt;
  const auto magic = static_cast<std::uint32_t>(kind.f_type);
  if (std::find(kKnownKinds.begin(), kKnownKinds.end(), magic) == kKnownKinds.end())
    return std::nullopt;
  return SharedSync(std::move(fd));
}

int SharedSync::Sync() {
  while (syncfs(fd_.get()) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}
}  // namespace weirhouse::platform

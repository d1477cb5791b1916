// Loaded into the processes of a training command (LD_PRELOAD): reports which files they open and
// which hosts they connect to, so that a model's inputs can be named. It does not change what the
// processes do.
//
// Appends one line per event to the file that WEIRHOUSE_OPENED names; a line is one write:
//   S              a process began to report
//   G PATH         the next file was opened by this path; reported if it is absolute and not the
//   real
//                  one
//   R PATH         a file was opened to be read (its real path, according to the kernel)
//   W PATH         a file was made, or emptied, to be written: its contents come from the command
//   M PATH         the file at PATH was renamed; the next line, T, has the new path. Both in one
//   write
//   N HOST         a host was looked up, or connected to (with ":port")
//   !              more events than are reported
// Each distinct event is reported once per process. Calls only plain C library functions: it must
// load into any program, so it neither allocates nor throws.
// any program, so it neither allocates nor throws.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace {
constexpr std::size_t kSeenSlots = 1 << 16;  // distinct events of a process that are remembered
constexpr int kProbesMax = 32;
constexpr int kEventsMax = 200'000;  // reported by one process, about 20 MB
constexpr std::size_t kLineBytes = 2 * PATH_MAX + 16;

std::atomic<std::uint64_t> seen[kSeenSlots];
std::atomic<int> events{0};
std::atomic<int> target{-2};  // descriptor of the report file; -1 = no report

// The function of this name that ours replaces.
template <typename Function>
Function* Behind(const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  Function* function = nullptr;
  memcpy(&function, &found, sizeof function);
  return function;
}

int Target() {
  int fd = target.load(std::memory_order_acquire);
  if (fd != -2) return fd;
  const char* path = getenv("WEIRHOUSE_OPENED");
  fd = -1;
  if (path != nullptr && path[0] == '/') {
    const long low =
        syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC | O_CREAT, 0644);
    if (low >= 0) {
      // A high number, out of the way of programs that use or close low numbers.
      const long high = syscall(SYS_fcntl, low, F_DUPFD_CLOEXEC, 800);
      if (high >= 0) syscall(SYS_close, low);
      fd = static_cast<int>(high >= 0 ? high : low);
    }
  }
  int unset = -2;
  if (!target.compare_exchange_strong(unset, fd)) {
    if (fd >= 0) syscall(SYS_close, fd);
    return unset;
  }
  return fd;
}

// Another program may have closed our descriptor and reused its number.
bool IsOurs(int fd) {
  const char* path = getenv("WEIRHOUSE_OPENED");
  struct stat open_file;
  struct stat named;
  return path != nullptr && fstat(fd, &open_file) == 0 && stat(path, &named) == 0 &&
         open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

bool IsNew(const char* line, std::size_t size) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (std::size_t i = 0; i < size; ++i)
    hash = (hash ^ static_cast<unsigned char>(line[i])) * 1099511628211ULL;
  if (hash == 0) hash = 1;
  for (int probe = 0; probe < kProbesMax; ++probe) {
    std::atomic<std::uint64_t>& slot = seen[(hash + static_cast<unsigned>(probe)) % kSeenSlots];
    std::uint64_t held = slot.load(std::memory_order_relaxed);
    if (held == hash) return false;
    if (held == 0 && slot.compare_exchange_strong(held, hash)) return true;
    if (held == hash) return false;
  }
  return true;  // too many to remember: reported again
}

void Write(const char* line, std::size_t size) {
  const int fd = Target();
  if (fd < 0 || !IsNew(line, size) || !IsOurs(fd)) return;
  const int count = events.fetch_add(1);
  if (count > kEventsMax) return;
  if (count == kEventsMax) {
    line = "!\n";
    size = 2;
  }
  const long written = syscall(SYS_write, fd, line, size);
  (void)written;
}

void Tell(char kind, const char* text) {
  char line[kLineBytes];
  const int size = snprintf(line, sizeof line, "%c %s\n", kind, text);
  if (size > 0 && static_cast<std::size_t>(size) < sizeof line)
    Write(line, static_cast<std::size_t>(size));
}

bool RealPath(int fd, char (&path)[PATH_MAX]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0 || path[0] != '/') return false;
  path[size] = '\0';
  return true;
}

// Whether the file existed before it was opened: tells files of the command from others.
bool Existed(int folder, const char* path, int flags) {
  if ((flags & O_CREAT) == 0) return true;
  struct stat before;
  return fstatat(folder, path, &before, 0) == 0 && before.st_size > 0;
}

void TellOpened(const char* given, int fd, int flags, bool existed) {
  if (fd < 0 || Target() < 0) return;
  const int error = errno;
  struct stat file;
  char path[PATH_MAX];
  const bool counts = fstat(fd, &file) == 0 && (S_ISREG(file.st_mode) || S_ISFIFO(file.st_mode));
  if (counts && (flags & O_PATH) == 0 && RealPath(fd, path)) {
    const bool fresh = (flags & O_TRUNC) != 0 || !existed;
    const bool reads = (flags & O_ACCMODE) != O_WRONLY;
    if (fresh) {
      Tell('W', path);
    } else if (reads) {
      char line[kLineBytes];
      const bool other = given[0] == '/' && strcmp(given, path) != 0;
      const int size = other ? snprintf(line, sizeof line, "G %s\nR %s\n", given, path)
                             : snprintf(line, sizeof line, "R %s\n", path);
      if (size > 0 && static_cast<std::size_t>(size) < sizeof line)
        Write(line, static_cast<std::size_t>(size));
    }
  }
  errno = error;
}

int FlagsOf(const char* mode) {
  const bool both = strchr(mode, '+') != nullptr;
  if (mode[0] == 'w') return (both ? O_RDWR : O_WRONLY) | O_CREAT | O_TRUNC;
  if (mode[0] == 'a') return (both ? O_RDWR : O_WRONLY) | O_CREAT;
  return both ? O_RDWR : O_RDONLY;
}

void TellAddress(const struct sockaddr* address, socklen_t size) {
  if (address == nullptr || Target() < 0) return;
  const int error = errno;
  char host[INET6_ADDRSTRLEN] = "";
  char text[INET6_ADDRSTRLEN + 16];
  if (address->sa_family == AF_INET && size >= sizeof(struct sockaddr_in)) {
    struct sockaddr_in at;
    memcpy(&at, address, sizeof at);
    inet_ntop(AF_INET, &at.sin_addr, host, sizeof host);
    snprintf(text, sizeof text, "%s:%d", host, ntohs(at.sin_port));
    Tell('N', text);
  } else if (address->sa_family == AF_INET6 && size >= sizeof(struct sockaddr_in6)) {
    struct sockaddr_in6 at;
    memcpy(&at, address, sizeof at);
    inet_ntop(AF_INET6, &at.sin6_addr, host, sizeof host);
    snprintf(text, sizeof text, "[%s]:%d", host, ntohs(at.sin6_port));
    Tell('N', text);
  }
  errno = error;
}

void TellRenamed(int from_folder, const char* from, int to_folder, const char* to) {
  (void)from_folder;
  // After the call only the new name can be resolved; the old one is reported as given, made
  // absolute by the working directory.
  char old_path[PATH_MAX];
  char new_path[PATH_MAX];
  if (from[0] == '/') {
    snprintf(old_path, sizeof old_path, "%s", from);
  } else {
    char folder[PATH_MAX];
    if (getcwd(folder, sizeof folder) == nullptr) return;
    const int size = snprintf(old_path, sizeof old_path, "%s/%s", folder, from);
    if (size <= 0 || static_cast<std::size_t>(size) >= sizeof old_path) return;
  }
  const long fd = syscall(SYS_openat, to_folder, to, O_PATH | O_CLOEXEC);
  if (fd < 0) return;
  const bool known = RealPath(static_cast<int>(fd), new_path);
  syscall(SYS_close, fd);
  if (!known) return;
  char line[kLineBytes];
  const int size = snprintf(line, sizeof line, "M %s\nT %s\n", old_path, new_path);
  if (size > 0 && static_cast<std::size_t>(size) < sizeof line)
    Write(line, static_cast<std::size_t>(size));
}

// O_TMPFILE is several bits, O_DIRECTORY among them.
bool TakesMode(int flags) { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

__attribute__((constructor)) void Began() { Write("S\n", 2); }
}  // namespace

extern "C" {
#define WEIRHOUSE_OPEN(NAME)                                               \
  int NAME(const char* path, int flags, ...) {                             \
    mode_t mode = 0;                                                       \
    if (TakesMode(flags)) {                                                \
      va_list more;                                                        \
      va_start(more, flags);                                               \
      mode = static_cast<mode_t>(va_arg(more, unsigned int));              \
      va_end(more);                                                        \
    }                                                                      \
    static auto* const behind = Behind<int(const char*, int, ...)>(#NAME); \
    const bool existed = Existed(AT_FDCWD, path, flags);                   \
    const int fd = behind(path, flags, mode);                              \
    TellOpened(path, fd, flags, existed);                                  \
    return fd;                                                             \
  }
#define WEIRHOUSE_OPENAT(NAME)                                                  \
  int NAME(int folder, const char* path, int flags, ...) {                      \
    mode_t mode = 0;                                                            \
    if (TakesMode(flags)) {                                                     \
      va_list more;                                                             \
      va_start(more, flags);                                                    \
      mode = static_cast<mode_t>(va_arg(more, unsigned int));                   \
      va_end(more);                                                             \
    }                                                                           \
    static auto* const behind = Behind<int(int, const char*, int, ...)>(#NAME); \
    const bool existed = Existed(folder, path, flags);                          \
    const int fd = behind(folder, path, flags, mode);                           \
    TellOpened(path, fd, flags, existed);                                       \
    return fd;                                                                  \
  }
#define WEIRHOUSE_FOPEN(NAME)                                                    \
  FILE* NAME(const char* path, const char* mode) {                               \
    static auto* const behind = Behind<FILE*(const char*, const char*)>(#NAME);  \
    const bool existed = Existed(AT_FDCWD, path, FlagsOf(mode));                 \
    FILE* const file = behind(path, mode);                                       \
    if (file != nullptr) TellOpened(path, fileno(file), FlagsOf(mode), existed); \
    return file;                                                                 \
  }
WEIRHOUSE_OPEN(open)
WEIRHOUSE_OPEN(open64)
WEIRHOUSE_OPENAT(openat)
WEIRHOUSE_OPENAT(openat64)
WEIRHOUSE_FOPEN(fopen)
WEIRHOUSE_FOPEN(fopen64)

// The functions that _FORTIFY_SOURCE calls for opens without a mode.
int __open_2(const char* path, int flags) { return open(path, flags); }
int __open64_2(const char* path, int flags) { return open64(path, flags); }
int __openat_2(int folder, const char* path, int flags) { return openat(folder, path, flags); }
int __openat64_2(int folder, const char* path, int flags) { return openat64(folder, path, flags); }

int creat(const char* path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char* path, mode_t mode) {
  return open64(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int rename(const char* from, const char* to) noexcept {
  static auto* const behind = Behind<int(const char*, const char*)>("rename");
  const int result = behind(from, to);
  if (result == 0) TellRenamed(AT_FDCWD, from, AT_FDCWD, to);
  return result;
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  static auto* const behind = Behind<int(int, const char*, int, const char*)>("renameat");
  const int result = behind(from_folder, from, to_folder, to);
  if (result == 0) TellRenamed(from_folder, from, to_folder, to);
  return result;
}

int connect(int socket, const struct sockaddr* address, socklen_t size) {
  static auto* const behind = Behind<int(int, const struct sockaddr*, socklen_t)>("connect");
  TellAddress(address, size);
  return behind(socket, address, size);
}
ssize_t sendto(int socket, const void* bytes, size_t count, int flags,
               const struct sockaddr* address, socklen_t size) {
  static auto* const behind =
      Behind<ssize_t(int, const void*, size_t, int, const struct sockaddr*, socklen_t)>("sendto");
  TellAddress(address, size);
  return behind(socket, bytes, count, flags, address, size);
}
int getaddrinfo(const char* host, const char* service, const struct addrinfo* hints,
                struct addrinfo** found) {
  static auto* const behind =
      Behind<int(const char*, const char*, const struct addrinfo*, struct addrinfo**)>(
          "getaddrinfo");
  if (host != nullptr && Target() >= 0) Tell('N', host);
  return behind(host, service, hints, found);
}
}  // extern "C"

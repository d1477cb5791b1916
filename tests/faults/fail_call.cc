// Loaded into a process (LD_PRELOAD): makes a call of the operating system fail, as a full or
// broken disk would.
//
//   FAULT_UNDER=FOLDER    only paths in this folder count
//   FAULT_CALL=KIND       fsync, write, rename, mkdir, open, create or unlink; several:
//   "write,create";
//                         "all"; alter: an open to write what is there; remove: that of <cstdio>
//   FAULT_AT=N            the N-th such call fails; not set: none does, they are only listed
//   FAULT_ERRNO=E         with this error
//   FAULT_STICKY=1        and so does every later one
//   FAULT_FOR=K           and so do the K - 1 after it
//   FAULT_WHILE=FILE      only while FILE is there
//   FAULT_LOG=FILE        a line for each call that counts, or, with FAULT_AT, for each that failed
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {
struct Plan {
  const char* under = std::getenv("FAULT_UNDER");
  const char* call = std::getenv("FAULT_CALL");
  const char* log = std::getenv("FAULT_LOG");
  long at = std::getenv("FAULT_AT") != nullptr ? std::atol(std::getenv("FAULT_AT")) : 0;
  int error = std::getenv("FAULT_ERRNO") != nullptr ? std::atoi(std::getenv("FAULT_ERRNO")) : EIO;
  bool sticky = std::getenv("FAULT_STICKY") != nullptr;
  long count = std::getenv("FAULT_FOR") != nullptr ? std::atol(std::getenv("FAULT_FOR")) : 1;
  const char* as_long_as = std::getenv("FAULT_WHILE");
};

const Plan& ThePlan() {
  static const Plan plan;
  return plan;
}

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void Note(long number, const char* call, const char* path) {
  if (ThePlan().log == nullptr) return;
  static const auto open_file = Real<int (*)(const char*, int, ...)>("open");
  static const auto write_file = Real<ssize_t (*)(int, const void*, size_t)>("write");
  const int fd = open_file(ThePlan().log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (fd < 0) return;
  char line[PATH_MAX + 64];
  const int length = std::snprintf(line, sizeof line, "%ld %s %s\n", number, call, path);
  if (write_file(fd, line, static_cast<size_t>(length)) < 0) std::abort();
  close(fd);
}

// Whether FAULT_CALL names `call`.
bool IsNamed(const char* call) {
  const char* wanted = ThePlan().call;
  if (wanted == nullptr || std::strcmp(wanted, "all") == 0) return wanted != nullptr;
  const std::size_t length = std::strlen(call);
  for (const char* at = wanted; *at != 0; at += *at == ',' ? 1 : 0) {
    const std::size_t word = std::strcspn(at, ",");
    if (word == length && std::strncmp(at, call, length) == 0) return true;
    at += word;
  }
  return false;
}

bool IsOver() {
  const char* file = ThePlan().as_long_as;
  const int before = errno;
  const bool over = file != nullptr && access(file, F_OK) != 0;
  errno = before;
  return over;
}

// Whether this call fails; sets errno.
bool Fails(const char* call, const char* path) {
  const Plan& plan = ThePlan();
  if (plan.under == nullptr || path == nullptr || !IsNamed(call)) return false;
  if (std::strncmp(path, plan.under, std::strlen(plan.under)) != 0) {
    // A relative path counts as one below the working directory.
    char folder[PATH_MAX];
    if (path[0] == '/' || getcwd(folder, sizeof folder) == nullptr ||
        std::strncmp(folder, plan.under, std::strlen(plan.under)) != 0) {
      return false;
    }
  }
  static std::atomic<long> calls{0};
  const long number = ++calls;
  const bool reached = plan.at > 0 && number >= plan.at;
  const bool fails = reached && (plan.sticky || number - plan.at < plan.count) && !IsOver();
  if (fails || plan.at == 0) Note(number, call, path);
  if (fails) errno = plan.error;
  return fails;
}

bool Fails(const char* call, int fd) {
  if (!IsNamed(call)) return false;
  char link[64];
  char path[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = 0;
  return Fails(call, path);
}

bool FailsToOpen(const char* path, int flags) {
  if ((flags & O_CREAT) == 0 && (flags & O_ACCMODE) != O_RDONLY && !IsNamed("open"))
    return Fails("alter", path);
  return Fails((flags & O_CREAT) != 0 ? "create" : "open", path);
}

mode_t ModeOf(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}
}  // namespace

#define FORWARD(type, name, parameters, fails, ...)           \
  extern "C" type name parameters {                           \
    static const auto real = Real<type(*) parameters>(#name); \
    if (fails) return -1;                                     \
    return real(__VA_ARGS__);                                 \
  }

FORWARD(int, fsync, (int fd), Fails("fsync", fd), fd)
FORWARD(int, fdatasync, (int fd), Fails("fsync", fd), fd)
FORWARD(int, syncfs, (int fd), Fails("fsync", fd), fd)
FORWARD(ssize_t, write, (int fd, const void* data, size_t size), Fails("write", fd), fd, data, size)
FORWARD(ssize_t, pwrite, (int fd, const void* data, size_t size, off_t at), Fails("write", fd), fd,
        data, size, at)
FORWARD(ssize_t, pwrite64, (int fd, const void* data, size_t size, off_t at), Fails("write", fd),
        fd, data, size, at)
FORWARD(ssize_t, writev, (int fd, const iovec* parts, int count), Fails("write", fd), fd, parts,
        count)
FORWARD(int, rename, (const char* from, const char* to), Fails("rename", to), from, to)
FORWARD(int, renameat, (int from_fd, const char* from, int to_fd, const char* to),
        Fails("rename", to), from_fd, from, to_fd, to)
FORWARD(int, renameat2,
        (int from_fd, const char* from, int to_fd, const char* to, unsigned int flags),
        Fails("rename", to), from_fd, from, to_fd, to, flags)
FORWARD(int, link, (const char* from, const char* to), Fails("rename", to), from, to)
FORWARD(int, linkat, (int from_fd, const char* from, int to_fd, const char* to, int flags),
        Fails("rename", to), from_fd, from, to_fd, to, flags)
FORWARD(int, unlink, (const char* path), Fails("unlink", path), path)
FORWARD(int, remove, (const char* path), Fails("remove", path), path)
FORWARD(int, mkdir, (const char* path, mode_t mode), Fails("mkdir", path), path, mode)
FORWARD(int, mkdirat, (int fd, const char* path, mode_t mode), Fails("mkdir", path), fd, path, mode)

#define FORWARD_OPEN(name, parameters, path, ...)            \
  extern "C" int name parameters {                           \
    static const auto real = Real<int(*) parameters>(#name); \
    va_list arguments;                                       \
    va_start(arguments, flags);                              \
    const mode_t mode = ModeOf(flags, arguments);            \
    va_end(arguments);                                       \
    if (FailsToOpen(path, flags)) return -1;                 \
    return real(__VA_ARGS__, mode);                          \
  }

FORWARD_OPEN(open, (const char* path, int flags, ...), path, path, flags)
FORWARD_OPEN(open64, (const char* path, int flags, ...), path, path, flags)
FORWARD_OPEN(openat, (int fd, const char* path, int flags, ...), path, fd, path, flags)
FORWARD_OPEN(openat64, (int fd, const char* path, int flags, ...), path, fd, path, flags)

#define FORWARD_FOPEN(name)                                                     \
  extern "C" FILE* name(const char* path, const char* mode) {                   \
    static const auto real = Real<FILE* (*)(const char*, const char*)>(#name);  \
    if (FailsToOpen(path, mode[0] == 'r' ? O_RDONLY : O_CREAT)) return nullptr; \
    return real(path, mode);                                                    \
  }

FORWARD_FOPEN(fopen)
FORWARD_FOPEN(fopen64)

#include "app/command/daemon_link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "app/command/print/listing.h"
#include "ground/base/time.h"
#include "ground/platform/process/process_state.h"

namespace weirhouse::command {
namespace {
constexpr int kBacklog = 16;
constexpr std::chrono::seconds kConnectMax{3};

class Socket {
 public:
  explicit Socket(int file) : file_(file) {}
  ~Socket() {
    if (file_ >= 0) close(file_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int file() const { return file_; }

 private:
  int file_;
};

// A socket's address holds 107 bytes; a project may lie deeper. So the folder is named by its
// descriptor, which must stay open while the address is used.
sockaddr_un AddressIn(int folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}/daemon.sock", folder);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

int OpenStateFolder(const std::string& root) {
  return open((root + "/.weirhouse").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
}

bool SendAll(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool ReceiveAll(int socket, char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t got = recv(socket, bytes, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

std::string SizeBytes(std::size_t size) {
  std::string bytes(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>((size >> (8 * i)) & 0xff);
  return bytes;
}

std::uint32_t SizeOf(const char* bytes) {
  std::uint32_t size = 0;
  for (int i = 3; i >= 0; --i) size = (size << 8) | static_cast<unsigned char>(bytes[i]);
  return size;
}

Status DaemonGone() {
  return Status(Code::kUnavailable, "the daemon went away before it answered")
      .WithError("WH8031")
      .WithHint("`wh status` shows what it committed, which is kept; then run the command again");
}
// The daemon is there and does not send anything: it is stopped by a signal, or its machine is.
Status DaemonSilent(int socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  const bool known = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0;
  const std::string who = known ? platform::DescribeProcess(peer.pid) : "its process is unknown";
  Status status = Status(Code::kUnavailable, fmt::format("the daemon has said nothing for {} s: {}",
                                                         kSilenceMax.count(), who))
                      .WithError("WH8051");
  if (!known)
    return std::move(status).WithHint(
        "find the process that holds the project's socket, and end it");
  return std::move(status).WithHint(
      platform::IsStopped(peer.pid)
          ? fmt::format(
                "`kill -CONT {0}` lets it go on, and `wh status` then shows whether it took "
                "the command; `kill -KILL {0}` ends it, and what it committed is kept",
                peer.pid)
          : fmt::format("`wh status` shows whether it took the command; `kill {0}` ends it, and "
                        "what it committed is kept",
                        peer.pid));
}

// Passes Ctrl-C on to the daemon while it waits for a frame.
Status WaitForFrame(int socket, Streams& streams, bool* told) {
  const std::chrono::nanoseconds began = SystemClock().Monotonic();
  while (true) {
    pollfd watched{socket, POLLIN, 0};
    const int ready = poll(&watched, 1, 100);
    if (ready < 0 && errno != EINTR) return DaemonGone();
    if (!*told && streams.Cancelled()) {
      *told = true;
      if (!SendAll(socket, "c")) return DaemonGone();
    }
    if (ready > 0) return Status();
    if (SystemClock().Monotonic() - began > kSilenceMax) return DaemonSilent(socket);
  }
}
}  // namespace

std::string DaemonSocketPath(const std::string& root) { return root + "/.weirhouse/daemon.sock"; }

int ConnectToDaemon(const std::string& root) {
  const Socket folder(OpenStateFolder(root));
  if (folder.file() < 0) return -1;
  const sockaddr_un address = AddressIn(folder.file());
  const int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0) return -1;
  // A stopped daemon accepts no connection, and once its backlog is full connecting blocks as well.
  const timeval patience{std::chrono::seconds(kConnectMax).count(), 0};
  setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  const timeval silence{std::chrono::seconds(kSilenceMax).count(), 0};
  setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
  if (connect(file, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return file;
  close(file);
  return -1;
}

Result<int> ListenAsDaemon(const std::string& root) {
  const auto failed = [&] {
    return Status(Code::kUnavailable,
                  fmt::format("cannot listen on {}: {}", DaemonSocketPath(root), strerror(errno)))
        .WithError("WH8049")
        .WithHint("check the permissions of .weirhouse");
  };
  const Socket folder(OpenStateFolder(root));
  if (folder.file() < 0) return failed();
  const sockaddr_un address = AddressIn(folder.file());
  unlinkat(folder.file(), "daemon.sock", 0);
  const int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0) return failed();
  // The umask alone sets the mode of a socket file from its first moment on.
  const mode_t before = umask(0177);
  const bool bound = bind(file, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  umask(before);
  if (bound && listen(file, kBacklog) == 0) return file;
  Status status = failed();
  close(file);
  return status;
}

Result<std::optional<int>> RunInDaemon(const std::string& root, const Invocation& invocation,
                                       Streams& streams) {
  const Socket socket(ConnectToDaemon(root));
  if (socket.file() < 0) return std::optional<int>();

  const std::string request = Dump(ToJson(invocation));
  if (!SendAll(socket.file(), SizeBytes(request.size()) + request)) return DaemonGone();
  bool told = false;
  while (true) {
    WEIRHOUSE_TRY_STATUS(WaitForFrame(socket.file(), streams, &told));
    char head[5];
    if (!ReceiveAll(socket.file(), head, sizeof(head))) return DaemonGone();
    const std::uint32_t size = SizeOf(head + 1);
    if (size > kFrameBytesMax) return DaemonGone();
    std::string bytes(size, '\0');
    if (!ReceiveAll(socket.file(), bytes.data(), bytes.size())) return DaemonGone();
    if (head[0] == 'o') streams.Out(bytes);
    if (head[0] == 'e') streams.Err(bytes);
    if (head[0] == 'x') return std::optional<int>(std::atoi(bytes.c_str()));
  }
}

Result<Invocation> ReadInvocation(int socket) {
  const auto broken = [] {
    return Status(Code::kInvalidInput, "the command ended before all of it had come")
        .WithError("WH8034");
  };
  char head[4];
  if (!ReceiveAll(socket, head, sizeof(head))) return broken();
  const std::uint32_t size = SizeOf(head);
  if (size > kInvocationBytesMax) return broken();
  std::string text(size, '\0');
  if (!ReceiveAll(socket, text.data(), text.size())) return broken();
  return InvocationFromJson(text);
}

bool WriteFrame(int socket, char kind, std::string_view bytes) {
  do {
    const std::string_view part = bytes.substr(0, kFrameBytesMax);
    bytes.remove_prefix(part.size());
    if (!SendAll(socket, std::string(1, kind) + SizeBytes(part.size()) + std::string(part)))
      return false;
  } while (!bytes.empty());
  return true;
}

bool ClientCancelled(int socket) {
  char byte = 0;
  const ssize_t got = recv(socket, &byte, 1, MSG_DONTWAIT);
  if (got < 0) return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
  return true;  // a 'c', or the end of the stream
}
}  // namespace weirhouse::command

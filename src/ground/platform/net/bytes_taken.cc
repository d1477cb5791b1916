#include "ground/platform/net/bytes_taken.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace weirhouse::http {
namespace {
// Where Linux puts tcpi_bytes_acked in what TCP_INFO answers (include/uapi/linux/tcp.h, since 4.1;
// fields are only ever added at its end). The structure of <netinet/tcp.h> ends before it, and
// <linux/tcp.h> cannot be included beside that one.
constexpr std::size_t kBytesAckedAt = 120;
}  // namespace

std::uint64_t BytesTaken(int socket) {
  std::uint64_t taken = 0;
  alignas(std::uint64_t) std::array<std::byte, kBytesAckedAt + sizeof taken> info{};
  socklen_t size = info.size();
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, info.data(), &size) != 0) return 0;
  if (size < info.size()) return 0;
  std::memcpy(&taken, info.data() + kBytesAckedAt, sizeof taken);
  return taken;
}
}  // namespace weirhouse::http

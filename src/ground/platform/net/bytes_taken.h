// How far the other side of a connection has got.
#pragma once

#include <cstdint>

namespace weirhouse::http {

// Bytes that the other side's machine has acknowledged since the connection was made; 0 where the
// system does not say. It grows as long as whoever reads there makes room. Cost: one system call.
std::uint64_t BytesTaken(int socket);
}  // namespace weirhouse::http

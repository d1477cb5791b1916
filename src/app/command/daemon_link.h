// How a verb reaches the daemon of its project: a socket in the state folder that only its owner
// may open (0600).
//
//   client → daemon   one invocation: u32 bytes (little-endian), JSON
//                     then, any time, one byte each: 'c' = Ctrl-C was pressed
//   daemon → client   frames: u8 kind ('o' out, 'e' err, 'a' alive, 'x' exit), u32 bytes, bytes;
//                     'a' comes every second, whatever the daemon works on;
//                     'x' holds the exit code as decimal text and ends the talk
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/command/command.h"
#include "ground/base/status.h"

namespace weirhouse::command {

inline constexpr std::uint32_t kInvocationBytesMax = 8 << 20;  // a request of `predict` at most
inline constexpr std::uint32_t kFrameBytesMax = 64 << 10;
inline constexpr std::chrono::seconds kAliveEvery{1};
inline constexpr std::chrono::seconds kSilenceMax{10};

// <root>/.weirhouse/daemon.sock
std::string DaemonSocketPath(const std::string& root);

// A socket connected to the daemon of the project in `root`, or -1. The caller closes it.
int ConnectToDaemon(const std::string& root);
// A listening socket there, for its owner only; what a dead daemon left is replaced. The caller
// holds the project's lock, and closes the socket.
//   kUnavailable  the socket cannot be made (WH8049)
Result<int> ListenAsDaemon(const std::string& root);

// Hands `invocation` to the daemon that listens for the project in `root`, prints what it sends,
// and returns its exit code; nothing if no daemon listens there.
//   kUnavailable  the daemon ended before it answered (WH8031): what it committed is in the
//   catalog;
//                 or it sent nothing for kSilenceMax, as a stopped process does (WH8051)
Result<std::optional<int>> RunInDaemon(const std::string& root, const Invocation& invocation,
                                       Streams& streams);

// ---- The daemon's end
// Reads an invocation from a connected socket.
Result<Invocation> ReadInvocation(int socket);
// Writes a frame; false if the client is gone.
bool WriteFrame(int socket, char kind, std::string_view bytes);
// Whether the client pressed Ctrl-C or is gone. Does not block.
bool ClientCancelled(int socket);
}  // namespace weirhouse::command

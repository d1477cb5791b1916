// The framed conversation with a scoring child. The frame is drawn in
// scorer.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/process/child.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::model {

struct Frame {
  nlohmann::json header;
  std::string body;
};

// One child and our end of its socket. Threads: one.
class ScoreChannel {
 public:
  enum class Outcome : std::uint8_t { kDone, kTimedOut, kEnded, kGarbled, kStopped };

  // Starts `command` with the other end of a socket pair as descriptor 3. `stop_descriptor` becomes
  // readable when waiting must end.
  static Result<std::unique_ptr<ScoreChannel>> Start(platform::ChildCommand command,
                                                     int stop_descriptor);
  ~ScoreChannel();
  ScoreChannel(const ScoreChannel&) = delete;
  ScoreChannel& operator=(const ScoreChannel&) = delete;

  // Both read the child's output meanwhile. After any outcome but kDone the channel must not be
  // used.
  Outcome Send(const Frame& frame, std::chrono::nanoseconds deadline);
  Outcome Receive(Frame* frame, std::chrono::nanoseconds deadline);

  platform::ChildProcess& child() { return *child_; }
  int descriptor() const { return descriptor_; }

 private:
  ScoreChannel(std::unique_ptr<platform::ChildProcess> child, int descriptor, int stop_descriptor)
      : child_(std::move(child)), descriptor_(descriptor), stop_descriptor_(stop_descriptor) {}
  Outcome Await(short events, std::chrono::nanoseconds deadline);
  Outcome SendAll(std::string_view bytes, std::chrono::nanoseconds deadline);
  Outcome ReceiveAll(std::string* bytes, std::size_t size, std::chrono::nanoseconds deadline);

  std::unique_ptr<platform::ChildProcess> child_;
  int descriptor_;
  int stop_descriptor_;
};

// Arrow tables as IPC streams. Reading checks the whole table before it returns it.
Result<std::string> TableToStream(const arrow::Table& table);
Result<std::shared_ptr<arrow::Table>> StreamToTable(std::string bytes);
}  // namespace weirhouse::model

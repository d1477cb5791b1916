// SHA-256 of a stream whose end is known only from the bytes that follow it.
#pragma once

#include <memory>
#include <string_view>

#include "ground/base/digest.h"

namespace weirhouse {

// Threads: one. A copy continues from the state of the original.
class RunningDigest {
 public:
  RunningDigest();
  ~RunningDigest();
  RunningDigest(const RunningDigest&) = delete;
  RunningDigest& operator=(const RunningDigest& other);
  void Update(std::string_view bytes);
  Digest Finish();  // last call

 private:
  struct State;
  std::unique_ptr<State> state_;
};
}  // namespace weirhouse

// SHA-256 of bytes of which only what follows tells where they end.
#pragma once

#include <memory>
#include <string_view>

#include "ground/base/digest.h"

namespace weirhouse {

// Threads: one. A copy goes on from where the other is.
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

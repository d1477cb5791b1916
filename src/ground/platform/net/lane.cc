#include "ground/platform/net/lane.h"

#include "ground/base/thread.h"

namespace weirhouse::http {

void RunAll(boost::asio::io_context& io) {
  while (true) {
    try {
      io.run();
      return;
    } catch (...) {
      continue;
    }
  }
}

Status Lane::Start(int threads) {
  for (int i = 0; i < std::max(1, threads); ++i) {
    auto thread = StartThread([this] { RunAll(io_); });
    if (thread.ok()) threads_.push_back(std::move(thread).value());
    if (threads_.empty()) return thread.status();
  }
  return Status();
}

void Lane::Join() {
  more_.reset();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}
}  // namespace weirhouse::http

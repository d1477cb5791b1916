// Worker threads for sessions, and how a session waits for them. Private to this folder.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::http {

// For operations that return their error as a value instead of throwing.
inline constexpr auto kAwaitable = boost::asio::as_tuple(boost::asio::use_awaitable);
inline constexpr auto kShortestTick = std::chrono::milliseconds(10);

// Runs the handlers of `io` until none is left. An exception (out of memory) ends only the handler
// that threw it.
void RunAll(boost::asio::io_context& io);

// A pool of threads for handlers, and the number of requests that run on it or wait for it.
class Lane {
 public:
  explicit Lane(int threads) : io_(std::max(1, threads)), more_(io_.get_executor()) {}
  ~Lane() { Join(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  // Starts the threads, fewer if the system cannot start them all.
  //   kUnavailable  none could be started (WH8052)
  Status Start(int threads);
  // Waits until the queued work is done and the threads have ended.
  void Join();
  auto executor() { return io_.get_executor(); }
  std::atomic<std::size_t> in_flight{0};

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> more_;
  std::vector<std::thread> threads_;
};

// Counts one request of a lane while it lives.
class Place {
 public:
  explicit Place(std::atomic<std::size_t>& count) : count_(count), before_(count.fetch_add(1)) {}
  ~Place() { count_.fetch_sub(1); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  std::size_t before() const { return before_; }

 private:
  std::atomic<std::size_t>& count_;
  const std::size_t before_;
};

// A result that a session waits for while another thread computes it. Both threads own it, so the
// later one finds it alive.
template <typename T>
struct Task {
  Task(const boost::asio::any_io_executor& executor, std::chrono::nanoseconds longest)
      : ready(executor, longest) {}
  boost::asio::steady_timer ready;  // on the session's strand; cancelled when `answer` is there
  std::optional<T> answer;          // on the strand
  // set by the thread that works on it, or by a session that gave up
  std::atomic<bool> taken{false};
};

// Calls `step` until it does not throw: a session waits for its effect, and memory becomes
// available again.
template <typename Step>
void RetryUntilSuccess(Step step) {
  while (true) {
    try {
      step();
      return;
    } catch (...) {
      std::this_thread::sleep_for(kShortestTick);
    }
  }
}

// Runs `work` on `lane`, unless the session has given up by then, and wakes the session. `failed`
// makes the answer if `work` throws.
template <typename T, typename Work, typename Failed>
void Dispatch(Lane& lane, const std::shared_ptr<Task<T>>& task, Work work, Failed failed) {
  boost::asio::post(lane.executor(), [task, work = std::move(work), failed = std::move(failed)] {
    // Allocated before the task is taken: if that fails, the session stops waiting.
    auto done = std::make_shared<std::optional<T>>();
    if (task->taken.exchange(true)) return;
    try {
      done->emplace(work());
    } catch (...) {
      RetryUntilSuccess([&] { done->emplace(failed()); });
    }
    const auto wake = [task, done] {
      task->answer = std::move(*done);
      task->ready.cancel();
    };
    RetryUntilSuccess([&] { boost::asio::post(task->ready.get_executor(), wake); });
  });
}
}  // namespace weirhouse::http

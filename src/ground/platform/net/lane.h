// Threads that work for sessions, and how a session waits for them. Private to this folder.
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

// Every operation gives its error as a value; none throws.
inline constexpr auto kAwaitable = boost::asio::as_tuple(boost::asio::use_awaitable);
inline constexpr auto kShortestTick = std::chrono::milliseconds(10);

// Runs what `io` has to do until there is no more. What a piece of it throws (memory that ran out)
// ends that piece alone.
void RunAll(boost::asio::io_context& io);

// Threads for handlers, and how many requests are with them or wait for them.
class Lane {
 public:
  explicit Lane(int threads) : io_(std::max(1, threads)), more_(io_.get_executor()) {}
  ~Lane() { Join(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  // Begins the threads, fewer where the system gives no more.
  //   kUnavailable  it gives none (WH8052)
  Status Start(int threads);
  // Lets them finish what they have.
  void Join();
  auto executor() { return io_.get_executor(); }
  std::atomic<std::size_t> in_flight{0};

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> more_;
  std::vector<std::thread> threads_;
};

// One of those in a lane while it lives.
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

// What a session waits for while another thread works on it. Kept by both: whoever comes second
// finds it there.
template <typename T>
struct Task {
  Task(const boost::asio::any_io_executor& executor, std::chrono::nanoseconds longest)
      : ready(executor, longest) {}
  boost::asio::steady_timer ready;  // on the session's strand; cancelled when `answer` is there
  std::optional<T> answer;          // on the strand
  std::atomic<bool> taken{false};   // by the thread that works on it, or by a session that left
};

// Calls `step` until it throws nothing: somebody waits for what it does, and memory comes back.
template <typename Step>
void UntilItSucceeds(Step step) {
  while (true) {
    try {
      step();
      return;
    } catch (...) {
      std::this_thread::sleep_for(kShortestTick);
    }
  }
}

// Has `work` done on `lane`, unless the session has left by then, and wakes the session. `failed`
// is the answer where `work` throws.
template <typename T, typename Work, typename Failed>
void Dispatch(Lane& lane, const std::shared_ptr<Task<T>>& task, Work work, Failed failed) {
  boost::asio::post(lane.executor(), [task, work = std::move(work), failed = std::move(failed)] {
    // Before it is taken: if there is no memory for it, the session gives up waiting.
    auto done = std::make_shared<std::optional<T>>();
    if (task->taken.exchange(true)) return;
    try {
      done->emplace(work());
    } catch (...) {
      UntilItSucceeds([&] { done->emplace(failed()); });
    }
    const auto wake = [task, done] {
      task->answer = std::move(*done);
      task->ready.cancel();
    };
    UntilItSucceeds([&] { boost::asio::post(task->ready.get_executor(), wake); });
  });
}
}  // namespace weirhouse::http

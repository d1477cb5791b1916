#include "ground/platform/sql/query_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/thread.h"
#include "ground/base/time.h"

namespace weirhouse::platform {
namespace {
Status TookTooLong(std::chrono::milliseconds limit) {
  return Status(Code::kUnavailable, fmt::format("SQL was stopped: it ran longer than {} s",
                                                static_cast<double>(limit.count()) / 1000))
      .WithError("WH7047")
      .WithHint("make the query smaller, or give it more time");
}

Status ToldToStop() {
  return Status(Code::kUnavailable, "SQL was stopped: the process was told to stop")
      .WithError(kSqlToldToStop)
      .WithHint("run it again: nothing was written");
}
}  // namespace

QueryWatch::QueryWatch(duckdb_connection connection, const SqlBounds& bounds)
    : connection_(connection), bounds_(bounds) {
  if (bounds_.time.count() == 0 && !bounds_.told_to_stop) return;
  auto started = StartThread([this] { Watch(); });
  if (started.ok())
    thread_ = std::move(started).value();
  else
    unwatched_ = started.status();
}

QueryWatch::~QueryWatch() { Stop(); }

void QueryWatch::Stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Status QueryWatch::Finish() {
  Stop();
  return ended_;
}

void QueryWatch::Watch() {
  try {
    WatchUnguarded();
  } catch (...) {
    // Building the message failed: the query is stopped all the same.
    const std::lock_guard lock(mutex_);
    if (ended_.ok()) ended_ = StatusOfException();
    duckdb_interrupt(connection_);
  }
}

void QueryWatch::WatchUnguarded() {
  const std::chrono::nanoseconds begin = SystemClock().Monotonic();
  std::unique_lock lock(mutex_);
  while (!done_) {
    const auto spent =
        std::chrono::duration_cast<std::chrono::milliseconds>(SystemClock().Monotonic() - begin);
    if (ended_.ok() && bounds_.time.count() > 0 && spent >= bounds_.time)
      ended_ = TookTooLong(bounds_.time);
    if (ended_.ok() && bounds_.told_to_stop && bounds_.told_to_stop()) ended_ = ToldToStop();
    // Repeated until the query has ended: a query that is just starting drops an interrupt.
    if (!ended_.ok()) duckdb_interrupt(connection_);
    auto wait = kSqlLookEvery;
    if (ended_.ok() && bounds_.time.count() > 0) wait = std::min(wait, bounds_.time - spent);
    changed_.wait_for(lock, wait);
  }
}
}  // namespace weirhouse::platform

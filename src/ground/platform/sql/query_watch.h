// Interrupts a DuckDB query that takes too long or whose caller was told to stop.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "ground/base/status.h"
#include "ground/platform/sql/duck_handle.h"
#include "ground/platform/sql/sql.h"

namespace weirhouse::platform {

// Watches the connection's query from a thread of its own for as long as it lives. Threads: one.
class QueryWatch {
 public:
  // `bounds` and the connection must outlive it. If `bounds` limits no time and has no callback, no
  // thread is started.
  QueryWatch(duckdb_connection connection, const SqlBounds& bounds);
  ~QueryWatch();
  QueryWatch(const QueryWatch&) = delete;
  QueryWatch& operator=(const QueryWatch&) = delete;

  // An error if the query must not start: it has a bound, and the watching thread could not be
  // started (WH8052).
  const Status& unwatched() const { return unwatched_; }
  // Ends the watch. Returns why the query was interrupted, or OK.
  Status Finish();

 private:
  void Watch();
  void WatchUnguarded();
  void Stop();

  duckdb_connection connection_;
  const SqlBounds& bounds_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  Status ended_;
  Status unwatched_;
  std::thread thread_;
};
}  // namespace weirhouse::platform

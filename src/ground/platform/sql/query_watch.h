// Ends a query of DuckDB that takes too long or that nobody waits for any more.
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
  // `bounds` and the connection must outlive it. Without a bound on time or a question to ask there
  // is no thread.
  QueryWatch(duckdb_connection connection, const SqlBounds& bounds);
  ~QueryWatch();
  QueryWatch(const QueryWatch&) = delete;
  QueryWatch& operator=(const QueryWatch&) = delete;

  // Why the query must not begin: a bound is to be kept, and nobody can watch it (WH8052).
  const Status& unwatched() const { return unwatched_; }
  // Why the query was ended; OK if it was not. Ends the watch.
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

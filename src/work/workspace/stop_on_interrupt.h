// Ends a running SQL query at Ctrl-C.
#pragma once

#include <utility>

#include "ground/platform/sql/sql.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// While it lives, a query of the session ends (kSqlToldToStop) once `progress` is cancelled.
// Nothing is lost: the query's results are not committed, and the next run begins it again.
// Session and progress must outlive it. Threads: one, that of the session.
class StopOnInterrupt {
 public:
  StopOnInterrupt(platform::SqlSession& session, Progress& progress) : session_(session) {
    platform::SqlBounds bounds;
    bounds.told_to_stop = [&progress] { return progress.Cancelled(); };
    before_ = session_.SetBounds(std::move(bounds));
  }
  ~StopOnInterrupt() { session_.SetBounds(std::move(before_)); }
  StopOnInterrupt(const StopOnInterrupt&) = delete;
  StopOnInterrupt& operator=(const StopOnInterrupt&) = delete;

 private:
  platform::SqlSession& session_;
  platform::SqlBounds before_;
};
}  // namespace weirhouse::work

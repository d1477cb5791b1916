// Ctrl-C ends the SQL at hand. Private to engine/.
#pragma once

#include <utility>

#include "work/workspace/workspace.h"
#include "ground/platform/sql/sql.h"

namespace weirhouse::engine {

// While it lives, a query of the session ends (kSqlToldToStop) once the progress says so. Nothing
// is lost: what the query was for is not committed, and the next run begins it again.
class StopOnInterrupt {
 public:
  StopOnInterrupt(storage::SqlSession& session, Progress& progress) : session_(session) {
    storage::SqlBounds bounds;
    bounds.told_to_stop = [&progress] { return progress.Cancelled(); };
    before_ = session_.SetBounds(std::move(bounds));
  }
  ~StopOnInterrupt() { session_.SetBounds(std::move(before_)); }
  StopOnInterrupt(const StopOnInterrupt&) = delete;
  StopOnInterrupt& operator=(const StopOnInterrupt&) = delete;

 private:
  storage::SqlSession& session_;
  storage::SqlBounds before_;
};
}  // namespace weirhouse::engine

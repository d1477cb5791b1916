// The names, and the ranges of commits, under which the rows of one table were recorded.
//
// Rows keep the name they were written with, because the hash chain covers them. A rename, and a
// name reused after a drop, are therefore stored as spans of the log, and a reader queries each
// span in turn. A table that was never renamed, and whose name no other table had, has no stored
// spans.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// The rows recorded under `recorded_as` by the commits in (after, until].
struct TableSpan {
  static constexpr std::int64_t kOpen = std::numeric_limits<std::int64_t>::max();
  std::string recorded_as;
  std::int64_t after = 0;
  std::int64_t until = kOpen;
  friend bool operator==(const TableSpan&, const TableSpan&) = default;
};
using TableSpans = std::vector<TableSpan>;  // oldest first, never empty

// The effect of commit `seq` on the spans; everything else of that commit is recorded after it.
TableSpans DefaultSpans(std::string_view name);
TableSpans SpansAfterDrop(TableSpans spans, std::int64_t seq);
// The spans of a name under which a table is created.
TableSpans SpansAfterCreate(const TableSpans& spans, std::string_view name);
// The spans of the new name after a rename; the old name keeps SpansAfterDrop.
TableSpans SpansAfterRename(TableSpans spans, std::string_view new_name, std::int64_t seq);

Result<TableSpans> LoadSpans(platform::Database& db, std::string_view name);
Status StoreSpans(platform::Database& db, std::string_view name, const TableSpans& spans);
}  // namespace weirhouse::catalog

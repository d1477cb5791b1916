// One SELECT over the project's tables (query_tables.h), in a session that reaches nothing else.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ground/base/status.h"
#include "work/answers/sql/query_tables.h"
#include "work/workspace/workspace.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::answers {

// The rows that `query` gives, of the tables as `at` has them. Names are found whatever their case;
// `*` leaves hidden columns out unless the query names one. `told_to_stop` is asked now and then,
// from any thread, and ends the query where it says so; it may be empty.
//   kInvalidInput  it is no single SELECT, or names what there is not (WH2103 and the like), with the
//                  place in the query
// Cost: reads the columns that the query needs of each table that it names. Bounds of time and
// memory are the engine's own: it is for people at their terminal, not for a service.
Result<std::shared_ptr<arrow::Table>> AskSql(work::Workspace& workspace, const std::string& query,
                                             const AsOf& at, std::function<bool()> told_to_stop);
}  // namespace weirhouse::answers

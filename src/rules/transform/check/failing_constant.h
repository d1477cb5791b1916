// Constants of a query that fail in any case, such as CAST('x' AS INTEGER): the SQL is at fault,
// not a row.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"

namespace weirhouse::transform {

struct FailingConstant {
  std::string sql;           // as the SQL engine writes it
  std::int64_t offset = -1;  // where it begins in the query; -1: unknown
  std::string found;         // the SQL engine's message
};
// The first expression of `tree` (SqlSession::ParseToJson) that names no column, is always
// evaluated and fails; the innermost of nested ones. An expression that a CASE or COALESCE
// evaluates only for some rows may fail on purpose. Cost: one query; one more for each constant if
// it fails. Throws nlohmann::json::exception if `tree` is not such a tree.
Result<std::optional<FailingConstant>> FindFailingConstant(platform::SqlSession& session,
                                                           const nlohmann::json& tree);
}  // namespace weirhouse::transform

// Constants of a query that fail by themselves, such as CAST('x' AS INTEGER): the fault of the SQL,
// and of no row.
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
  std::string found;         // what the SQL engine said
};
// The first expression of `tree` (SqlSession::ParseToJson) that names no column, is always reached
// and fails; of several, one within the other, the innermost. What a CASE or COALESCE reaches only
// for some rows may fail: it may be meant to. Cost: one query; one more for each constant where
// that fails. Throws nlohmann::json::exception where `tree` is none.
Result<std::optional<FailingConstant>> FindFailingConstant(platform::SqlSession& session,
                                                           const nlohmann::json& tree);
}  // namespace weirhouse::transform

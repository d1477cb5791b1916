// Rows on which SQL fails, as what the quarantine holds.
#pragma once

#include <string>
#include <vector>

#include "rules/transform/run/poison.h"
#include "work/records/batch_records.h"

namespace weirhouse::work {

inline std::vector<RejectedRecord> RejectedBySql(const std::vector<transform::PoisonRow>& poison,
                                                 const std::string& table) {
  std::vector<RejectedRecord> rejected;
  rejected.reserve(poison.size());
  for (const transform::PoisonRow& row : poison) {
    rejected.push_back({RecordId(row.record), contract::ViolationKind::kSqlFails, table, row.place,
                        row.expression, row.found});
  }
  return rejected;
}
}  // namespace weirhouse::work

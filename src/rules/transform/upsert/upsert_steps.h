// The steps of an upsert, for those who take them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rules/transform/upsert/upsert.h"
#include "rules/transform/upsert/upsert_rules.h"

namespace weirhouse::transform {

inline constexpr std::size_t kRowsDecidedAtOnce = 64 << 10;

// Rows with NULL in a key column, ascending.
std::vector<RejectedRow> NullKeys(const arrow::Table& rows,
                                  const std::vector<std::string>& key_columns,
                                  const std::vector<std::int64_t>& records);
// Row indexes without the rejected, sorted so that each key's rows stand together: by order, then
// content, then record; with `order arrival` by record, and by content where rows have none.
std::vector<std::int64_t> SortedRows(const RowFacts& facts,
                                     const std::vector<RejectedRow>& rejected, bool by_arrival);
// What is known before the batch. Versions are asked for only where the current row does not say it
// all: a key without a current row has no versions, and a current row is the best of its order.
Result<KnownRows> LookUp(const RowFacts& facts, const std::vector<std::int64_t>& sorted,
                         bool by_arrival, iceberg::KeyIndex* current, VersionIndex* versions,
                         const SettledKeys& settled);
// PlanUpsert, or PlanFull where `current` is null, of rows that are many: see UpsertPlan::many.
Result<UpsertPlan> PlanMany(const CheckedTransform& checked, const arrow::Table& rows,
                            iceberg::KeyIndex* current, VersionIndex* versions,
                            const platform::Scratch& scratch);
}  // namespace weirhouse::transform

// The steps of an upsert, shared by its variants.
#pragma once

#include <cstdint>
#include <span>
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
// Row indexes without rejected ones, sorted so that each key's rows are adjacent: by order, then
// content, then record; with `order arrival` by record, and by content if rows have none.
std::vector<std::int64_t> SortedRows(const RowFacts& facts,
                                     const std::vector<RejectedRow>& rejected, bool by_arrival);
// The facts of `rows`, in their order.
RowFacts FactsAt(const RowFacts& facts, std::span<const std::int64_t> rows);
// What is known before the batch of `facts`, which are sorted. Versions are looked up only if the current row does not suffice: a
// key without a current row has no versions, and a current row is the best of its order.
Result<KnownRows> LookUp(const RowFacts& facts, bool by_arrival, iceberg::KeyIndex* current,
                         VersionIndex* versions, const SettledKeys& settled);
// PlanUpsert, or PlanFull if `current` is null, for many rows: see UpsertPlan::many.
Result<UpsertPlan> PlanMany(const CheckedTransform& checked, const arrow::Table& rows,
                            iceberg::KeyIndex* current, VersionIndex* versions,
                            const platform::Scratch& scratch);
}  // namespace weirhouse::transform

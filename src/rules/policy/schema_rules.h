// How the schema of a table may change. Pure.
#pragma once

#include "ground/base/status.h"
#include "rules/policy/policy.h"

namespace weirhouse::policy {

// Compares the current schema of `after` with that of `before` (nullptr: the table is new), by
// field id, and with the contract, if the table has one. Allowed: a new optional field, int → long,
// float → double, a wider decimal of equal scale, doc, order; in format version 3 also date →
// timestamp. A contract of a later major version may require more.
//   kPermissionDenied  WH7073, with a hint how to proceed
Status CheckSchema(const iceberg::TableMetadata* before, const iceberg::TableMetadata& after,
                   const TableRules& rules);

// Refuses nulls, counted by the statistics of `file`, in columns that the contract requires.
//   kPermissionDenied  WH7073
Status CheckRequiredValues(const iceberg::TableMetadata& after, const contract::Contract& contract,
                           const iceberg::DataFile& file);
}  // namespace weirhouse::policy

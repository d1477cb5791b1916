// How the schema of a table that people build on may change. Pure.
#pragma once

#include "ground/base/status.h"
#include "rules/policy/policy.h"

namespace weirhouse::policy {

// The current schema of `after` beside that of `before` (nullptr: the table is new), compared by
// field id, and beside the contract, if the table has one. Additive: a new optional field, int →
// long, float → double, a wider decimal of equal scale, doc, order; in format version 3 also date →
// timestamp. A contract of a later major version may ask for more.
//   kPermissionDenied  WH7073, with the way out
Status CheckSchema(const iceberg::TableMetadata* before, const iceberg::TableMetadata& after,
                   const TableRules& rules);

// Nulls that the statistics of `file` count in columns which the contract requires.
//   kPermissionDenied  WH7073
Status CheckRequiredValues(const iceberg::TableMetadata& after, const contract::Contract& contract,
                           const iceberg::DataFile& file);
}  // namespace weirhouse::policy

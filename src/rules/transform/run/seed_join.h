// Joins to seeds that multiply records for certain, were the seed to hold a key twice.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"
#include "rules/transform/definition.h"

namespace weirhouse::transform {

struct SeedJoin {
  std::string seed;                  // "ref.airline", as written
  std::vector<std::string> columns;  // of the seed, each compared with `=` or named by USING
  SourceSpan span;                   // where the seed is named
};

// The joins of a row-wise `definition` of which it is sure that a row finds every row of the seed
// that has its values in `columns`: those, qualified and with no other condition, and neither the
// seed's columns nor what they are compared with stand in WHERE or in another join. What is not
// sure is left out, and shows when the SQL runs (WH2111).
Result<std::vector<SeedJoin>> SureSeedJoins(platform::SqlSession& session,
                                            const TransformDefinition& definition);
}  // namespace weirhouse::transform

// Finds joins to seeds that would certainly multiply records if the seed held a key twice.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"
#include "rules/transform/definition.h"

namespace weirhouse::transform {

struct SeedJoin {
  std::string seed;                  // "ref.airline", as written
  std::vector<std::string> columns;  // columns of the seed, compared with `=` or named by USING
  SourceSpan span;                   // where the seed is named
};

// The joins of a row-wise `definition` in which a row certainly meets every row of the seed with
// its values in `columns`: the columns are qualified, there is no other condition, and neither they
// nor what they are compared with occur in WHERE or in another join. Uncertain joins are left out;
// they are found when the SQL runs (WH2111).
Result<std::vector<SeedJoin>> SureSeedJoins(platform::SqlSession& session,
                                            const TransformDefinition& definition);
}  // namespace weirhouse::transform

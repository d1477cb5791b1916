// What a transform's output must look like.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "rules/transform/check/check.h"
#include "rules/transform/sql_text.h"

namespace arrow {
class Schema;
}  // namespace arrow

namespace weirhouse::transform {

// Checks that every column has a storable name and type and that the header names columns of the
// output (WH2109). Sets checked.output and checked.declared. `described` is the query's schema
// according to the SQL engine, with the hidden columns of a row-wise query; `types` are the
// engine's names of those types.
std::vector<Diagnostic> CheckOutput(const TransformDefinition& definition, const SqlText& source,
                                    const arrow::Schema& described,
                                    std::span<const std::string> types, CheckedTransform& checked);
// The same for a table of mode external: `columns` are its contract's.
std::vector<Diagnostic> CheckContractColumns(const TransformDefinition& definition,
                                             const SqlText& source, const arrow::Schema& columns,
                                             const std::string& contract,
                                             CheckedTransform& checked);
}  // namespace weirhouse::transform

// Checks rows that another engine wrote against a contract.
#pragma once

#include <memory>
#include <string>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/record.h"
#include "rules/contract/contract.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::work {

// Judges `rows` of `table` with the rules and the code that judge records of a source, over the
// rows as JSON. The verdict's gate is the contract ("contract trips 1.0.0"); it has one check for
// each reason found, with the number of rows and the first of them. Cost: about that of reading the
// rows as JSON lines.
Result<catalog::VerdictRecord> JudgeConformity(
    const std::shared_ptr<const contract::Contract>& contract, const std::string& table,
    const arrow::Table& rows, const std::string& batch, EventTime batch_end);
// "3 rows: WH1204 fare below minimum 0; …"; empty if it passed.
std::string ReasonsOf(const catalog::VerdictRecord& verdict);
}  // namespace weirhouse::work

// Reads quality entries of a contract (ODCS 3.1 `quality`) that can be judged record by record.
#pragma once

#include <vector>

#include "ground/base/yaml.h"
#include "rules/contract/contract.h"
#include "rules/contract/odcs/odcs_shape.h"

namespace weirhouse::contract {

// The quality of one field: invalidValues (validValues or pattern), nullValues, duplicateValues,
// each with `mustBe: 0`. Entries that cannot be judged record by record are refused with a hint to
// use a gate, never silently skipped; `type: text` is documentation.
void ReadFieldQuality(const YamlNode& quality, ContractField* field, Findings* findings);
// Quality of the schema object: duplicateValues over `arguments.properties`.
void ReadObjectQuality(const YamlNode& quality, ContractParts* parts, Findings* findings);
}  // namespace weirhouse::contract

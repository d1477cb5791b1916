// Quality entries of a contract (ODCS 3.1 `quality`), as far as records are judged by them.
#pragma once

#include <vector>

#include "ground/base/yaml.h"
#include "rules/contract/contract.h"
#include "rules/contract/odcs/odcs_shape.h"

namespace weirhouse::contract {

// Quality of one field: invalidValues (validValues or pattern), nullValues, duplicateValues, each
// `mustBe: 0`. What cannot be judged record by record is refused with a pointer to gates, never
// skipped in silence; `type: text` is documentation.
void ReadFieldQuality(const YamlNode& quality, ContractField* field, Findings* findings);
// Quality of the schema object: duplicateValues over `arguments.properties`.
void ReadObjectQuality(const YamlNode& quality, ContractParts* parts, Findings* findings);
}  // namespace weirhouse::contract

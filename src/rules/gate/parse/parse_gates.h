// Reads gate files and checks them against the schemas of the project.
//
// All keys are closed: an unknown one is an error with a suggestion. Nothing is run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/gate/definition/binding.h"
#include "rules/gate/definition/definition.h"

namespace weirhouse::gate {

// Reads all gates of one file (several documents are allowed). All errors are collected as
// diagnostics of one kInvalidInput status: WH2001–WH2004 for YAML and keys, WH3001 unknown kind of
// check, WH3002 wrong value, WH3003 keys that do not go together, WH3008 pattern.
Result<std::vector<GateDefinition>> ParseGates(std::string_view yaml, const std::string& path);

// Checks `definition` against the schemas, binds its SQL, and fills in what it reads. Nothing is
// run. Errors, all collected: WH3004 unknown column, WH3005 value or check does not fit the
// column's type, WH3006 SQL that does not parse, bind or may not stand in a gate, WH3007 unknown
// table.
Status CheckGate(GateDefinition& definition, const GateSchemas& schemas,
                 platform::SqlSession& session);
}  // namespace weirhouse::gate

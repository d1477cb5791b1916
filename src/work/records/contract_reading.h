// The contract version to read an object by: the version under which it arrived, so that the same
// records are valid again; or the first later version that changed the type of a field, because
// values of the old type do not fit the new one.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "rules/contract/contract.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Contract → the oldest version that still reads objects, as registered; an empty object if no type
// ever changed.
Result<nlohmann::json> AppliedReadBy(Workspace& workspace);
// The value that was registered when the project was `then`.
Result<nlohmann::json> ReadByAsOf(Workspace& workspace, const ProjectDefinition& then);
// The value to register with the project's contracts.
Result<nlohmann::json> ReadByToApply(Workspace& workspace);
// The version for an object that arrived under `pinned` (empty: today's version).
std::string VersionToReadBy(const nlohmann::json& read_by, const std::string& contract,
                            const std::string& pinned);
// Fields whose change alters what SQL sees of existing records: another type, a new field, a new
// default.
std::vector<std::string> FieldsReadOtherwise(const contract::Contract& registered,
                                             const contract::Contract& proposed);
}  // namespace weirhouse::work

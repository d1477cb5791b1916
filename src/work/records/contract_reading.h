// By which version of its contract an object is read: the one that was in force when it arrived,
// so that the same records are good again; or a later one that gave a field another type, since
// values of the old type are none of the new one.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "rules/contract/contract.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Contract → the version before which none reads any more, as registered; an empty object where no type ever changed.
Result<nlohmann::json> AppliedReadBy(Workspace& workspace);
// What was registered when the project was `then`.
Result<nlohmann::json> ReadByAsOf(Workspace& workspace, const ProjectDefinition& then);
// What is to be registered with the project's contracts.
Result<nlohmann::json> ReadByToApply(Workspace& workspace);
// The version for an object that arrived under `pinned` (empty: today's).
std::string VersionToReadBy(const nlohmann::json& read_by, const std::string& contract,
                            const std::string& pinned);
// Fields whose change alters what SQL sees of records that are there already: another type, a field
// or a default that joined.
std::vector<std::string> FieldsReadOtherwise(const contract::Contract& registered,
                                             const contract::Contract& proposed);
}  // namespace weirhouse::work

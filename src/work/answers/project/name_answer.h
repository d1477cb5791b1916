// The names that a word may complete to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "work/project/project.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

// Those that definitions alone give: of contracts, gates, sources and views. Absent: `kind` is none
// of these.
std::optional<std::vector<std::string>> DefinedNames(const work::ProjectDefinition& project,
                                                     std::string_view kind);
// Those that the catalog gives, with what is defined and was never made: of tables, runs, models and
// training sets. Absent: `kind` is none of these.
Result<std::optional<std::vector<std::string>>> RecordedNames(work::Workspace& workspace,
                                                              std::string_view kind);
}  // namespace weirhouse::answers

// The project as it was applied last, for verbs that only read while its files have errors.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "work/project/project.h"

namespace weirhouse::work {

// The setting that names the code of the last apply (key of its node, see applied.h).
inline constexpr std::string_view kAppliedCodeSetting = "applied_code";

// The definitions that the last `wh apply` of the project in `root` registered. kNotFound: nothing
// was applied, or by a version that kept no such name; kCorruption (WH2024): the stored code is not
// what was applied; else errors of weirhouse.yaml as it stands, which says where the catalog is.
// Threads: any. Cost: the catalog is opened once, and every definition checked.
Result<std::shared_ptr<const ProjectDefinition>> LoadAppliedProject(const std::string& root,
                                                                    const std::string& profile);

}  // namespace weirhouse::work

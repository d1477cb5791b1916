// Shared by the readers of views and of training sets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/yaml.h"

namespace weirhouse::feature {

// Names become columns, tables and file names: lower-case letters, digits and underscores, a letter
// first, at most 64 characters.
Status CheckName(const YamlNode& node, std::string_view what, std::string_view name);
Result<std::int64_t> ReadDuration(const YamlNode& node, const std::string& what);
// One status out of several: the first one, with all of them as diagnostics.
Status JoinFailures(std::vector<Status> failures);
}  // namespace weirhouse::feature

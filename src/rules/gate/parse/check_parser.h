// Reads one check of a gate file.
#pragma once

#include <string>
#include <vector>

#include "ground/base/finding/findings.h"
#include "ground/base/yaml.h"
#include "rules/gate/definition/definition.h"
#include "rules/gate/parse/check_kind.h"

namespace weirhouse::gate {

// `item` is one entry of `checks`: a map of one key, the kind.
Result<Check> ParseCheck(const YamlNode& item);

}  // namespace weirhouse::gate

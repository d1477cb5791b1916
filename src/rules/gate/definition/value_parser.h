// Reads bounds, shares and windows of a gate file.
#pragma once

#include <optional>
#include <string_view>

#include "ground/base/yaml.h"
#include "rules/gate/definition/definition.h"

namespace weirhouse::gate {

// All of `text` as a double, or nothing.
std::optional<double> ParseDouble(std::string_view text);

Result<Literal> ReadLiteral(const YamlNode& node, std::string_view what);
// between, min, max, min_exclusive, max_exclusive of the map `node`; none of them is fine too.
Result<CountBounds> ReadCountBounds(const YamlNode& node, std::string_view what);
Result<NumberBounds> ReadNumberBounds(const YamlNode& node, std::string_view what);
Result<ValueBounds> ReadValueBounds(const YamlNode& node, std::string_view what);
// "60%", exactly.
Result<Ratio> ReadPercent(const YamlNode& node, std::string_view what);
// "0.95", exactly.
Result<Ratio> ReadFraction(const YamlNode& node, std::string_view what);
// "25%" or 3.
Result<Allowance> ReadAllowance(const YamlNode& node, std::string_view what);
}  // namespace weirhouse::gate

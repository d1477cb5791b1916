// The keys that ODCS 3.1.0 allows at each level, and readers that collect findings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ground/base/finding/findings.h"
#include "ground/base/status.h"
#include "ground/base/yaml.h"

namespace weirhouse::contract {

// The error for the contract at `path`, with every finding; OK if there are none.
Status StatusOfContract(const Findings& findings, const std::string& path);

// Checks the keys of `document` at every level (WH1102, WH1105 for keys of ODCS 3.2) and the kinds
// of its values (WH1104).
void CheckShape(const YamlNode& document, Findings* findings);

// Readers that add a finding and return a fallback if the value is wrong.
std::string TextOf(const YamlNode& node, std::string_view what, Findings* findings);
bool FlagOf(const YamlNode& node, std::string_view what, Findings* findings);
std::int64_t WholeNumberOf(const YamlNode& node, std::string_view what, Findings* findings);
// `node` as a value of a field whose values are numbers: canonical text, or a finding.
std::string NumberOf(const YamlNode& node, std::string_view what, Findings* findings);
}  // namespace weirhouse::contract

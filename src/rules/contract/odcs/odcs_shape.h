// The keys that ODCS 3.1.0 allows, level by level, and the findings made while reading a file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ground/base/finding/findings.h"
#include "ground/base/status.h"
#include "ground/base/yaml.h"

namespace weirhouse::contract {

// The contract at `path` cannot be used: every finding; only if there is one.
Status StatusOfContract(const Findings& findings, const std::string& path);

// Checks the keys of `document` at every level (WH1102, WH1105 for keys of ODCS 3.2) and the kinds
// of its values (WH1104).
void CheckShape(const YamlNode& document, Findings* findings);

// Reads that note a finding and answer a fallback.
std::string TextOf(const YamlNode& node, std::string_view what, Findings* findings);
bool FlagOf(const YamlNode& node, std::string_view what, Findings* findings);
std::int64_t WholeNumberOf(const YamlNode& node, std::string_view what, Findings* findings);
// `node` as a value of a field whose values are numbers: canonical text, or a finding.
std::string NumberOf(const YamlNode& node, std::string_view what, Findings* findings);
}  // namespace weirhouse::contract

// The keys that ODCS 3.1.0 allows, level by level, and the findings made while reading a file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/yaml.h"

namespace weirhouse::contract {

// Collects errors instead of stopping at the first.
class Findings {
 public:
  void Add(const SourceSpan& span, std::string_view code, std::string message,
           std::string hint = "", std::string caret_note = "");
  // Takes over a Status made elsewhere, placed at `span` unless it has a place.
  void Add(const SourceSpan& span, const Status& status);
  bool empty() const { return diagnostics_.empty(); }
  // kInvalidInput with every finding; only if not empty.
  Status ToStatus(const std::string& path) &&;

 private:
  std::vector<Diagnostic> diagnostics_;
};

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

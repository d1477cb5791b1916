// Reads one check of a gate file.
#pragma once

#include <string>
#include <vector>

#include "ground/base/yaml.h"
#include "rules/gate/definition/check_kind.h"
#include "rules/gate/definition/definition.h"

namespace weirhouse::gate {

// `item` is one entry of `checks`: a map of one key, the kind.
Result<Check> ParseCheck(const YamlNode& item);

// Collects findings about files, and makes one status of them.
class Findings {
 public:
  void Add(const Status& status);
  // OK if nothing was added.
  Status Finish() const;

 private:
  std::vector<Diagnostic> diagnostics_;
};
}  // namespace weirhouse::gate

#include "rules/gate/definition/rule.h"

#include <fmt/format.h>

#include "ground/base/text.h"

namespace weirhouse::gate {
std::string Rule::DefaultName(const Check& check) const {
  std::vector<std::string> names;
  for (const ColumnUse& use : check.columns) names.push_back(use.name);
  if (names.empty()) return check.kind;
  return fmt::format("{}({})", check.kind, Join(names, ", "));
}

Status Rule::RefuseIdleKeys(const CheckNode&, const Check&) const { return Status(); }
Status Rule::CheckTypes(const Check&, const arrow::Schema&) const { return Status(); }
Status Rule::Bind(Check&, Binding&) const { return Status(); }
}  // namespace weirhouse::gate

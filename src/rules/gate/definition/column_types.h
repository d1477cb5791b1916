// What types of columns a check takes. Shared by the kinds.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/gate/definition/definition.h"
#include "rules/gate/value/family.h"

namespace arrow {
class Schema;
}  // namespace arrow

namespace weirhouse::gate {

// All of these take columns that `schema` has. WH3005 where a type is not among the wanted ones.
Status NeedKnownTypes(const arrow::Schema& schema, const std::vector<std::string>& columns);
// `words`: "text", "times"
Status NeedFamily(const Check& check, const arrow::Schema& schema, const std::string& column,
                  std::initializer_list<Family> wanted, std::string_view words);
Status NeedNumbers(const Check& check, const arrow::Schema& schema, const std::string& column);
// Whether any column of the check is of this family.
bool AnyIs(const Check& check, const arrow::Schema& schema, Family family);
// WH3003 for a key that changes nothing for the types of the check's columns. OK without the key.
Status RefuseIdleKey(const Check& check, std::string_view key, std::string_view why);
// The same for `allow_nan` on columns that never hold NaN.
Status RefuseIdleNan(const Check& check, const arrow::Schema& schema);
}  // namespace weirhouse::gate

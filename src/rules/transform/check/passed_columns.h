// Finds output columns that are a column of the driver unchanged.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "rules/transform/check/resolve.h"
#include "rules/transform/check/rules.h"

namespace weirhouse::transform {

// Output column → column of `driver`, if the select list of `node` names it plainly (`t.id`, `t.id
// AS key`, or by a star) and it can only come from that table. Uncertain ones are left out.
std::map<std::string, std::string> PassedColumns(const nlohmann::json& node,
                                                 const Resolution& resolution,
                                                 const Driver& driver);
}  // namespace weirhouse::transform

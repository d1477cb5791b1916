// Which output columns are a column of the driver as it is.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "rules/transform/check/resolve.h"
#include "rules/transform/check/rules.h"

namespace weirhouse::transform {

// Output column → column of `driver`, where the select list of `node` names it plainly (`t.id`,
// `t.id AS key`, or by a star) and it can be of that one table only. What is not sure is left out.
std::map<std::string, std::string> PassedColumns(const nlohmann::json& node,
                                                 const Resolution& resolution,
                                                 const Driver& driver);
}  // namespace weirhouse::transform

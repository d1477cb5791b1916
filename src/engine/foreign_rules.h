// What no other engine may do to a layer's tables beside commits, which policy::Judge judges.
// Private to engine/.
#pragma once

#include <string>

#include "base/status.h"
#include "engine/workspace.h"
#include "policy/policy.h"
#include "table/table.h"

namespace weirhouse::engine {

// Whether a table of this name may be made by another engine.
//   kPermissionDenied  WH7075 (a definition makes it), WH7106 (processed, and nothing declares it)
Status CheckMayExist(Workspace& workspace, const std::string& name,
                     const policy::TableRules& rules);
// Gives a processed table that another engine makes what its declaration asks for beside columns:
// the key as identifier fields and the property that names its contract. Other tables stay as they
// are.
//   kPermissionDenied  WH7106: it has another key
Status FitDeclaration(Workspace& workspace, const policy::TableRules& rules,
                      table::TableMetadata& metadata);
// Whether a table may be dropped or renamed at all, whoever asks.
//   kPermissionDenied  WH7072 (raw), WH7075 (a definition makes it)
Status CheckMayGo(const std::string& name, const policy::TableRules& rules, std::string_view verb);
}  // namespace weirhouse::engine

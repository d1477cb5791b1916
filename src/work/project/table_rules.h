// What the project's files say of a table: who makes it, which gate and contract it has, and so
// what no other engine may do to it beside commits, which policy::Judge judges.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "rules/policy/policy.h"
#include "work/project/project.h"

namespace weirhouse::work {

// Names the contract of an external table ("trips 1.0.0"), for engines and people. A table without
// it was not made for other engines.
inline constexpr char kContractProperty[] = "weirhouse.contract";

// The transform of `name` if other engines write that table, else nullptr.
const transform::CheckedTransform* FindExternal(const ProjectDefinition& project,
                                                std::string_view name);
// What is known of a table from the project: who makes it, its gate, its contract.
policy::TableRules RulesOf(const ProjectDefinition& project, const std::string& table);
// Whether a table of this name may be made by another engine.
//   kPermissionDenied  WH7075 (a definition makes it), WH7106 (processed, and nothing declares it)
Status CheckMayExist(const ProjectDefinition& project, const std::string& name,
                     const policy::TableRules& rules);
// Gives a processed table that another engine makes what its declaration asks for beside columns:
// the key as identifier fields and the property that names its contract. Other tables stay as they
// are.
//   kPermissionDenied  WH7106: it has another key
Status FitDeclaration(const ProjectDefinition& project, const policy::TableRules& rules,
                      iceberg::TableMetadata& metadata);
// Whether a table may be dropped or renamed at all, whoever asks.
//   kPermissionDenied  WH7072 (raw), WH7075 (a definition makes it)
Status CheckMayGo(const std::string& name, const policy::TableRules& rules, std::string_view verb);
}  // namespace weirhouse::work

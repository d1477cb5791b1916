// What the project's files say about a table: who makes it, its gate and contract; and so what
// other engines may not do to it. (Commits are judged by policy::Judge.) Pure.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "rules/policy/policy.h"
#include "work/project/project.h"

namespace weirhouse::work {

// The property that names the contract of an external table ("trips 1.0.0"), for engines and
// people. A table without it was not made for other engines.
inline constexpr char kContractProperty[] = "weirhouse.contract";

// The transform of `name` if it is an external table, else nullptr.
const transform::CheckedTransform* FindExternal(const ProjectDefinition& project,
                                                std::string_view name);
// What the project says about a table: who makes it, its gate, its contract.
policy::TableRules RulesOf(const ProjectDefinition& project, const std::string& table);
// Checks that another engine may create a table of this name.
//   kPermissionDenied  WH7075 (a definition makes it), WH7106 (processed, and nothing declares it)
Status CheckMayExist(const ProjectDefinition& project, const std::string& name,
                     const policy::TableRules& rules);
// Gives a processed table that another engine creates what its declaration requires besides
// columns: the key as identifier fields, and the property that names its contract. Other tables are
// unchanged.
//   kPermissionDenied  WH7106: the table has another key
Status FitDeclaration(const ProjectDefinition& project, const policy::TableRules& rules,
                      iceberg::TableMetadata& metadata);
// Checks that the table may be dropped or renamed at all, by anyone.
//   kPermissionDenied  WH7072 (raw), WH7075 (a definition makes it)
Status CheckMayGo(const std::string& name, const policy::TableRules& rules, std::string_view verb);
}  // namespace weirhouse::work

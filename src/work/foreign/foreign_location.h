// Where tables and views of other engines lie; none may lie inside another.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "rules/policy/policy.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// The folders that a table or view must have to itself (catalog::TableChange::places).
std::vector<std::string> PlacesOf(const Workspace& workspace,
                                  const iceberg::TableMetadata& metadata);
// Folders of tables and views other than `name` that lie in one of `places` or contain it. A free
// place may be taken a moment later, so the commit checks again (WH7002). Cost: O(levels of a
// path).
Result<std::vector<std::string>> OtherLocations(Workspace& workspace, std::string_view name,
                                                const std::vector<std::string>& places);

// "/lake/a" of "/lake/a/metadata/00001-….metadata.json"; empty if the file lies in no folder
// `metadata`.
std::string LocationOfMetadata(std::string_view metadata_location);

// The location of a new table or view: <lake>/<first level>/<the rest>. Bytes that a path should
// not hold are written as _xHH. If that folder exists or belongs to another table, as after a drop,
// 8 hexadecimal digits are added.
Result<std::string> NewLocation(Workspace& workspace, const std::string& name);

policy::Warehouse WarehouseOf(const Workspace& workspace);
// A location as we write it: platform::CanonicalPath.
std::string PlainLocation(std::string_view location);
}  // namespace weirhouse::work

// Where tables and views of other engines lie, so that none lies inside another.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "rules/policy/policy.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// The folders that a table or view is to have to itself (catalog::TableChange::places).
std::vector<std::string> PlacesOf(const Workspace& workspace,
                                  const iceberg::TableMetadata& metadata);
// Folders of tables and views other than `name` that lie in one of `places` or around it. What is
// found free may be taken a moment later: the commit that takes it looks again (WH7002). Cost:
// O(levels of a path).
Result<std::vector<std::string>> OtherLocations(Workspace& workspace, std::string_view name,
                                                const std::vector<std::string>& places);

// "/lake/a" of "/lake/a/metadata/00001-….metadata.json"; empty if the file lies in no folder of
// that name.
std::string LocationOfMetadata(std::string_view metadata_location);

// Where a new table or view goes: <lake>/<first level>/<the rest>, with bytes that do not belong
// into a path written as _xHH; with 8 hexadecimal digits more if that folder is there already or is
// another table's, as after a drop.
Result<std::string> NewLocation(Workspace& workspace, const std::string& name);

policy::Warehouse WarehouseOf(const Workspace& workspace);
// A location as we write it: platform::CanonicalPath.
std::string PlainLocation(std::string_view location);
}  // namespace weirhouse::work

// Where tables and views of other engines lie, so that none lies inside another.
#pragma once

#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "rules/policy/policy.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Held from the check of a location to the commit that takes it: two tables that are created at the
// same moment must not both find it free.
std::unique_lock<std::mutex> LockLocations();

// Locations of all tables and views but `name`, and the places that their properties name. Cost:
// one scan of the pointers.
Result<std::vector<std::string>> OtherLocations(Workspace& workspace, std::string_view name);
// Beside its location a table may have places that its properties name (`write.data.path`, …). They
// are kept as a setting of the catalog, moved in the commit that changes them, so that a look at
// all tables' places opens no metadata. To be added to CommitRequest::settings.
std::vector<std::pair<std::string, nlohmann::json>> PlacesSetting(
    const iceberg::TableMetadata* before, const iceberg::TableMetadata* after);

// "/lake/a" of "/lake/a/metadata/00001-….metadata.json"; empty if the file lies in no folder of
// that name.
std::string LocationOfMetadata(std::string_view metadata_location);

// Where a new table or view goes: <lake>/<first level>/<the rest>, with bytes that do not belong
// into a path written as _xHH; with 8 hexadecimal digits more if that folder is there already, as
// after a drop.
Result<std::string> NewLocation(Workspace& workspace, const std::string& name);

policy::Warehouse WarehouseOf(const Workspace& workspace);
// A location as we write it: platform::CanonicalPath.
std::string PlainLocation(std::string_view location);
}  // namespace weirhouse::work

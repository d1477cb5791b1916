// Records the folders of tables that an older catalog holds without them.
#pragma once

#include "ground/base/status.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// Part of migration 12. A table's metadata is in <location>/metadata/, so its path gives the
// location. If it is elsewhere, as only a registered file can be, the place is recorded as unknown
// until the table's next commit. Folders named by properties were stored in the setting
// "table_places." plus the table's name, which is removed.
Status FillPlaces(platform::Database& db);
}  // namespace weirhouse::catalog

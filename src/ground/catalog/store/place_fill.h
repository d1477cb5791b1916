// Where the tables lie that a catalog holds from before their places were recorded.
#pragma once

#include "ground/base/status.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// Part of migration 12. A table's metadata lies in <location>/metadata/, so its path tells the
// location; where it lies elsewhere, as only a registered file can, the place is recorded as not
// known until the table's next commit. What properties name besides was a setting, "table_places."
// and the table's name, which goes.
Status FillPlaces(platform::Database& db);
}  // namespace weirhouse::catalog

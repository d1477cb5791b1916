// Consistent reads of the catalog by several calls.
#pragma once

#include <functional>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"

namespace weirhouse::catalog {

// Runs `body`: everything this thread reads from `catalog` in it comes from one committed state,
// whatever is committed meanwhile. Nested calls use the outer state. For reads alone: writes made
// meanwhile, by this thread too, are not visible. Threads: any, each with its own state. Cost: it
// holds one reading connection, and the database keeps the old rows; so do no heavy computing and
// read no large files in it.
Status AtOneMoment(Catalog& catalog, const std::function<Status()>& body);
}  // namespace weirhouse::catalog

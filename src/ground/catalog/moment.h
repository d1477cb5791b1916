// Several reads of the catalog that must agree with one another.
#pragma once

#include <functional>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"

namespace weirhouse::catalog {

// Runs `body`: all that this thread reads of `catalog` in it is of one committed state, whatever is
// committed meanwhile. It may be nested, and then is of the outer state. For reads alone: what is
// written meanwhile, by this thread too, is not seen in it. Threads: any, each with its own state.
// Cost: one reading connection is held, and the database keeps what was there before, so no
// computing and no reading of big files in it.
Status AtOneMoment(Catalog& catalog, const std::function<Status()>& body);
}  // namespace weirhouse::catalog

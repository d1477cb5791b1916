// Checks feature tables against the offset of what they have processed.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::lineage {

// One line for each applied view whose table was made from another snapshot of its source than the
// one at the feature consumer's offset: the offset passed commits that the view did not process.
// Views that were removed from the project, and tables written before they recorded their source's
// snapshot, are skipped. Cost: two look-ups for each view.
Result<std::vector<std::string>> ViewsBehindOffset(catalog::Catalog& catalog,
                                                   platform::ObjectStore& store);
}  // namespace weirhouse::lineage

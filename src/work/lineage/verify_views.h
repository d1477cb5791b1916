// Feature tables against the offset that says what they have taken in.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::lineage {

// One line for each applied view whose table holds another snapshot of its source than the one that
// was current at the feature consumer's offset: commits that the offset went past never reached it.
// Views that were removed from the project stay as they are, and tables written before they named
// their source's snapshot cannot be told. Cost: two look-ups for each view.
Result<std::vector<std::string>> ViewsBehindOffset(catalog::Catalog& catalog,
                                                   platform::ObjectStore& store);
}  // namespace weirhouse::lineage

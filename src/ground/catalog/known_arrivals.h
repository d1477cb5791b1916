// Looks many arrivals up at once.
#pragma once

#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"

namespace weirhouse::catalog {

// What a Catalog also is if it can look up many arrivals by one query. Threads: any.
class KnowsArrivals {
 public:
  virtual ~KnowsArrivals() = default;
  virtual Result<std::vector<ObjectRecord>> FindArrivals(const std::vector<Arrival>& arrivals) = 0;
};

// As Ledger::FindArrival for several, in no particular order; unknown ones are left out. Cost:
// O(arrivals), one query for each hundred of them.
Result<std::vector<ObjectRecord>> FindArrivals(Catalog& catalog,
                                               const std::vector<Arrival>& arrivals);
}  // namespace weirhouse::catalog

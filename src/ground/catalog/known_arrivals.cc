#include "ground/catalog/known_arrivals.h"

#include <optional>
#include <utility>

namespace weirhouse::catalog {

Result<std::vector<ObjectRecord>> FindArrivals(Catalog& catalog,
                                               const std::vector<Arrival>& arrivals) {
  if (auto* const knows = dynamic_cast<KnowsArrivals*>(&catalog); knows != nullptr)
    return knows->FindArrivals(arrivals);
  std::vector<ObjectRecord> found;
  for (const Arrival& arrival : arrivals) {
    WEIRHOUSE_TRY(std::optional<ObjectRecord> one,
                  catalog.FindArrival(arrival.source, arrival.name, arrival.digest));
    if (one) found.push_back(*std::move(one));
  }
  return found;
}
}  // namespace weirhouse::catalog

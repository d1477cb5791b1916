// Rows of a query as a listing.
#pragma once

#include <cstdint>
#include <string>

#include "app/command/print/listing.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::command {

// The first `limit` rows (-1 = all).
Listing ListingOf(const arrow::Table& rows, const std::string& name, std::int64_t limit);
}  // namespace weirhouse::command

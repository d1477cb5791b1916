// Decides which record lands in which day's file, faults included.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "app/demo/demo_data.h"
#include "app/demo/replay.h"

namespace weirhouse::demo {

// Day (since 1970) → numbers of `replay.lines`, in the order of the file.
using Delivery = std::map<std::int64_t, std::vector<std::uint32_t>>;

// Every record lands once in the file of its day, except for the faults that `options` asks for,
// which are counted in `report`. Adds broken copies and corrections to `replay`. There is a file
// for each day that has records; equal seeds give equal files.
Delivery Deliver(const DemoDataOptions& options, Replay& replay, SourceReport& report);
}  // namespace weirhouse::demo

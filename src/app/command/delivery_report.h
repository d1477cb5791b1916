// The deliveries that are owed to alerts and notify rules, as `wh status` shows them.
#pragma once

#include <string>
#include <vector>

#include "work/events/courier.h"

namespace weirhouse::command {

// A line for each target with pending or given-up deliveries.
std::vector<std::string> DeliveryLines(const work::OutboxStory& deliveries);
}  // namespace weirhouse::command

// What is owed to alerts and notify rules, as `wh status` shows it.
#pragma once

#include <string>
#include <vector>

#include "work/events/courier.h"

namespace weirhouse::command {

// A line for each target that something is pending for, or was given up.
std::vector<std::string> DeliveryLines(const work::OutboxStory& deliveries);
}  // namespace weirhouse::command

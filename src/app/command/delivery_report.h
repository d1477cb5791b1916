// What is owed to alerts and notify rules, as `wh status` shows it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "work/events/courier.h"

namespace weirhouse::command {

// {"targets": [{target, pending, given_up}], "pending": [{event, type, subject, target, state,
// tries, next_try, error}], "given_up": […], "recent": […]}
nlohmann::json DeliveriesAsJson(const work::OutboxStory& outbox);
// A line for each target that something is pending for, or was given up.
std::vector<std::string> DeliveryLines(const nlohmann::json& deliveries);
}  // namespace weirhouse::command

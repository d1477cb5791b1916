#include "app/command/delivery_report.h"

#include <fmt/format.h>

#include "ground/base/text.h"

namespace weirhouse::command {
namespace {
// The first of `list` that is for `target`: the oldest pending one, the newest given up.
const work::DeliveryStory* FirstOf(const std::vector<work::DeliveryStory>& list,
                                   const std::string& target) {
  for (const work::DeliveryStory& delivery : list) {
    if (delivery.target == target) return &delivery;
  }
  return nullptr;
}

std::string EventText(const work::DeliveryStory& delivery) {
  return fmt::format("event {} {} {}", delivery.event, delivery.type, delivery.subject);
}
}  // namespace

std::vector<std::string> DeliveryLines(const work::OutboxStory& deliveries) {
  std::vector<std::string> lines;
  for (const work::TargetStory& target : deliveries.targets) {
    if (target.pending != 0) {
      std::string line = fmt::format("           {}: {} pending", target.target, target.pending);
      if (const work::DeliveryStory* oldest = FirstOf(deliveries.pending, target.target)) {
        line += fmt::format("; {}, ", EventText(*oldest));
        line += oldest->tries == 0 ? std::string("not tried yet")
                                   : fmt::format("tried {} times, next try {}: {}", oldest->tries,
                                                 oldest->next_try, oldest->error);
      }
      lines.push_back(EscapeControl(line));
    }
    if (target.given_up != 0) {
      std::string line = fmt::format("           {}: {} given up", target.target, target.given_up);
      if (const work::DeliveryStory* newest = FirstOf(deliveries.given_up, target.target)) {
        line += fmt::format("; {} after {} tries: {}", EventText(*newest), newest->tries,
                            newest->error);
      }
      lines.push_back(EscapeControl(line));
    }
  }
  return lines;
}
}  // namespace weirhouse::command

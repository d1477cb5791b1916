#include "app/command/delivery_report.h"

#include <fmt/format.h>

#include "ground/base/text.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

json AsJson(const std::vector<work::DeliveryStory>& stories) {
  json list = json::array();
  for (const work::DeliveryStory& story : stories) {
    list.push_back({{"event", story.event},
                    {"type", story.type},
                    {"subject", story.subject},
                    {"target", story.target},
                    {"state", story.state},
                    {"tries", story.tries},
                    {"next_try", story.next_try.empty() ? json() : json(story.next_try)},
                    {"error", story.error.empty() ? json() : json(story.error)}});
  }
  return list;
}

// The first of `list` that is for `target`: the oldest pending one, the newest given up.
const json* FirstOf(const json& list, const std::string& target) {
  for (const json& delivery : list) {
    if (delivery["target"] == target) return &delivery;
  }
  return nullptr;
}

std::string EventText(const json& delivery) {
  return fmt::format("event {} {} {}", delivery["event"].dump(),
                     delivery["type"].get<std::string>(), delivery["subject"].get<std::string>());
}
}  // namespace

json DeliveriesAsJson(const work::OutboxStory& outbox) {
  json targets = json::array();
  for (const work::TargetStory& target : outbox.targets) {
    targets.push_back(
        {{"target", target.target}, {"pending", target.pending}, {"given_up", target.given_up}});
  }
  return {{"targets", std::move(targets)},
          {"pending", AsJson(outbox.pending)},
          {"given_up", AsJson(outbox.given_up)},
          {"recent", AsJson(outbox.recent)}};
}

std::vector<std::string> DeliveryLines(const json& deliveries) {
  std::vector<std::string> lines;
  for (const json& target : deliveries["targets"]) {
    const std::string name = target["target"];
    if (target["pending"] != 0) {
      std::string line = fmt::format("           {}: {} pending", name, target["pending"].dump());
      if (const json* oldest = FirstOf(deliveries["pending"], name)) {
        line += fmt::format("; {}, ", EventText(*oldest));
        line += (*oldest)["tries"] == 0
                    ? std::string("not tried yet")
                    : fmt::format("tried {} times, next try {}: {}", (*oldest)["tries"].dump(),
                                  (*oldest)["next_try"].get<std::string>(),
                                  (*oldest)["error"].get<std::string>());
      }
      lines.push_back(EscapeControl(line));
    }
    if (target["given_up"] != 0) {
      std::string line = fmt::format("           {}: {} given up", name, target["given_up"].dump());
      if (const json* newest = FirstOf(deliveries["given_up"], name)) {
        line += fmt::format("; {} after {} tries: {}", EventText(*newest),
                            (*newest)["tries"].dump(), (*newest)["error"].get<std::string>());
      }
      lines.push_back(EscapeControl(line));
    }
  }
  return lines;
}
}  // namespace weirhouse::command

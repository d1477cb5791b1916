// The state of the outbox, for people.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ground/catalog/outbox.h"
#include "work/events/courier.h"
#include "work/events/subscriber.h"

namespace weirhouse::work {
namespace {
constexpr std::int64_t kListedMax = 100;
constexpr std::int64_t kRecentMax = 20;
constexpr std::int64_t kUnroutedMax = 1000;

using Names = std::map<std::string, std::string>;  // target's id → its name for people

std::string NameOf(const Names& names, const std::string& id) {
  const auto known = names.find(id);
  return known != names.end() ? known->second : "a command that the project no longer has";
}

Result<std::vector<DeliveryStory>> Tell(catalog::Outbox& catalog,
                                        const std::vector<catalog::Delivery>& deliveries,
                                        const Names& names) {
  std::vector<DeliveryStory> stories;
  for (const catalog::Delivery& delivery : deliveries) {
    WEIRHOUSE_TRY(const auto event, catalog.FindEvent(delivery.event));
    DeliveryStory story;
    story.event = delivery.event;
    if (event) story.type = event->type;
    if (event) story.subject = event->subject;
    story.target = NameOf(names, delivery.target);
    story.state = delivery.state;
    story.tries = delivery.tries;
    if (delivery.state == "pending" && delivery.tries > 0)
      story.next_try = FormatTime(delivery.next_try);
    story.error = delivery.error;
    stories.push_back(std::move(story));
  }
  return stories;
}
}  // namespace

Result<OutboxStory> ReadOutboxStory(Workspace& workspace) {
  catalog::Catalog& catalog = workspace.catalog();
  const std::vector<Subscriber> targets = MakeSubscribers(workspace.project());
  Names names;
  std::map<std::string, TargetStory> by_target;
  for (const Subscriber& target : targets) {
    names[target.id] = target.name;
    by_target[target.id].target = target.name;
  }
  WEIRHOUSE_TRY(const auto counts, catalog.OpenDeliveries());
  for (const catalog::Catalog::TargetCount& count : counts) {
    TargetStory& story = by_target[count.target];
    story.target = NameOf(names, count.target);
    (count.state == "pending" ? story.pending : story.given_up) = count.deliveries;
  }
  WEIRHOUSE_TRY(auto pending, catalog.Deliveries("pending", /*newest_first=*/false, kListedMax));
  WEIRHOUSE_TRY(const auto unrouted, catalog.PendingEvents(kUnroutedMax));
  for (const catalog::OutboxEvent& event : unrouted) {
    for (const Subscriber& target : targets) {
      if (!Wants(target, event)) continue;
      ++by_target[target.id].pending;
      if (pending.size() >= static_cast<std::size_t>(kListedMax)) continue;
      catalog::Delivery delivery;
      delivery.event = event.id;
      delivery.target = target.id;
      pending.push_back(std::move(delivery));
    }
  }
  WEIRHOUSE_TRY(const auto given_up, catalog.Deliveries("given_up", true, kListedMax));
  WEIRHOUSE_TRY(const auto recent, catalog.Deliveries("", true, kRecentMax));
  OutboxStory story;
  WEIRHOUSE_TRY(story.pending, Tell(catalog, pending, names));
  WEIRHOUSE_TRY(story.given_up, Tell(catalog, given_up, names));
  WEIRHOUSE_TRY(story.recent, Tell(catalog, recent, names));
  for (const Subscriber& target : targets) {
    story.targets.push_back(std::move(by_target[target.id]));
    by_target.erase(target.id);
  }
  for (auto& [id, left] : by_target) story.targets.push_back(std::move(left));
  return story;
}
}  // namespace weirhouse::work

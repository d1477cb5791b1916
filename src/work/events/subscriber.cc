#include "work/events/subscriber.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "ground/base/digest.h"
#include "ground/base/text.h"
#include "work/project/event/event_type.h"

namespace weirhouse::work {
namespace {
constexpr std::int64_t kEventsAtOnce = 256;
constexpr std::size_t kIdDigits = 16;

// "quarantine_rate > 1%" against the event's counts.
bool ExceedsQuarantineRate(const std::string& condition, const catalog::OutboxEvent& event) {
  const auto sign = condition.find('>');
  if (sign == std::string::npos) return false;
  const double percent = std::strtod(condition.c_str() + sign + 1, nullptr);
  const double records = event.data.value("records", 0.0);
  const double quarantined = event.data.value("quarantined", 0.0);
  return records > 0 && quarantined * 100 > percent * records;
}

bool Matches(const Alert& alert, const catalog::OutboxEvent& event) {
  return std::any_of(alert.when.begin(), alert.when.end(), [&](const std::string& when) {
    const std::string_view word = std::string_view(when).substr(0, when.find_first_of(" >"));
    const std::optional<EventKind> kind = KindWaitedFor(AlertConditions(), word);
    if (!kind || event.type != TypeOf(*kind).type) return false;
    return *kind != EventKind::kRecordQuarantined || ExceedsQuarantineRate(when, event);
  });
}

bool Matches(const Notify& notify, const catalog::OutboxEvent& event) {
  const std::optional<EventKind> kind = KindWaitedFor(NotifyConditions(), notify.when);
  return kind && event.type == TypeOf(*kind).type &&
         (notify.table.empty() || notify.table == event.subject);
}

std::string IdOf(const std::vector<std::string>& argv) {
  return Sha256OfPieces(argv).ToHex().substr(0, kIdDigits);
}

Subscriber& SubscriberFor(std::vector<Subscriber>& targets, const std::vector<std::string>& argv,
                          std::string name) {
  const std::string id = IdOf(argv);
  for (Subscriber& target : targets) {
    if (target.id == id) return target;
  }
  return targets.emplace_back(Subscriber{id, std::move(name), argv, {}, {}});
}

std::vector<catalog::Delivery> OwedOf(const catalog::OutboxEvent& event,
                                      const std::vector<Subscriber>& targets) {
  std::vector<catalog::Delivery> owed;
  for (const Subscriber& target : targets) {
    if (!Wants(target, event)) continue;
    catalog::Delivery delivery;
    delivery.event = event.id;
    delivery.target = target.id;
    owed.push_back(std::move(delivery));
  }
  return owed;
}
}  // namespace

std::vector<Subscriber> MakeSubscribers(const ProjectDefinition& project) {
  std::vector<Subscriber> targets;
  int number = 0;
  for (const Alert& alert : project.alerts) {
    ++number;
    if (alert.command.empty()) continue;
    SubscriberFor(targets, alert.command,
                  fmt::format("alert {} ({})", number, Join(alert.when, ", ")))
        .alerts.push_back(alert);
  }
  number = 0;
  for (const Notify& notify : project.notify) {
    ++number;
    if (notify.command.empty()) continue;
    const std::string of = notify.table.empty() ? "" : " of " + notify.table;
    SubscriberFor(targets, notify.command, fmt::format("notify {} ({}{})", number, notify.when, of))
        .notifies.push_back(notify);
  }
  return targets;
}

bool Wants(const Subscriber& target, const catalog::OutboxEvent& event) {
  const auto matches = [&](const auto& rule) { return Matches(rule, event); };
  return std::any_of(target.alerts.begin(), target.alerts.end(), matches) ||
         std::any_of(target.notifies.begin(), target.notifies.end(), matches);
}

std::string MakeCloudEvent(const ProjectDefinition& project, const catalog::OutboxEvent& event) {
  nlohmann::json data = event.data;
  data["seq"] = event.seq.value();
  const nlohmann::json document = {{"specversion", "1.0"},
                                   {"id", fmt::format("{}", event.id)},
                                   {"source", "weirhouse:" + project.name},
                                   {"type", event.type},
                                   {"subject", event.subject},
                                   {"datacontenttype", "application/json"},
                                   {"data", std::move(data)}};
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Result<std::size_t> RouteOutbox(Workspace& workspace, const std::vector<Subscriber>& targets) {
  std::size_t routed = 0;
  while (true) {
    WEIRHOUSE_TRY(const std::vector<catalog::OutboxEvent> events,
                  workspace.catalog().PendingEvents(kEventsAtOnce));
    if (events.empty()) return routed;
    std::vector<catalog::Delivery> owed;
    for (const catalog::OutboxEvent& event : events) {
      std::vector<catalog::Delivery> some = OwedOf(event, targets);
      std::move(some.begin(), some.end(), std::back_inserter(owed));
    }
    WEIRHOUSE_TRY_STATUS(workspace.catalog().RouteEvents(events.back().id, owed));
    routed += events.size();
  }
}

Status RouteAnew(Workspace& workspace, const std::vector<Subscriber>& targets) {
  catalog::Catalog& catalog = workspace.catalog();
  WEIRHOUSE_TRY(const std::vector<std::string> waiting, catalog.WaitingTargets());
  for (const std::string& id : waiting) {
    const bool known = std::any_of(targets.begin(), targets.end(),
                                   [&](const Subscriber& target) { return target.id == id; });
    while (!known) {
      WEIRHOUSE_TRY(std::optional<catalog::Delivery> delivery,
                    catalog.DueDelivery(id, ProcessTime::max(), std::chrono::microseconds(0)));
      if (!delivery) break;
      WEIRHOUSE_TRY(const auto event, catalog.FindEvent(delivery->event));
      if (event) WEIRHOUSE_TRY_STATUS(catalog.RouteEvents(0, OwedOf(*event, targets)));
      delivery->state = "dropped";
      delivery->error = "the project no longer has this command";
      WEIRHOUSE_TRY_STATUS(catalog.NoteDelivery(*delivery));
    }
  }
  return Status();
}
}  // namespace weirhouse::work

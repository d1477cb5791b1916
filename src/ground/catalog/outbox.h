// The part of the catalog that records which events are owed to which targets. Commit writes
// events; dispatch is at-least-once, see work/events/courier.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/record.h"

namespace weirhouse::catalog {

// Threads: any. Errors: kUnavailable, kCorruption, and those that a function names.
class Outbox {
 public:
  virtual ~Outbox() = default;
  // Events that are not yet routed to targets, oldest first.
  virtual Result<std::vector<OutboxEvent>> PendingEvents(std::int64_t limit) = 0;
  // Records the deliveries owed for the pending events up to `last`, in one transaction; an event
  // without deliveries is done. Existing deliveries stay as they are.
  virtual Status RouteEvents(std::int64_t last, const std::vector<Delivery>& owed) = 0;
  virtual Result<std::optional<OutboxEvent>> FindEvent(std::int64_t id) = 0;
  // The oldest pending delivery to `target` that may be tried now. Its time has come, or lies
  // further ahead than `longest_wait`, which happens only if a clock was set back.
  virtual Result<std::optional<Delivery>> DueDelivery(const std::string& target, ProcessTime now,
                                                      std::chrono::microseconds longest_wait) = 0;
  // The time of the next try; absent if nothing is pending.
  virtual Result<std::optional<ProcessTime>> NextTry(const std::string& target) = 0;
  // Records the result of a try, or that there will be no more. An event is done once none of its
  // deliveries is pending. kNotFound (WH7086): there is no such delivery.
  virtual Status NoteDelivery(const Delivery& delivery) = 0;
  // The targets with pending deliveries.
  virtual Result<std::vector<std::string>> WaitingTargets() = 0;
  struct TargetCount {
    std::string target;
    std::string state;
    std::int64_t deliveries = 0;
  };
  // The number of pending and of given-up deliveries by target. Cost: O(those).
  virtual Result<std::vector<TargetCount>> OpenDeliveries() = 0;
  // The deliveries in `state` (empty: any), oldest first, or newest first.
  virtual Result<std::vector<Delivery>> Deliveries(std::string_view state, bool newest_first,
                                                   std::int64_t limit) = 0;
  // The number of events in each state (pending, sent, dead).
  virtual Result<std::vector<std::pair<std::string, std::int64_t>>> EventCounts() = 0;
};
}  // namespace weirhouse::catalog

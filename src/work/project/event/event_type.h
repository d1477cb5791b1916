// The events: when each happens, what it contains, and which rules of a project receive it. Events
// are made with MakeEvent, so that none differs from this table (and from docs/reference/events.md,
// which a test compares with it).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ground/catalog/record.h"

namespace weirhouse::work {

enum class EventKind : std::uint8_t {
  kObjectArrived,
  kObjectRestored,
  kRecordQuarantined,
  kTableCommitted,
  kRunFinished,
  kGateFailed,
  kGateRecovered,
  kModelTrained,
  kModelDeployed,
};

// A member of `data`. In addition, `seq` names the commit in which the event happened.
struct EventField {
  std::string_view name;
  std::string_view meaning;
  bool always = true;
};
struct EventType {
  EventKind kind;
  std::string_view type;     // of the CloudEvent: "weirhouse.table.committed"
  std::string_view when;     // when it happens
  std::string_view subject;  // what it is about
  std::span<const EventField> data;
};
std::span<const EventType> EventTypes();
const EventType& TypeOf(EventKind kind);

// Makes the event, to be committed with the change that it reports. WEIRHOUSE_CHECK: `data` is an
// object with all members that the table marks as always present, and no other members.
catalog::OutboxEvent MakeEvent(EventKind kind, std::string subject, nlohmann::json data);

// A condition that a rule of a project may name.
struct EventCondition {
  std::string_view word;  // of `when`
  EventKind kind;
};
// For alerts: gate_failed, gate_recovered, and quarantine_rate followed by a limit.
std::span<const EventCondition> AlertConditions();
// For notify rules: table_committed, run_finished.
std::span<const EventCondition> NotifyConditions();
// The event that `word` names, or nothing.
std::optional<EventKind> KindWaitedFor(std::span<const EventCondition> conditions,
                                       std::string_view word);
}  // namespace weirhouse::work

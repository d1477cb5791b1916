// Which events there are: when each happens, what it says, and which rules of a project hear of it.
// Who emits one does so with MakeEvent, so no event says other things than this table (and
// docs/reference/events.md, which a test compares with it).
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

// A member of `data`. Besides, `seq` says in which commit it happened.
struct EventField {
  std::string_view name;
  std::string_view meaning;
  bool always = true;
};
struct EventType {
  EventKind kind;
  std::string_view type;     // of the CloudEvent: "weirhouse.table.committed"
  std::string_view when;     // it happens
  std::string_view subject;  // what it is about
  std::span<const EventField> data;
};
std::span<const EventType> EventTypes();
const EventType& TypeOf(EventKind kind);

// The event, to be committed with what it tells. WEIRHOUSE_CHECK: `data` is an object with all that
// the table says is always there, and nothing that it does not name.
catalog::OutboxEvent MakeEvent(EventKind kind, std::string subject, nlohmann::json data);

// What a rule of a project may wait for.
struct EventCondition {
  std::string_view word;  // of `when`
  EventKind kind;
};
// Of an alert: gate_failed, gate_recovered, and quarantine_rate, which a limit follows.
std::span<const EventCondition> AlertConditions();
// Of a notify rule: table_committed, run_finished.
std::span<const EventCondition> NotifyConditions();
// The event that `word` waits for, or nothing.
std::optional<EventKind> KindWaitedFor(std::span<const EventCondition> conditions,
                                       std::string_view word);
}  // namespace weirhouse::work

#include "work/project/event/event_type.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "ground/base/status.h"

namespace weirhouse::work {
namespace {
constexpr EventField kArrivedData[] = {{"source", "the source"},
                                       {"name", "the file's name"},
                                       {"sha256", "of its bytes"},
                                       {"records", "how many records it holds"},
                                       {"state", "stored, duplicate, or quarantined (all of it)"}};
constexpr EventField kRestoredData[] = {{"source", "the source"},
                                        {"name", "the file's name"},
                                        {"sha256", "of its bytes"},
                                        {"path", "of the raw object that is whole again"},
                                        {"was", "what was wrong with it"}};
constexpr EventField kQuarantinedData[] = {{"source", "the source"},
                                           {"batch", "the batch"},
                                           {"records", "how many records arrived"},
                                           {"quarantined", "how many of them are in quarantine"},
                                           {"object", "the file, if all of it was refused", false},
                                           {"reason", "why it was", false}};
constexpr EventField kCommittedData[] = {{"table", "the table"},
                                         {"batch",
                                          "the batch, `A..B` for features of several in a "
                                          "backfill; empty for a commit of another engine"},
                                         {"rows_added", "how many rows came"},
                                         {"run", "the run", false},
                                         {"by", "who committed, of another engine", false},
                                         {"engine", "which one", false},
                                         {"operation", "append, overwrite, …", false}};
constexpr EventField kFinishedData[] = {
    {"run", "the run"},     {"kind", "its kind"},      {"name", "its name"},
    {"batch", "its batch"}, {"state", "how it ended"}, {"tables", "the tables that moved"}};
constexpr EventField kGateData[] = {{"gate", "the gate"},
                                    {"table", "its table"},
                                    {"batch", "the batch; null where time ran out"},
                                    {"run", "the run; null where time ran out"},
                                    {"owner", "of the gate"},
                                    {"state", "what the gate is now"},
                                    {"reasons", "in one line"},
                                    {"overdue", "true: no batch came in time", false}};
constexpr EventField kTrainedData[] = {
    {"model", "the model"}, {"digest", "of its artifacts"}, {"metrics", "as train.py gave them"}};
constexpr EventField kDeployedData[] = {{"model", "the model"}, {"deployment", "the deployment"}};

constexpr EventType kEventTypes[] = {
    {EventKind::kObjectArrived, "weirhouse.object.arrived", "a landed file became a raw object",
     "source/file", kArrivedData},
    {EventKind::kObjectRestored, "weirhouse.object.restored",
     "a raw object that was missing or damaged is whole again", "source/file", kRestoredData},
    {EventKind::kRecordQuarantined, "weirhouse.record.quarantined",
     "records of a batch went to quarantine", "source", kQuarantinedData},
    {EventKind::kTableCommitted, "weirhouse.table.committed", "a table moved on", "table",
     kCommittedData},
    {EventKind::kRunFinished, "weirhouse.run.finished",
     "a run ended, where a notify rule waits for it; not of predictions", "run", kFinishedData},
    {EventKind::kGateFailed, "weirhouse.gate.failed",
     "a gate or a contract halted a batch, or a batch is overdue", "gate", kGateData},
    {EventKind::kGateRecovered, "weirhouse.gate.recovered", "what was overdue is no longer so",
     "gate", kGateData},
    {EventKind::kModelTrained, "weirhouse.model.trained", "a model was trained", "model",
     kTrainedData},
    {EventKind::kModelDeployed, "weirhouse.model.deployed", "a model answers from now on", "model",
     kDeployedData}};

constexpr EventCondition kAlertConditions[] = {{"gate_failed", EventKind::kGateFailed},
                                               {"gate_recovered", EventKind::kGateRecovered},
                                               {"quarantine_rate", EventKind::kRecordQuarantined}};
constexpr EventCondition kNotifyConditions[] = {{"table_committed", EventKind::kTableCommitted},
                                                {"run_finished", EventKind::kRunFinished}};
}  // namespace

std::span<const EventType> EventTypes() { return kEventTypes; }

const EventType& TypeOf(EventKind kind) {
  return *std::ranges::find(kEventTypes, kind, &EventType::kind);
}

catalog::OutboxEvent MakeEvent(EventKind kind, std::string subject, nlohmann::json data) {
  const EventType& type = TypeOf(kind);
  WEIRHOUSE_CHECK(data.is_object());
  std::size_t known = 0;
  for (const EventField& field : type.data) {
    const bool there = data.contains(field.name);
    WEIRHOUSE_CHECK(there || !field.always);
    known += there ? 1 : 0;
  }
  WEIRHOUSE_CHECK(known == data.size());
  catalog::OutboxEvent event;
  event.type = std::string(type.type);
  event.subject = std::move(subject);
  event.data = std::move(data);
  return event;
}

std::span<const EventCondition> AlertConditions() { return kAlertConditions; }
std::span<const EventCondition> NotifyConditions() { return kNotifyConditions; }

std::optional<EventKind> KindWaitedFor(std::span<const EventCondition> conditions,
                                       std::string_view word) {
  const auto found = std::ranges::find(conditions, word, &EventCondition::word);
  if (found == conditions.end()) return std::nullopt;
  return found->kind;
}
}  // namespace weirhouse::work

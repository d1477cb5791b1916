// The status as JSON.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "ground/base/text.h"
#include "work/answers/status_answer.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

constexpr std::size_t kRefusedListed = 100;

json TextOrNull(const std::string& text) { return text.empty() ? json() : json(text); }
json TextOrNull(const std::optional<std::string>& text) { return text ? json(*text) : json(); }

json DeliveriesAsJson(const std::vector<work::DeliveryStory>& stories) {
  json list = json::array();
  for (const work::DeliveryStory& story : stories) {
    list.push_back({{"event", story.event},
                    {"type", story.type},
                    {"subject", story.subject},
                    {"target", story.target},
                    {"state", story.state},
                    {"tries", story.tries},
                    {"next_try", TextOrNull(story.next_try)},
                    {"error", TextOrNull(story.error)}});
  }
  return list;
}

json WaitingAsJson(const Waiting& waiting) {
  if (!waiting.refused.empty()) return {{"refused", waiting.refused}};
  return {{"objects", waiting.objects},
          {"batches", waiting.batches},
          {"in_topics", waiting.in_topics},
          {"changes", waiting.changes},
          {"being_written", waiting.being_written},
          {"behind_halted", ToJson(waiting.behind_halted)},
          {"views", waiting.views},
          {"untaken_files", waiting.untaken_files},
          {"missing_folders", waiting.missing_folders}};
}

json TablesAsJson(const std::vector<TableRow>& tables) {
  json list = json::array();
  for (const TableRow& row : tables)
    list.push_back({{"table", row.table}, {"rows", row.rows}, {"commit", CommitText(row.commit)}});
  return list;
}

json HaltedAsJson(const std::vector<HaltedRun>& halted) {
  json list = json::array();
  for (const HaltedRun& run : halted)
    list.push_back({{"run", ToString(run.run)}, {"batch", run.batch}, {"message", run.message}});
  return list;
}

json UpkeepAsJson(const work::UpkeepDebt& debt) {
  json tables = json::array();
  for (const work::TableDebt& one : debt.tables)
    tables.push_back({{"table", one.table}, {"changes", one.changes}, {"due", one.due}});
  json failed = json::array();
  for (const auto& [table, error] : debt.failed)
    failed.push_back({{"table", table}, {"error", error}});
  json last;
  if (debt.last)
    last = {{"table", debt.last_table},
            {"at", FormatTime(EventTimeOfMicros(Micros(debt.last->at)))},
            {"did", std::string(Trim(debt.last->told))}};
  return {{"by_itself", debt.by_itself},           {"tables", std::move(tables)},
          {"released_files", debt.released_files}, {"removable_files", debt.removable_files},
          {"failed", std::move(failed)},           {"last", std::move(last)}};
}

json GateStatesAsJson(const std::vector<GateState>& gates) {
  json list = json::array();
  for (const GateState& gate : gates) {
    list.push_back({{"gate", gate.gate},
                    {"table", gate.table},
                    {"state", TextOrNull(gate.state)},
                    {"batch", TextOrNull(gate.batch)}});
  }
  return list;
}
}  // namespace

json ToJson(const work::OutboxStory& outbox) {
  json targets = json::array();
  for (const work::TargetStory& target : outbox.targets) {
    targets.push_back(
        {{"target", target.target}, {"pending", target.pending}, {"given_up", target.given_up}});
  }
  return {{"targets", std::move(targets)},
          {"pending", DeliveriesAsJson(outbox.pending)},
          {"given_up", DeliveriesAsJson(outbox.given_up)},
          {"recent", DeliveriesAsJson(outbox.recent)}};
}

json ToJson(const std::vector<work::OverdueCheck>& overdue) {
  json list = json::array();
  for (const work::OverdueCheck& check : overdue) {
    list.push_back({{"gate", check.gate},
                    {"table", check.table},
                    {"owner", TextOrNull(check.owner)},
                    {"check", check.check},
                    {"state", check.warns ? "warned" : "failed"},
                    {"newest", FormatTime(check.newest)},
                    {"since", FormatTime(check.since)},
                    {"max", check.max_text}});
  }
  return list;
}

json ToJson(const std::optional<work::BehindHalt>& behind) {
  if (!behind) return json();
  return {{"run", ToString(behind->run)}, {"records", behind->records}};
}

json ToJson(const StatusAnswer& answer) {
  const auto listed = static_cast<std::ptrdiff_t>(std::min(kRefusedListed, answer.refused.size()));
  json document = {
      {"project", answer.project},
      {"profile", answer.profile},
      {"commit", answer.commit.value()},
      {"now", answer.now == EventTime::min() ? json() : json(FormatTime(answer.now))},
      {"clock", answer.replay_clock ? "replay" : "wall"},
      {"objects", answer.objects},
      {"records", answer.records},
      {"states", answer.states},
      {"waiting_records", answer.waiting_records},
      {"adds_up", answer.adds_up()},
      {"quarantined", answer.quarantined},
      {"refused_objects", answer.refused.size()},
      {"refused", std::vector(answer.refused.begin(), answer.refused.begin() + listed)},
      {"tables", TablesAsJson(answer.tables)},
      {"runs", answer.runs},
      {"runs_given_up", answer.runs_given_up},
      {"halted", HaltedAsJson(answer.halted)},
      {"events", answer.events},
      {"deliveries", ToJson(answer.deliveries)},
      {"notes", answer.notes},
      {"overdue", ToJson(answer.overdue)},
      {"gates", GateStatesAsJson(answer.gates)},
      {"upkeep", UpkeepAsJson(answer.upkeep)},
      {"waiting", WaitingAsJson(answer.waiting)}};
  if (answer.clock_went_back) document["clock_went_back"] = *answer.clock_went_back;
  return document;
}
}  // namespace weirhouse::answers

// Checks on time: a gate is judged when rows arrive, so what it says about time (`freshness`,
// `arrives`) is also checked against the project's clock, whenever the pipeline runs.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/pipeline.h"
#include "work/project/event/event_type.h"
#include "work/workspace/publication.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

constexpr std::string_view kByClock = "clock";
// Late batches of old days may come after the newest one: this many verdicts that call a check
// overdue are believed only when all have been read.
constexpr std::int64_t kVerdictsRead = 32;

// A check of a gate that concerns time.
struct TimedCheck {
  const gate::Check* check;
  std::int64_t max_us;
  std::string max_text;
};

std::vector<TimedCheck> TimedChecks(const gate::GateDefinition& gate) {
  std::vector<TimedCheck> timed;
  for (const gate::Check& check : gate.checks) {
    if (!check.time_limit) continue;
    timed.push_back({&check, check.time_limit->max_us, check.time_limit->text});
  }
  return timed;
}

bool IsByClock(const catalog::VerdictRecord& verdict) {
  return verdict.checks.is_array() && !verdict.checks.empty() &&
         verdict.checks[0].value("by", "") == kByClock;
}
bool IsPublished(const catalog::VerdictRecord& verdict) {
  if (!verdict.override_reason.empty()) return true;
  return gate::Publishes(verdict.state);
}

// What the published verdicts of a gate say about one check.
struct Seen {
  std::optional<std::int64_t> newest_us;
  std::optional<std::int64_t> judged_us;  // when the last of them was judged
  bool was_bad = false;                   // and whether it found it overdue
};
Seen SeenBy(const std::vector<catalog::VerdictRecord>& verdicts, const std::string& name) {
  Seen seen;
  for (const catalog::VerdictRecord& verdict : verdicts) {  // newest first
    if (IsByClock(verdict) || !IsPublished(verdict)) continue;
    for (const json& check : verdict.checks) {
      if (check.value("name", "") != name || !check.contains("observed")) continue;
      const json& observed = check["observed"];
      if (!observed.is_object() || !observed.contains("newest") || !observed.contains("now")) {
        continue;
      }
      const auto newest = ParseTimeMicros(observed["newest"].get<std::string>());
      const auto now = ParseTimeMicros(observed["now"].get<std::string>());
      if (!newest.ok() || !now.ok()) continue;
      if (!seen.newest_us) {
        const std::string state = check.value("state", "");
        seen.was_bad = state == "failed" || state == "warned";
      }
      seen.newest_us = std::max(seen.newest_us.value_or(*newest), *newest);
      seen.judged_us = std::max(seen.judged_us.value_or(*now), *now);
    }
  }
  return seen;
}

std::string StoryOf(const OverdueCheck& overdue) {
  return fmt::format("gate {} on {}: {} is overdue since {}: the newest is of {} (limit {})",
                     overdue.gate, overdue.table, overdue.check, FormatTime(overdue.since),
                     FormatTime(overdue.newest), overdue.max_text);
}

// The result of checking one gate.
struct GateLook {
  std::vector<OverdueCheck> overdue;
  std::set<std::string> told_by_batch;  // checks that the last batch's own verdict reported already
  bool judged = false;                  // by at least one batch
};

// When the check is due; absent if that is beyond the largest time.
std::optional<std::int64_t> DueOf(const Seen& seen, const TimedCheck& at) {
  std::int64_t due_us = 0;
  if (!seen.newest_us || __builtin_add_overflow(*seen.newest_us, at.max_us, &due_us))
    return std::nullopt;
  return due_us;
}

// The verdicts of a gate, newest first: as many as decide whether anything is overdue.
Result<std::vector<catalog::VerdictRecord>> VerdictsThatTell(catalog::Catalog& catalog,
                                                             const gate::GateDefinition& gate,
                                                             EventTime now) {
  WEIRHOUSE_TRY(std::vector<catalog::VerdictRecord> verdicts,
                catalog.Verdicts({gate.name, std::nullopt, kVerdictsRead}));
  if (verdicts.size() < kVerdictsRead) return verdicts;
  for (const TimedCheck& at : TimedChecks(gate)) {
    const Seen seen = SeenBy(verdicts, at.check->name);
    const std::optional<std::int64_t> due_us = DueOf(seen, at);
    if (seen.newest_us && (!due_us || Micros(now) <= *due_us)) continue;
    return catalog.Verdicts({gate.name});
  }
  return verdicts;
}

Result<GateLook> LookAt(Workspace& workspace, const gate::GateDefinition& gate, EventTime now) {
  GateLook look;
  const std::vector<TimedCheck> timed = TimedChecks(gate);
  WEIRHOUSE_TRY(const std::vector<catalog::VerdictRecord> verdicts,
                VerdictsThatTell(workspace.catalog(), gate, now));
  for (const TimedCheck& at : timed) {
    const Seen seen = SeenBy(verdicts, at.check->name);
    if (!seen.newest_us) continue;
    look.judged = true;
    const std::optional<std::int64_t> due_us = DueOf(seen, at);
    if (!due_us || Micros(now) <= *due_us) continue;
    if (seen.was_bad) look.told_by_batch.insert(at.check->name);
    // The batch was judged at this very time, and its verdict counts.
    if (Micros(now) <= *seen.judged_us) continue;
    OverdueCheck overdue;
    overdue.gate = gate.name;
    overdue.table = gate.table;
    overdue.owner = gate.owner;
    overdue.check = at.check->name;
    overdue.kind = at.check->kind;
    overdue.warns = at.check->severity == gate::Severity::kWarn;
    overdue.newest = EventTimeOfMicros(*seen.newest_us);
    overdue.since = EventTimeOfMicros(*due_us);
    overdue.now = now;
    overdue.max_text = at.max_text;
    overdue.story = StoryOf(overdue);
    look.overdue.push_back(std::move(overdue));
  }
  return look;
}

// The gates with checks on time that this profile judges.
std::vector<gate::GateDefinition> TimedGates(const ProjectDefinition& project) {
  std::vector<gate::GateDefinition> gates;
  for (const gate::GateDefinition& gate : project.gates) {
    gate::GateDefinition judged = WithoutSkipped(gate, project.profile);
    if (!TimedChecks(judged).empty()) gates.push_back(std::move(judged));
  }
  return gates;
}

// The checks that were overdue when the owner was last told, by name.
Result<std::set<std::string>> FindToldChecks(Workspace& workspace, const std::string& gate) {
  WEIRHOUSE_TRY(const std::optional<json> stored,
                catalog::setting::Watch(gate).In(workspace.catalog()));
  std::set<std::string> told;
  if (!stored || !stored->is_object()) return told;
  for (const auto& [name, since] : stored->items()) told.insert(name);
  return told;
}

catalog::VerdictRecord VerdictOf(const gate::GateDefinition& gate, const GateLook& look,
                                 const std::set<std::string>& recovered, EventTime now) {
  catalog::VerdictRecord verdict;
  verdict.gate = gate.name;
  verdict.table = gate.table;
  verdict.batch = "overdue";
  verdict.batch_end = now;
  verdict.checks = json::array();
  bool failed = false;
  for (const OverdueCheck& overdue : look.overdue) {
    failed = failed || !overdue.warns;
    verdict.checks.push_back({{"name", overdue.check},
                              {"kind", overdue.kind},
                              {"state", overdue.warns ? "warned" : "failed"},
                              {"severity", overdue.warns ? "warn" : "error"},
                              {"by", kByClock},
                              {"population", 0},
                              {"bad", 0},
                              {"observed",
                               {{"newest", FormatTime(overdue.newest)},
                                {"age_us", Micros(now) - Micros(overdue.newest)},
                                {"now", FormatTime(now)}}},
                              {"bound", overdue.max_text},
                              {"reason", overdue.story}});
  }
  for (const std::string& name : recovered) {
    verdict.checks.push_back({{"name", name},
                              {"state", "passed"},
                              {"by", kByClock},
                              {"reason", name + " is no longer overdue"}});
  }
  using State = catalog::VerdictState;
  verdict.state = failed ? State::kFailed : look.overdue.empty() ? State::kPassed : State::kWarned;
  return verdict;
}

// The `data` of an event about a gate for which nothing came in time.
json OverdueData(const gate::GateDefinition& gate, catalog::VerdictState state,
                 const std::string& reasons) {
  return {{"gate", gate.name},   {"table", gate.table}, {"batch", nullptr}, {"run", nullptr},
          {"owner", gate.owner}, {"state", state},      {"overdue", true},  {"reasons", reasons}};
}

// Tells the owner what changed since the last time.
Status TellChange(Workspace& workspace, const gate::GateDefinition& gate, const GateLook& look,
                  const std::set<std::string>& told, EventTime now) {
  json answer = json::object();
  std::string fresh;
  bool fresh_fails = false;
  for (const OverdueCheck& overdue : look.overdue) {
    answer[overdue.check] = FormatTime(overdue.since);
    if (told.contains(overdue.check) || look.told_by_batch.contains(overdue.check)) continue;
    fresh += (fresh.empty() ? "" : "; ") + overdue.story;
    fresh_fails = fresh_fails || !overdue.warns;
  }
  std::set<std::string> recovered;
  std::string back;
  for (const std::string& name : told) {
    if (answer.contains(name)) continue;
    recovered.insert(name);
    back += fmt::format("{}{} is no longer overdue", back.empty() ? "" : "; ", name);
  }
  if (fresh.empty() && recovered.empty()) return Status();
  StepInputs step;
  step.kind = catalog::RunKind::kWatch;
  step.name = gate.name;
  step.inputs = {{"overdue", answer}, {"id", workspace.random().Uuid4()}};
  Publication publication(workspace, PlanOf(step), catalog::Layer::kMaintenance, gate.name);
  catalog::CommitRequest& request = publication.request();
  request.verdicts.push_back(VerdictOf(gate, look, recovered, now));
  if (gate.on_fail.alert && fresh_fails)
    request.events.push_back(MakeEvent(EventKind::kGateFailed, gate.name,
                                       OverdueData(gate, catalog::VerdictState::kFailed, fresh)));
  if (gate.on_fail.alert && !recovered.empty()) {
    const catalog::VerdictState state = request.verdicts.back().state;
    request.events.push_back(
        MakeEvent(EventKind::kGateRecovered, gate.name, OverdueData(gate, state, back)));
  }
  request.settings.push_back(catalog::setting::Watch(gate.name).To(answer));
  WEIRHOUSE_FAILPOINT("watch.found");
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("watch.told");
  return Status();
}
}  // namespace

Result<std::vector<OverdueCheck>> FindOverdue(Workspace& workspace) {
  std::vector<OverdueCheck> all;
  const std::vector<gate::GateDefinition> gates = TimedGates(workspace.project());
  if (gates.empty()) return all;
  WEIRHOUSE_TRY(const auto halted, HaltedRun(workspace));
  WEIRHOUSE_TRY(const EventTime now, workspace.Now());
  if (halted || now == EventTime::min()) return all;
  for (const gate::GateDefinition& gate : gates) {
    WEIRHOUSE_TRY(const GateLook look, LookAt(workspace, gate, now));
    all.insert(all.end(), look.overdue.begin(), look.overdue.end());
  }
  return all;
}

Status WatchFeeds(PipelineState& state) {
  Workspace& workspace = state.workspace;
  const std::vector<gate::GateDefinition> gates = TimedGates(workspace.project());
  if (gates.empty()) return Status();
  WEIRHOUSE_TRY(const EventTime now, workspace.Now());
  if (now == EventTime::min()) return Status();
  for (const gate::GateDefinition& gate : gates) {
    WEIRHOUSE_TRY(const GateLook look, LookAt(workspace, gate, now));
    if (!look.judged) continue;
    WEIRHOUSE_TRY(const std::set<std::string> told, FindToldChecks(workspace, gate.name));
    WEIRHOUSE_TRY_STATUS(TellChange(workspace, gate, look, told, now));
    state.summary.overdue.insert(state.summary.overdue.end(), look.overdue.begin(),
                                 look.overdue.end());
  }
  return Status();
}
}  // namespace weirhouse::work

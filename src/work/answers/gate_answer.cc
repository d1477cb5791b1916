#include "work/answers/gate_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ground/base/text.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

constexpr std::int64_t kHaltedMax = 100;
constexpr std::int64_t kVerdictsOfRunMax = 1000;

json OverrideAsJson(const catalog::VerdictRecord& verdict) {
  return {{"reason", verdict.override_reason}, {"by", verdict.override_by}};
}

json VerdictAsJson(const catalog::VerdictRecord& verdict) {
  json object = {{"gate", verdict.gate},          {"table", verdict.table},
                 {"run", ToString(verdict.run)},  {"state", verdict.state},
                 {"batch", verdict.batch},        {"batch_end", FormatTime(verdict.batch_end)},
                 {"commit", verdict.seq.value()}, {"checks", verdict.checks}};
  if (!verdict.override_reason.empty()) object["override"] = OverrideAsJson(verdict);
  return object;
}
}  // namespace

bool IsTrouble(const json& check) {
  const std::string state = check.value("state", "");
  return state != "passed" && state != "skipped" && state != "warming";
}

std::string ReasonsOf(const catalog::VerdictRecord& verdict) {
  std::string reasons;
  for (const json& check : verdict.checks) {
    if (!IsTrouble(check)) continue;
    reasons += (reasons.empty() ? "" : "; ") + check.value("reason", check.value("name", ""));
  }
  return reasons;
}

Result<GatesAnswer> ListGates(work::Workspace& workspace) {
  GatesAnswer answer;
  for (const gate::GateDefinition& gate : workspace.project().gates) {
    WEIRHOUSE_TRY(const auto last, workspace.catalog().Verdicts({gate.name, std::nullopt, 1}));
    GateRow row{gate.name, gate.table, static_cast<std::int64_t>(gate.checks.size()), gate.owner,
                std::nullopt};
    if (!last.empty()) row.last = last[0];
    answer.gates.push_back(std::move(row));
  }
  WEIRHOUSE_TRY(const auto halted,
                workspace.catalog().Runs(
                    {std::nullopt, catalog::RunState::kHalted, std::nullopt, kHaltedMax}));
  for (const catalog::Run& run : halted) answer.halted.push_back({run.id, run.plan.name});
  return answer;
}

json ToJson(const GatesAnswer& answer) {
  json list = json::array();
  for (const GateRow& row : answer.gates) {
    list.push_back({{"gate", row.gate},
                    {"table", row.table},
                    {"checks", row.checks},
                    {"owner", row.owner.empty() ? json() : json(row.owner)},
                    {"last_run", row.last ? json(ToString(row.last->run)) : json()},
                    {"batch", row.last ? json(row.last->batch) : json()},
                    {"state", row.last ? json(row.last->state) : json()}});
  }
  return {{"gates", std::move(list)}};
}

Result<RunVerdictsAnswer> ReadVerdicts(work::Workspace& workspace, RunId run) {
  RunVerdictsAnswer answer;
  catalog::Catalog& catalog = workspace.catalog();
  WEIRHOUSE_TRY(answer.run, catalog.GetRun(run));
  WEIRHOUSE_TRY(answer.verdicts, catalog.Verdicts({std::nullopt, run, kVerdictsOfRunMax}));
  if (answer.verdicts.empty()) {
    return Status(Code::kNotFound,
                  fmt::format("no gate judged run {} ({} {})", ToString(run),
                              catalog::ShownName(answer.run.plan.kind), answer.run.plan.name))
        .WithError("WH8037")
        .WithHint("`wh gate history` lists the runs that were judged");
  }
  std::reverse(answer.verdicts.begin(), answer.verdicts.end());
  if (!answer.halted()) return answer;
  WEIRHOUSE_TRY(const auto story, catalog::setting::Halted(run).In(catalog));
  if (story && story->is_object()) answer.story = story->value("message", "");
  return answer;
}

json ToJson(const RunVerdictsAnswer& answer) {
  json list = json::array();
  for (const catalog::VerdictRecord& verdict : answer.verdicts)
    list.push_back(VerdictAsJson(verdict));
  return {{"run", ToString(answer.run.id)},
          {"run_state", catalog::RunStateName(answer.run.state)},
          {"verdicts", std::move(list)}};
}

Result<VerdictsAnswer> ListVerdicts(work::Workspace& workspace,
                                    const std::optional<std::string>& gate, std::int64_t limit) {
  catalog::VerdictFilter filter;
  filter.limit = limit;
  filter.gate = gate;
  VerdictsAnswer answer;
  WEIRHOUSE_TRY(answer.verdicts, workspace.catalog().Verdicts(filter));
  if (!answer.verdicts.empty() || !gate) return answer;
  std::vector<std::string> known;
  for (const gate::GateDefinition& one : workspace.project().gates) known.push_back(one.name);
  if (std::find(known.begin(), known.end(), *gate) != known.end()) return answer;
  return Status(Code::kNotFound, fmt::format("no such gate: \"{}\"", *gate))
      .WithError("WH8037")
      .WithHint(DidYouMean(*gate, known));
}

json ToJson(const VerdictsAnswer& answer) {
  json list = json::array();
  for (const catalog::VerdictRecord& verdict : answer.verdicts) {
    const std::string reasons = ReasonsOf(verdict);
    json row = {{"gate", verdict.gate},
                {"run", ToString(verdict.run)},
                {"batch", verdict.batch},
                {"state", verdict.state},
                {"reasons", reasons.empty() ? json() : json(reasons)}};
    if (!verdict.override_reason.empty()) row["override"] = OverrideAsJson(verdict);
    list.push_back(std::move(row));
  }
  return {{"verdicts", std::move(list)}};
}
}  // namespace weirhouse::answers

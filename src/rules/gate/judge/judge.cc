#include "rules/gate/judge/judge.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ground/base/text.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/judge/failing_rows.h"

namespace weirhouse::gate {
namespace {
Finding SkippedHistory(const Check& check) {
  Finding finding;
  finding.state = State::kSkipped;
  finding.reason = fmt::format("{} skipped: this profile turns history checks off", check.name);
  return finding;
}

Finding ErrorOf(const Check& check, const Status& status) {
  Finding finding;
  finding.state = State::kError;
  finding.reason = fmt::format("{} could not be judged: {}", check.name, status.message());
  finding.detail = {{"code", status.error_code()}};
  return finding;
}

// Makes the state of all rows, and its verdict.
Result<Finding> JudgeFromState(Evaluation& evaluation, const Check& check, const StateRule& rule) {
  WEIRHOUSE_TRY(const CheckState* state, evaluation.StateOf(check));
  const GateInput& input = evaluation.input();
  WEIRHOUSE_TRY(Finding finding,
                FinishCheck(*state, check, {input.batch_end, input.now, input.history}));
  if (check.scope == Scope::kTable && rule.marks_rows()) {
    WEIRHOUSE_TRY(finding.judged, evaluation.JudgedRows(check));
  }
  return finding;
}

Result<Finding> JudgeByKind(Evaluation& evaluation, const Check& check) {
  if (const auto* by_state = dynamic_cast<const StateRule*>(check.rule.get()))
    return JudgeFromState(evaluation, check, *by_state);
  if (const auto* by_rows = dynamic_cast<const RowsRule*>(check.rule.get()))
    return by_rows->Judge(evaluation, check);
  return Status(Code::kInternal, "a check without a rule");
}

Finding FindingOf(Evaluation& evaluation, const Check& check) {
  if (!evaluation.input().history_checks && check.history) return SkippedHistory(check);
  auto judged = JudgeByKind(evaluation, check);
  return judged.ok() ? std::move(judged).value() : ErrorOf(check, judged.status());
}

// Not evaluated because the window is short; other reasons do not pass with time.
bool LacksHistory(const Finding& finding) {
  return finding.state == State::kNotEvaluated && finding.detail.is_object() &&
         !finding.detail.value("evaluated", true);
}

CheckResult ResultOf(const Check& check, const Finding& finding, std::int64_t duration_us) {
  CheckResult result;
  result.name = check.name;
  result.kind = check.kind;
  result.severity = check.severity;
  result.parameters = check.parameters;
  result.state = finding.state;
  const bool stops = finding.state == State::kFailed || finding.state == State::kNotEvaluated;
  if (stops && check.severity == Severity::kWarn) result.state = State::kWarned;
  result.population = finding.population;
  result.nulls = finding.nulls;
  result.bad = finding.bad;
  result.observed = finding.observed;
  result.bound = finding.bound;
  result.reason = finding.reason;
  result.detail = finding.detail;
  result.duration_us = duration_us;
  return result;
}

State WorstOf(const std::vector<CheckResult>& checks) {
  State worst = State::kPassed;
  for (const CheckResult& check : checks) worst = std::max(worst, check.state);
  // Skipped checks alone leave a gate passed.
  return worst == State::kSkipped ? State::kPassed : worst;
}

std::string_view SeverityName(Severity severity) {
  return severity == Severity::kError ? "error" : "warn";
}
}  // namespace

GateReport JudgeGate(const GateDefinition& definition, const GateInput& input,
                     platform::SqlSession& session, Clock& clock) {
  GateReport report;
  report.gate = definition.name;
  report.table = definition.table;
  report.batch = input.batch;
  report.batch_end = input.batch_end;
  std::vector<Finding> findings;
  Evaluation evaluation(definition, input, session, clock);
  evaluation.GatherBatch();
  for (const Check& check : definition.checks) {
    const auto begin = clock.Monotonic();
    std::int64_t before_us = 0;
    if (auto ready = evaluation.TakeReady(check)) {
      before_us = ready->duration_us;
      findings.push_back(ready->finding.ok() ? std::move(ready->finding).value()
                                             : ErrorOf(check, ready->finding.status()));
    } else {
      findings.push_back(FindingOf(evaluation, check));
    }
    report.lacked_history = report.lacked_history || LacksHistory(findings.back());
    const auto duration =
        std::chrono::duration_cast<std::chrono::microseconds>(clock.Monotonic() - begin);
    report.checks.push_back(ResultOf(check, findings.back(), before_us + duration.count()));
    report.stopped = evaluation.stopped();
    if (!report.stopped.ok()) return report;
  }
  if (auto profile = evaluation.Profile(); profile.ok()) report.profile = *std::move(profile);
  GatherFailingRows(input, *evaluation.batch(), findings, report);
  report.state = WorstOf(report.checks);
  if (definition.checks.empty()) report.state = State::kError;
  return report;
}

std::string GateReport::Reasons() const {
  std::vector<std::string> reasons;
  for (const CheckResult& check : checks) {
    const bool worst = check.state == state || (state > State::kWarned && !Publishes(check.state));
    if (worst && state >= State::kWarming) reasons.push_back(check.reason);
  }
  return Join(reasons, "; ");
}

catalog::MetricRecord MakeProfileMetric(const GateReport& report, bool in_baseline) {
  catalog::MetricRecord metric =
      MakeProfileMetric(report.table, report.batch, report.batch_end, in_baseline, report.profile);
  if (report.lacked_history && report.publishes()) MarkRestart(metric.value);
  return metric;
}

catalog::VerdictRecord MakeVerdictRecord(const GateReport& report,
                                         const GateDefinition& definition) {
  catalog::VerdictRecord verdict;
  verdict.gate = report.gate;
  verdict.table = report.table;
  verdict.state = report.state;
  verdict.batch = report.batch;
  verdict.batch_end = report.batch_end;
  verdict.checks = nlohmann::json::array();
  for (const CheckResult& check : report.checks) {
    nlohmann::json json = {{"name", check.name},
                           {"kind", check.kind},
                           {"state", check.state},
                           {"severity", SeverityName(check.severity)},
                           {"parameters", check.parameters},
                           {"population", check.population},
                           {"nulls", check.nulls},
                           {"bad", check.bad},
                           {"observed", check.observed},
                           {"bound", check.bound},
                           {"reason", check.reason},
                           {"gate_digest", definition.digest.ToHex()},
                           {"duration_us", check.duration_us}};
    if (!check.detail.is_null()) json["detail"] = check.detail;
    if (!check.examples.is_null()) json["examples"] = check.examples;
    verdict.checks.push_back(std::move(json));
  }
  return verdict;
}
}  // namespace weirhouse::gate

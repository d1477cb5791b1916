// The checks that count: rows, their change, the age of the newest, what a query returns.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "ground/base/text.h"
#include "ground/base/time.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/evaluation/history_finding.h"
#include "rules/gate/history/history.h"
#include "rules/gate/value/column_values.h"
#include "rules/gate/value/wording.h"

namespace weirhouse::gate {
Result<Finding> Finish(const CheckState& state, const Check&, const RowCountRule& rule,
                       const Against&) {
  const std::int64_t count = state.rows();
  Finding finding;
  finding.population = count;
  finding.observed = count;
  finding.bound = ToJson(rule.bounds);
  if (!Holds(rule.bounds, count)) finding.state = State::kFailed;
  finding.reason = fmt::format("{} rows ({})", WithThousands(count), LimitText(rule.bounds));
  return finding;
}

Result<Finding> Finish(const CheckState& state, const Check& check, const RowCountChangeRule& rule,
                       const Against& against) {
  const std::int64_t count = state.rows();
  const WindowRuns window =
      RunsInWindow(rule.window, against.history, against.batch_end, std::max(check.warmup, 1),
                   [](const PublishedBatch&) { return true; });
  Finding finding;
  finding.population = count;
  finding.observed = {{"rows", count}};
  finding.bound = check.parameters.at("within");
  WEIRHOUSE_TRY_STATUS(NeedProfiles(window));
  if (!IsReady(check, window, rule.window, finding)) return finding;
  std::vector<std::int64_t> counts;
  for (const PublishedBatch* run : window.runs) counts.push_back(run->profile->rows);
  finding.detail = {{"reference_rows", counts}};
  std::sort(counts.begin(), counts.end());
  // Twice the median, so that it is whole.
  const std::size_t half = counts.size() / 2;
  const std::int64_t twice =
      counts.size() % 2 == 1 ? 2 * counts[half] : counts[half - 1] + counts[half];
  const double median = static_cast<double>(twice) / 2;
  finding.observed = {{"rows", count}, {"median", median}};
  if (twice == 0) {
    if (count != 0) finding.state = State::kFailed;
    finding.reason = fmt::format("{} rows where there were none", WithThousands(count));
    return finding;
  }
  __extension__ typedef __int128 Wide;
  const Wide difference = static_cast<Wide>(2) * count - twice;
  const Wide size = difference < 0 ? -difference : difference;
  if (size * rule.within.denominator > static_cast<Wide>(twice) * rule.within.numerator) {
    finding.state = State::kFailed;
  }
  finding.reason = fmt::format("rows {}", ChangeText(median, static_cast<double>(count)));
  return finding;
}

Result<Finding> Finish(const CheckState& state, const Check& check, const FreshnessRule& rule,
                       const Against& against) {
  const auto& gathered = state.As<NewestValue>();
  const Family family = gathered.family.value_or(Family::kTimestamp);
  if (family != Family::kTimestamp && family != Family::kDate) {
    return Status(Code::kInvalidInput,
                  fmt::format("freshness needs times, and \"{}\" is of type {}", rule.column,
                              FamilyName(family)))
        .WithError("WH3005");
  }
  constexpr std::int64_t kFreshDayUs = 86'400'000'000;
  Finding finding;
  const std::optional<std::int64_t> newest = gathered.newest;
  finding.nulls = gathered.nulls;
  finding.population = state.rows();
  finding.bound = check.parameters.at("max");
  if (!newest) {
    finding.state = State::kFailed;
    finding.reason = fmt::format("{} no value to judge", check.name);
    return finding;
  }
  const std::int64_t at = family == Family::kDate ? *newest * kFreshDayUs : *newest;
  const std::int64_t now = Micros(against.now);
  const std::int64_t age = now - at;
  finding.observed = {{"newest", FormatTime(at)}, {"age_us", age}, {"now", FormatTime(now)}};
  if (age < 0) {
    if (-age > rule.skew_us) finding.state = State::kFailed;
    finding.reason = fmt::format("newest {} in the future", AgeText(-age));
    return finding;
  }
  if (age > rule.max_us) finding.state = State::kFailed;
  finding.reason = fmt::format("newest {} old", AgeText(age));
  return finding;
}

Result<Finding> Finish(const CheckState& state, const Check& check, const ArrivesRule&,
                       const Against& against) {
  const std::int64_t age = Micros(against.now) - Micros(against.batch_end);
  Finding finding;
  finding.population = state.rows();
  finding.observed = {
      {"newest", FormatTime(against.batch_end)}, {"age_us", age}, {"now", FormatTime(against.now)}};
  finding.bound = check.parameters.at("every");
  finding.reason = fmt::format("{} has a batch", check.name);
  return finding;
}

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const SqlRule& rule) {
  const auto answer = evaluation.QueryOf(check, rule.query);
  if (!answer.ok()) return evaluation.Blame(check, rule.query, answer.status());
  const RowsPtr rows = *answer;
  const std::int64_t count = rows->num_rows();
  Finding finding;
  finding.population = evaluation.input().this_rows->num_rows();
  finding.observed = count;
  finding.bound = ToJson(rule.rows);
  if (!Holds(rule.rows, count)) finding.state = State::kFailed;
  if (rule.rows.max && count > *rule.rows.max) {
    finding.bad = count;
    finding.returned = rows;
  }
  finding.reason = fmt::format("{} returned {} rows ({})", check.name, WithThousands(count),
                               LimitText(rule.rows));
  return finding;
}
}  // namespace weirhouse::gate

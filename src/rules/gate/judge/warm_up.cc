#include "rules/gate/judge/warm_up.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "rules/gate/history/history.h"

namespace weirhouse::gate {
namespace {
// Whether `check` of `verdict`, the one at `index`, warmed, and by the same question as now.
bool SaysTheSame(const nlohmann::json& check, const CheckResult& now, const Digest& definition) {
  if (!check.is_object() || check.value("name", "") != now.name) return false;
  if (check.value("state", "") != catalog::Name(State::kWarming)) return false;
  if (check.value("gate_digest", "") != definition.ToHex()) return false;
  // Runs in which the column was of another type are no history.
  const nlohmann::json detail = check.value("detail", nlohmann::json());
  const auto type_of = [](const nlohmann::json& of) {
    return of.is_object() ? of.value("type", std::string()) : std::string();
  };
  return type_of(detail) == type_of(now.detail);
}

const catalog::VerdictRecord* FindEarlier(std::span<const catalog::VerdictRecord> verdicts,
                                          const GateDefinition& gate, const GateReport& report,
                                          std::size_t index, const Window& window) {
  for (const catalog::VerdictRecord& verdict : verdicts) {
    // One that a person overrode is written again with the decision, but was made before.
    if (verdict.table != report.table || !verdict.override_reason.empty()) continue;
    if (verdict.batch_end > report.batch_end || !verdict.checks.is_array()) continue;
    if (verdict.checks.size() != report.checks.size()) continue;
    if (!IsSameSlot(window, verdict.batch_end, report.batch_end)) continue;
    if (SaysTheSame(verdict.checks[index], report.checks[index], gate.digest)) return &verdict;
  }
  return nullptr;
}

EventTime Earlier(EventTime time, std::int64_t by_us) {
  std::int64_t earlier = 0;
  if (__builtin_sub_overflow(Micros(time), by_us, &earlier)) return EventTime::min();
  return EventTimeOfMicros(earlier);
}
}  // namespace

Result<EventTime> WarmUpReadsFrom(const GateDefinition& gate, const GateReport& report,
                                  std::span<const catalog::VerdictRecord> verdicts,
                                  const PublishedSince& published_since) {
  EventTime from = EventTime::max();
  for (std::size_t i = 0; i < report.checks.size() && i < gate.checks.size(); ++i) {
    if (report.checks[i].state != State::kWarming) continue;
    if (!gate.checks[i].history) continue;
    const Window& window = gate.checks[i].history->window;
    const catalog::VerdictRecord* earlier = FindEarlier(verdicts, gate, report, i, window);
    if (earlier == nullptr) return EventTime::min();
    WEIRHOUSE_TRY(const std::optional<EventTime> since, published_since(earlier->seq));
    if (!since) return EventTime::min();
    from = std::min(from, Earlier(std::min(*since, earlier->batch_end), window.span_us));
  }
  return from;
}

std::int64_t VerdictsWanted(const GateDefinition& gate) {
  std::int64_t wanted = 4;
  for (const Check& check : gate.checks) {
    if (!check.history || check.history->window.kind == Window::Kind::kSpan) continue;
    const bool weekly = check.history->window.kind == Window::Kind::kSameWeekday;
    wanted = std::max<std::int64_t>(wanted, weekly ? 16 : 64);
  }
  return wanted;
}
}  // namespace weirhouse::gate

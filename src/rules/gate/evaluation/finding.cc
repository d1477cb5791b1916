#include "rules/gate/evaluation/finding.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <utility>

#include "ground/base/text.h"
#include "rules/gate/value/wording.h"

namespace weirhouse::gate {
Finding TooFewFinding(const Check& check, std::int64_t sample, std::int64_t needed,
                      std::string reason) {
  Finding finding;
  finding.state = check.too_few == TooFew::kSkip ? State::kSkipped : State::kFailed;
  finding.detail = {{"sample", sample}, {"needed", needed}};
  finding.reason = std::move(reason);
  return finding;
}

namespace {
bool Allows(const Allowance& allowance, std::int64_t bad, std::int64_t values, std::int64_t rows) {
  if (!allowance.is_share) return bad <= allowance.count;
  __extension__ typedef __int128 WideCount;
  const std::int64_t base = allowance.of_rows ? rows : values;
  return static_cast<WideCount>(bad) * allowance.share.denominator <=
         static_cast<WideCount>(base) * allowance.share.numerator;
}
}  // namespace

Finding RowsFinding(const Check& check, std::int64_t rows, std::int64_t missing,
                    std::vector<std::int64_t> bad_rows, bool needs_value, std::string_view what) {
  const std::int64_t values = rows - missing;
  Finding finding;
  if (needs_value && values < 1) {
    finding = TooFewFinding(check, values, 1, fmt::format("{} no value to judge", check.name));
  }
  finding.population = rows;
  finding.nulls = missing;
  finding.bad = static_cast<std::int64_t>(bad_rows.size());
  finding.observed = finding.bad;
  finding.bound = check.max_bad.text;
  if (finding.state != State::kPassed || (needs_value && values < 1)) return finding;
  if (!Allows(check.max_bad, finding.bad, values, rows)) finding.state = State::kFailed;
  finding.reason = fmt::format("{} {} of {} {}", check.name, WithThousands(finding.bad),
                               WithThousands(values), what);
  if (check.max_bad.is_share) {
    finding.reason += fmt::format(", {} (limit {})",
                                  ShareText(finding.bad, check.max_bad.of_rows ? rows : values),
                                  check.max_bad.text);
  } else if (check.max_bad.count > 0) {
    finding.reason += fmt::format(" (limit {})", check.max_bad.text);
  }
  finding.bad_rows = std::move(bad_rows);
  return finding;
}

nlohmann::json JsonNumber(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

bool Holds(const NumberBounds& bounds, double value) {
  if (std::isnan(value)) return false;
  if (bounds.min && (value < *bounds.min || (bounds.min_exclusive && value == *bounds.min))) {
    return false;
  }
  return !(bounds.max && (value > *bounds.max || (bounds.max_exclusive && value == *bounds.max)));
}

bool Holds(const CountBounds& bounds, std::int64_t value) {
  return (!bounds.min || value >= *bounds.min) && (!bounds.max || value <= *bounds.max);
}

namespace {
// A whole number as one: a double would show another beyond 2^53.
nlohmann::json BoundJson(double value, const std::string& text) {
  std::int64_t whole = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) return whole;
  return value;
}
std::string BoundText(double value, const std::string& text) {
  constexpr double kThousandsUpTo = 1e15;  // NumberText writes them out up to here
  const nlohmann::json json = BoundJson(value, text);
  return json.is_number_integer() && std::fabs(value) >= kThousandsUpTo
             ? WithThousands(json.get<std::int64_t>())
             : NumberText(value);
}
}  // namespace

nlohmann::json ToJson(const NumberBounds& bounds) {
  nlohmann::json json = nlohmann::json::object();
  if (bounds.min) {
    json[bounds.min_exclusive ? "min_exclusive" : "min"] = BoundJson(*bounds.min, bounds.min_text);
  }
  if (bounds.max) {
    json[bounds.max_exclusive ? "max_exclusive" : "max"] = BoundJson(*bounds.max, bounds.max_text);
  }
  return json;
}

nlohmann::json ToJson(const CountBounds& bounds) {
  nlohmann::json json = nlohmann::json::object();
  if (bounds.min) json["min"] = *bounds.min;
  if (bounds.max) json["max"] = *bounds.max;
  return json;
}

std::string LimitText(const NumberBounds& bounds) {
  const std::string low = !bounds.min ? "" : BoundText(*bounds.min, bounds.min_text);
  const std::string high = !bounds.max ? "" : BoundText(*bounds.max, bounds.max_text);
  if (!low.empty() && !high.empty()) return fmt::format("limits {} to {}", low, high);
  return low.empty() ? fmt::format("limit {}{}", bounds.max_exclusive ? "below " : "", high)
                     : fmt::format("at least {}{}", bounds.min_exclusive ? "above " : "", low);
}

std::string LimitText(const CountBounds& bounds) {
  if (bounds.min && bounds.max) {
    if (*bounds.min == *bounds.max) return fmt::format("limit {}", WithThousands(*bounds.min));
    return fmt::format("limits {} to {}", WithThousands(*bounds.min), WithThousands(*bounds.max));
  }
  if (bounds.max) return fmt::format("limit {}", WithThousands(*bounds.max));
  return fmt::format("at least {}", WithThousands(*bounds.min));
}
}  // namespace weirhouse::gate

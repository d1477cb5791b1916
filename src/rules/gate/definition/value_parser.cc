#include "rules/gate/definition/value_parser.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <numeric>

#include "ground/base/text.h"
#include "ground/base/time.h"

namespace weirhouse::gate {
namespace {
constexpr int kFractionDigitsMax = 9;
constexpr std::int64_t kParsedDayUs = 86'400'000'000;
constexpr std::int64_t kWindowUsMax = 3'660 * kParsedDayUs;
constexpr int kWeeksMax = 520;
constexpr int kDaysMax = 366;

// "12.50" → 1250 / 100; nothing for signs, exponents and more digits than fit.
std::optional<Ratio> ParseDecimal(std::string_view text) {
  Ratio ratio;
  int fraction_digits = 0;
  bool point = false;
  bool digit = false;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      digit = true;
      if (point && ++fraction_digits > kFractionDigitsMax) return std::nullopt;
      if (ratio.numerator > 1'000'000'000) return std::nullopt;
      ratio.numerator = ratio.numerator * 10 + (c - '0');
      if (point) ratio.denominator *= 10;
    } else {
      return std::nullopt;
    }
  }
  if (!digit) return std::nullopt;
  return ratio;
}

Ratio Reduced(Ratio ratio) {
  const std::int64_t divisor = std::gcd(ratio.numerator, ratio.denominator);
  return {ratio.numerator / divisor, ratio.denominator / divisor};
}

// The nodes of a map's bounds, `between` taken apart.
struct BoundNodes {
  const YamlNode* min = nullptr;
  const YamlNode* max = nullptr;
  bool min_exclusive = false;
  bool max_exclusive = false;
};
Result<BoundNodes> FindBounds(const YamlNode& node, std::string_view what) {
  BoundNodes found;
  if (!node.is_map()) {
    return node.Error("WH2004", fmt::format("{} must be a map of keys", what));
  }
  if (const YamlNode* between = node.Find("between")) {
    if (!between->is_sequence() || between->items().size() != 2) {
      return between->Error("WH3002", fmt::format("{}.between must be a list of two values", what));
    }
    found.min = &between->items()[0];
    found.max = &between->items()[1];
  }
  auto take = [&](const char* key, const YamlNode*& into, bool* exclusive) -> Status {
    const YamlNode* value = node.Find(key);
    if (value == nullptr) return Status();
    if (into != nullptr) {
      return value->Error("WH3003", fmt::format("{} bounds this end twice: {}", what, key));
    }
    into = value;
    if (exclusive != nullptr) *exclusive = true;
    return Status();
  };
  WEIRHOUSE_TRY_STATUS(take("min", found.min, nullptr));
  WEIRHOUSE_TRY_STATUS(take("min_exclusive", found.min, &found.min_exclusive));
  WEIRHOUSE_TRY_STATUS(take("max", found.max, nullptr));
  WEIRHOUSE_TRY_STATUS(take("max_exclusive", found.max, &found.max_exclusive));
  return found;
}

// The number of a name like "same_weekday_4w" between its two fixed parts.
std::optional<int> NumberBetween(std::string_view text, std::string_view before,
                                 std::string_view after) {
  if (!text.starts_with(before) || !text.ends_with(after) ||
      text.size() <= before.size() + after.size()) {
    return std::nullopt;
  }
  text.remove_prefix(before.size());
  text.remove_suffix(after.size());
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}
}  // namespace

std::optional<double> ParseDouble(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<Literal> ReadLiteral(const YamlNode& node, std::string_view what) {
  if (!node.is_scalar()) {
    return node.Error("WH3002",
                      fmt::format("{} must be plain values, not null, list or map", what));
  }
  return Literal{node.text(), node.quoted(), node.span()};
}

Result<CountBounds> ReadCountBounds(const YamlNode& node, std::string_view what) {
  WEIRHOUSE_TRY(const BoundNodes nodes, FindBounds(node, what));
  CountBounds bounds;
  auto read = [&](const YamlNode& at, std::int64_t step) -> Result<std::int64_t> {
    WEIRHOUSE_TRY(const std::int64_t value, at.AsInt(fmt::format("a bound of {}", what)));
    if (value < 0 || value > INT64_MAX - 1) {
      return at.Error("WH3002", fmt::format("a bound of {} must not be negative", what));
    }
    return value + step;
  };
  if (nodes.min != nullptr) {
    WEIRHOUSE_TRY(bounds.min, read(*nodes.min, nodes.min_exclusive ? 1 : 0));
  }
  if (nodes.max != nullptr) {
    WEIRHOUSE_TRY(bounds.max, read(*nodes.max, nodes.max_exclusive ? -1 : 0));
  }
  if (bounds.min && bounds.max && *bounds.min > *bounds.max) {
    return nodes.min->Error("WH3002", fmt::format("no value fits the bounds of {}", what));
  }
  return bounds;
}

Result<NumberBounds> ReadNumberBounds(const YamlNode& node, std::string_view what) {
  WEIRHOUSE_TRY(const BoundNodes nodes, FindBounds(node, what));
  NumberBounds bounds;
  bounds.min_exclusive = nodes.min_exclusive;
  bounds.max_exclusive = nodes.max_exclusive;
  auto read = [&](const YamlNode& at) -> Result<double> {
    WEIRHOUSE_TRY(const double value, at.AsDouble(fmt::format("a bound of {}", what)));
    if (!std::isfinite(value)) {
      return at.Error("WH3002", fmt::format("a bound of {} must be finite", what));
    }
    return value;
  };
  if (nodes.min != nullptr) {
    WEIRHOUSE_TRY(bounds.min, read(*nodes.min));
    bounds.min_text = nodes.min->text();
  }
  if (nodes.max != nullptr) {
    WEIRHOUSE_TRY(bounds.max, read(*nodes.max));
    bounds.max_text = nodes.max->text();
  }
  if (bounds.min && bounds.max && *bounds.min > *bounds.max) {
    return nodes.min->Error("WH3002", fmt::format("no value fits the bounds of {}", what));
  }
  return bounds;
}

Result<ValueBounds> ReadValueBounds(const YamlNode& node, std::string_view what) {
  WEIRHOUSE_TRY(const BoundNodes nodes, FindBounds(node, what));
  ValueBounds bounds;
  bounds.min_exclusive = nodes.min_exclusive;
  bounds.max_exclusive = nodes.max_exclusive;
  if (nodes.min != nullptr) {
    WEIRHOUSE_TRY(bounds.min, ReadLiteral(*nodes.min, fmt::format("the bounds of {}", what)));
  }
  if (nodes.max != nullptr) {
    WEIRHOUSE_TRY(bounds.max, ReadLiteral(*nodes.max, fmt::format("the bounds of {}", what)));
  }
  return bounds;
}

Result<Ratio> ReadPercent(const YamlNode& node, std::string_view what) {
  WEIRHOUSE_TRY(const std::string text, node.AsString(what));
  std::string_view digits = text;
  if (digits.ends_with('%')) {
    digits.remove_suffix(1);
    if (auto ratio = ParseDecimal(Trim(digits))) {
      ratio->denominator *= 100;
      return Reduced(*ratio);
    }
  }
  return node.Error("WH3002",
                    fmt::format("{} must be a percentage such as 0.1%, found \"{}\"", what, text));
}

Result<Ratio> ReadFraction(const YamlNode& node, std::string_view what) {
  WEIRHOUSE_TRY(const std::string text, node.AsString(what));
  if (const auto ratio = ParseDecimal(text)) return Reduced(*ratio);
  return node.Error("WH3002", fmt::format("{} must be a number such as 0.95, with at most {} "
                                          "digits after the point, found \"{}\"",
                                          what, kFractionDigitsMax, text));
}

Result<Allowance> ReadAllowance(const YamlNode& node, std::string_view what) {
  WEIRHOUSE_TRY(const std::string text, node.AsString(what));
  Allowance allowance;
  allowance.text = text;
  if (text.ends_with('%')) {
    allowance.is_share = true;
    WEIRHOUSE_TRY(allowance.share, ReadPercent(node, what));
    return allowance;
  }
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), allowance.count);
  if (error != std::errc() || end != text.data() + text.size() || allowance.count < 0) {
    return node
        .Error("WH3002",
               fmt::format("{} must be a count or a percentage, found \"{}\"", what, text))
        .WithHint("3 means three rows, 0.1% means a share");
  }
  return allowance;
}

Result<Window> ParseWindow(std::string_view text) {
  Window window;
  window.text = std::string(text);
  if (const auto weeks = NumberBetween(text, "same_weekday_", "w")) {
    window.kind = Window::Kind::kSameWeekday;
    window.count = *weeks;
    window.span_us =
        (7LL * *weeks + 1) * kParsedDayUs;  // a batch of that day may end up to a day earlier
    if (*weeks >= 1 && *weeks <= kWeeksMax) return window;
  } else if (const auto days = NumberBetween(text, "", "d_same_hour")) {
    window.kind = Window::Kind::kSameHour;
    window.count = *days;
    window.span_us = (1LL * *days + 1) * kParsedDayUs;
    if (*days >= 1 && *days <= kDaysMax) return window;
  } else if (const auto span = ParseDurationMicros(text); span.ok()) {
    window.span_us = *span;
    if (*span > 0 && *span <= kWindowUsMax) return window;
  }
  return Status(Code::kInvalidInput, fmt::format("unknown history window \"{}\"", text))
      .WithError("WH3002")
      .WithHint("windows read like 28d, same_weekday_4w or 7d_same_hour");
}
}  // namespace weirhouse::gate

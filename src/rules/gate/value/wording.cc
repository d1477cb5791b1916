#include "rules/gate/value/wording.h"

#include <fmt/format.h>

#include <cmath>

#include "ground/base/text.h"

namespace weirhouse::gate {
std::string NumberText(double value) {
  const double size = std::fabs(value);
  if (size >= 1000 && size < 1e15) return WithThousands(std::llround(value));
  return fmt::format("{:.4g}", value);
}

std::string ChangeText(double from, double to) {
  const double percent = (to - from) / from * 100;
  const double size = std::fabs(percent);
  const char* sign = percent < 0 ? "−" : "+";
  if (size >= 1000) return fmt::format("{}{} %", sign, WithThousands(std::llround(size)));
  if (size >= 10) return fmt::format("{}{:.0f} %", sign, size);
  return fmt::format("{}{:.1f} %", sign, size);
}

std::string ShareText(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return "0 %";
  const double percent = static_cast<double>(part) / static_cast<double>(whole) * 100;
  if (percent >= 10) return fmt::format("{:.0f} %", percent);
  return fmt::format("{:.2g} %", percent);
}

std::string AgeText(std::int64_t us) {
  const double seconds = static_cast<double>(us) / 1e6;
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  if (seconds < 90 * 60) return fmt::format("{:.0f} min", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{:.0f} h", seconds / 3600);
  return fmt::format("{:.0f} days", seconds / 86'400);
}
}  // namespace weirhouse::gate

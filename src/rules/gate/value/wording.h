// Numbers as people read them in verdicts.
#pragma once

#include <cstdint>
#include <string>

namespace weirhouse::gate {

// Four significant digits, thousands marked: "261.4", "0.02", "12,346".
std::string NumberText(double value);
// The change from `from` to `to` in percent: "−82 %", "+4.5 %". `from` > 0.
std::string ChangeText(double from, double to);
// A share in percent: "16 %", "0.33 %".
std::string ShareText(std::int64_t part, std::int64_t whole);
// "45 s", "30 min", "15 h", "3 days".
std::string AgeText(std::int64_t us);
}  // namespace weirhouse::gate

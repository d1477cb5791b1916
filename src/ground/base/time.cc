#include "ground/base/time.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <ctime>
#include <fstream>

namespace weirhouse {
namespace {
constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
// 0001-01-01T00:00:00Z and 10000-01-01T00:00:00Z: what lies between can be written in RFC 3339.
constexpr std::int64_t kFirstYearUs = -719'162 * kDay;
constexpr std::int64_t kPastLastYearUs = 2'932'897 * kDay;

std::int64_t FloorDivide(std::int64_t value, std::int64_t by) {
  return value / by - (value % by != 0 && (value < 0) != (by < 0) ? 1 : 0);
}

Status NotATime(std::string_view text, std::string_view why) {
  return Status(Code::kInvalidInput, fmt::format("not a time: {}: \"{}\"", why, text.substr(0, 64)))
      .WithHint("write RFC 3339, for example 2013-12-30T20:15:00Z");
}

// Reads exactly `digits` decimal digits at `text[at]`; -1 if they are not there.
int Digits(std::string_view text, std::size_t at, int digits) {
  if (at + static_cast<std::size_t>(digits) > text.size()) return -1;
  int value = 0;
  for (int i = 0; i < digits; ++i) {
    const char c = text[at + static_cast<std::size_t>(i)];
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

bool ValidDate(int year, int month, int day) {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  constexpr std::array<int, 12> kLength = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= kLength[static_cast<std::size_t>(month - 1)] + (month == 2 && leap ? 1 : 0);
}

class RealClock : public Clock {
 public:
  ProcessTime Now() override {
    return ProcessTime(std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now().time_since_epoch()));
  }
  std::chrono::nanoseconds Monotonic() override {
    return std::chrono::steady_clock::now().time_since_epoch();
  }
  Uptime SinceBoot() override {
    timespec now{};
    if (clock_gettime(CLOCK_BOOTTIME, &now) != 0) return {};
    return {BootId(), now.tv_sec * kSecond + now.tv_nsec / 1000};
  }

 private:
  // proc(5): a random identifier that the kernel makes at its start.
  static std::string BootId() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string line;
    std::getline(file, line);
    return line;
  }
};
}  // namespace

std::int64_t DaysFromCivil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + static_cast<std::int64_t>(day_of_era) - 719468;
}

Civil CivilFromDays(std::int64_t days) {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t year = static_cast<std::int64_t>(year_of_era) + era * 400;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted_month = (5 * day_of_year + 2) / 153;
  const unsigned day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {year + (month <= 2), month, day};
}

std::string FormatDate(std::int64_t us) {
  const Civil civil = CivilFromDays(FloorDivide(us, kDay));
  return fmt::format("{:04}-{:02}-{:02}", civil.year, civil.month, civil.day);
}

std::string FormatTime(std::int64_t us) {
  const std::int64_t in_day = (us % kDay + kDay) % kDay;
  const std::int64_t seconds = in_day / kSecond;
  std::string text = fmt::format("{}T{:02}:{:02}:{:02}", FormatDate(us), seconds / 3600,
                                 seconds / 60 % 60, seconds % 60);
  if (const std::int64_t fraction = in_day % kSecond; fraction != 0) {
    std::string digits = fmt::format(".{:06}", fraction);
    digits.erase(digits.find_last_not_of('0') + 1);
    text += digits;
  }
  return text + "Z";
}

Result<std::int64_t> ParseTimeMicros(std::string_view text, bool zoneless_is_utc) {
  const int year = Digits(text, 0, 4);
  const int month = Digits(text, 5, 2);
  const int day = Digits(text, 8, 2);
  if (year < 0 || month < 0 || day < 0 || text[4] != '-' || text[7] != '-') {
    return NotATime(text, "it does not begin with YYYY-MM-DD");
  }
  if (!ValidDate(year, month, day)) return NotATime(text, "no such day");
  const std::int64_t days =
      DaysFromCivil(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  if (text.size() == 10) {
    if (!zoneless_is_utc) return NotATime(text, "it has no time zone");
    return days * kDay;
  }
  const int hour = Digits(text, 11, 2);
  const int minute = Digits(text, 14, 2);
  if ((text[10] != 'T' && text[10] != 't' && text[10] != ' ') || hour < 0 || minute < 0 ||
      text[13] != ':' || hour > 23 || minute > 59) {
    return NotATime(text, "no valid HH:MM follows the date");
  }
  std::size_t at = 16;
  int second = 0;
  std::int64_t fraction = 0;
  if (at < text.size() && text[at] == ':') {
    second = Digits(text, at + 1, 2);
    if (second == 60) return NotATime(text, "its seconds are 60: leap seconds are not supported");
    if (second < 0 || second > 59) return NotATime(text, "no valid seconds");
    at += 3;
    if (at < text.size() && text[at] == '.') {
      ++at;
      std::int64_t scale = kSecond;
      const std::size_t first = at;
      for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
        scale /= 10;
        if (scale == 0 && text[at] != '0')
          return NotATime(text, "it has digits below a microsecond");
        fraction += scale * (text[at] - '0');
      }
      if (at == first) return NotATime(text, "no digits follow the point");
    }
  }
  std::int64_t offset_minutes = 0;
  if (at == text.size()) {
    if (!zoneless_is_utc) return NotATime(text, "it has no time zone");
  } else if ((text[at] == 'Z' || text[at] == 'z') && at + 1 == text.size()) {
  } else if (text[at] == '+' || text[at] == '-') {
    // ±HH:MM, ±HHMM, or ±HH as PostgreSQL writes it.
    const int offset_hour = Digits(text, at + 1, 2);
    const bool hours_only = text.size() == at + 3;
    const bool colon = at + 3 < text.size() && text[at + 3] == ':';
    const int offset_minute = hours_only ? 0 : Digits(text, at + (colon ? 4 : 3), 2);
    if (offset_hour < 0 || offset_hour > 23 || offset_minute < 0 || offset_minute > 59 ||
        (!hours_only && text.size() != at + (colon ? 6 : 5))) {
      return NotATime(text, "its offset is not ±HH:MM or ±HH");
    }
    offset_minutes = (text[at] == '-' ? -1 : 1) * (offset_hour * 60 + offset_minute);
  } else {
    return NotATime(text, "its zone is neither Z nor an offset ±HH:MM");
  }
  const std::int64_t us =
      days * kDay + ((hour * 60 + minute - offset_minutes) * 60 + second) * kSecond + fraction;
  if (us < kFirstYearUs || us >= kPastLastYearUs)
    return NotATime(text, "its offset leads outside the years 0001 to 9999");
  return us;
}

namespace {
struct Unit {
  std::string_view name;
  std::int64_t us;
};
constexpr std::array<Unit, 7> kUnits = {{{"w", 7 * kDay},
                                         {"d", kDay},
                                         {"h", 3600 * kSecond},
                                         {"m", 60 * kSecond},
                                         {"s", kSecond},
                                         {"ms", 1000},
                                         {"us", 1}}};
}  // namespace

Result<std::int64_t> ParseDurationMicros(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error == std::errc() && count >= 0) {
    for (const Unit& known : kUnits) {
      std::int64_t us = 0;
      if (known.name == unit && !__builtin_mul_overflow(count, known.us, &us)) return us;
    }
  }
  return Status(Code::kInvalidInput, fmt::format("not a duration: \"{}\"", text.substr(0, 64)))
      .WithHint("write a whole number and a unit: 90s, 20m, 1h, 7d, 2w");
}

std::string FormatDuration(std::int64_t us) {
  // A week is written 7d and a day 24h, the forms people use for windows.
  for (const Unit& unit : kUnits) {
    if (unit.name == "w" || (unit.name == "d" && us == kDay)) continue;
    if (us != 0 && us % unit.us == 0) return fmt::format("{}{}", us / unit.us, unit.name);
  }
  return fmt::format("{}us", us);
}

Clock& SystemClock() {
  static RealClock clock;
  return clock;
}
}  // namespace weirhouse

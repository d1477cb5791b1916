#include "work/events/delivery_rule.h"

#include <algorithm>

namespace weirhouse::work {
namespace {
constexpr double kGrowth = 1.3;

std::chrono::microseconds LeastWaitAfter(int tries) {
  double wait = static_cast<double>(kFirstWait.count());
  const double longest = static_cast<double>(kLongestWait.count());
  for (int i = 1; i < tries && wait < longest; ++i) wait *= kGrowth;
  return std::chrono::microseconds(static_cast<std::int64_t>(std::min(wait, longest)));
}
}  // namespace

std::chrono::microseconds WaitAfter(int tries, double jitter) {
  const std::chrono::microseconds least = LeastWaitAfter(tries);
  return least + std::chrono::microseconds(static_cast<std::int64_t>(
                     static_cast<double>(least.count()) / 4 * std::clamp(jitter, 0.0, 1.0)));
}

int TriesMax() {
  static const int tries_max = [] {
    std::chrono::microseconds waited{0};
    int tries = 1;
    for (; waited < kTriedFor; ++tries) waited += LeastWaitAfter(tries);
    return tries;
  }();
  return tries_max;
}
}  // namespace weirhouse::work

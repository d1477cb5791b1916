#include "testing/plants.h"

#include <cstdlib>
#include <string_view>
#include <utility>

#include "ground/base/failpoint.h"

#ifdef WEIRHOUSE_FAILPOINTS
namespace weirhouse {
namespace {
const std::string& OfEnvironment() {
  static const std::string list = [] {
    const char* value = std::getenv("WEIRHOUSE_PLANT");
    return "," + std::string(value == nullptr ? "" : value) + ",";
  }();
  return list;
}

std::string& OfTest() {
  static std::string bug;
  return bug;
}
}  // namespace

bool Planted(std::string_view bug) {
  return bug == OfTest() || OfEnvironment().find("," + std::string(bug) + ",") != std::string::npos;
}

namespace testing {
Planting::Planting(std::string bug) { OfTest() = std::move(bug); }
Planting::~Planting() { OfTest().clear(); }
}  // namespace testing
}  // namespace weirhouse
#endif

// What a test needs to know of a driver of the online store.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "rules/feature/online/backend.h"

namespace weirhouse::feature {

// One service that a test opens, closes and opens again.
class OnlinePlace {
 public:
  virtual ~OnlinePlace() = default;
  // The one before must be gone.
  virtual std::unique_ptr<OnlineBackend> Open() = 0;
};

struct OnlineDriver {
  std::string name;
  std::function<std::unique_ptr<OnlinePlace>()> make_place;
  bool keeps_moments = true;  // a moment outlives Writes; else it answers kConflict after one
};
inline void PrintTo(const OnlineDriver& driver, std::ostream* out) { *out << driver.name; }

}  // namespace weirhouse::feature

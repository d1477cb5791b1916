// Bugs planted on purpose, so that tests and harnesses can show that they would be noticed: where the product asks
// Planted("name") (ground/base/failpoint.h), the answer of this file takes the place of the product's, which is no.
// Linked into every test program and into the library of `wh_planted`; the product's library does not hold it.
//
//   WEIRHOUSE_PLANT=bug[,bug]   these are planted in the process, read once
#pragma once

#include <string>

namespace weirhouse::testing {
// One bug more while this lives. At most one at a time; no other thread may ask meanwhile.
class Planting {
 public:
  explicit Planting(std::string bug);
  ~Planting();
  Planting(const Planting&) = delete;
  Planting& operator=(const Planting&) = delete;
};
}  // namespace weirhouse::testing

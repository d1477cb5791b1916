// Deliberate bugs, with which tests and harnesses show that they would detect them. Where the
// product calls Planted("name") (ground/base/failpoint.h), the function of this file replaces the
// product's, which returns false. Linked into every test program and into the library of
// `wh_planted`, never into the product's library.
//
//   WEIRHOUSE_PLANT=bug[,bug]   these are planted in the process, read once
#pragma once

#include <string>

namespace weirhouse::testing {
// Plants one more bug while it lives. At most one at a time; no other thread may call Planted
// meanwhile.
class Planting {
 public:
  explicit Planting(std::string bug);
  ~Planting();
  Planting(const Planting&) = delete;
  Planting& operator=(const Planting&) = delete;
};
}  // namespace weirhouse::testing

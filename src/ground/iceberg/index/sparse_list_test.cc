#include "ground/iceberg/index/sparse_list.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "ground/base/random.h"

namespace weirhouse::iceberg {
namespace {
TEST(SparseList, HoldsWhatAListOfOptionalsHolds) {
  SeededRandom random(3);
  for (int round = 0; round < 100; ++round) {
    const std::size_t size = random.Below(40);
    SparseList<std::string> list(size);
    std::vector<std::optional<std::string>> model(size);
    for (std::uint64_t step = random.Below(60); step > 0 && size > 0; --step) {
      const std::size_t at = random.Below(size);
      if (random.Below(4) == 0) {
        list.Remove(at);
        model[at].reset();
      } else {
        list.Put(at, std::to_string(step));
        model[at] = std::to_string(step);
      }
    }
    ASSERT_EQ(list.size(), size);
    for (std::size_t at = 0; at < size + 2; ++at) {
      const bool there = at < size && model[at];
      ASSERT_EQ(list[at] != nullptr, there);
      if (there) {
        EXPECT_EQ(*list[at], *model[at]);
      }
    }
  }
}
}  // namespace
}  // namespace weirhouse::iceberg

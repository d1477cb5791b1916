#include "rules/contract/violation_kind.h"

#include <gtest/gtest.h>

namespace weirhouse::contract {
namespace {
TEST(ViolationKind, EachHasAPageOfItsOwnAndIsFoundByIt) {
  for (int i = 0; i <= static_cast<int>(ViolationKind::kMissingTime); ++i) {
    const auto kind = static_cast<ViolationKind>(i);
    EXPECT_EQ(ViolationOfCode(CodeOf(kind)), kind) << CodeOf(kind);
    EXPECT_FALSE(WordsOf(kind, "").empty()) << CodeOf(kind);
  }
  EXPECT_FALSE(ViolationOfCode("WH9999").has_value());
  EXPECT_FALSE(ViolationOfCode("").has_value());
}

TEST(ViolationKind, ABoundThatIsOutsideHasWordsOfItsOwn) {
  EXPECT_EQ(WordsOf(ViolationKind::kAboveMaximum, "maximum"), "{at} above maximum {expected}");
  EXPECT_EQ(WordsOf(ViolationKind::kAboveMaximum, "exclusiveMaximum"), "{at} not below {expected}");
  EXPECT_EQ(WordsOf(ViolationKind::kWrongLength, "minLength"), "{at} shorter than {expected}");
  EXPECT_EQ(WordsOf(ViolationKind::kWrongLength, "maxLength"), "{at} longer than {expected}");
}
}  // namespace
}  // namespace weirhouse::contract

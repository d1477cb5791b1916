#include "ground/base/ascii.h"

#include <gtest/gtest.h>

#include <cctype>

namespace weirhouse {
namespace {
TEST(Ascii, LowersLettersAndNothingElse) {
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    EXPECT_EQ(LowerCase(c), c >= 'A' && c <= 'Z' ? static_cast<char>(std::tolower(i)) : c) << i;
  }
  EXPECT_EQ(LowerCase("Ünï @[`{ AZaz"), "Ünï @[`{ azaz");
}

TEST(Ascii, ComparesWithoutCase) {
  EXPECT_TRUE(SameButForCase("Arrival", "aRRIVAL"));
  EXPECT_TRUE(SameButForCase("", ""));
  EXPECT_FALSE(SameButForCase("a", "ab"));
  EXPECT_FALSE(SameButForCase("[", "{"));
}

TEST(Ascii, ReadsHexadecimalDigits) {
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    const bool digit = i < 128 && std::isxdigit(i) != 0;
    const int value = digit ? std::stoi(std::string(1, c), nullptr, 16) : -1;
    EXPECT_EQ(HexDigit(c), value) << i;
    EXPECT_EQ(LowerHexDigit(c), c >= 'A' && c <= 'F' ? -1 : value) << i;
  }
}
}  // namespace
}  // namespace weirhouse

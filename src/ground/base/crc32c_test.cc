#include "ground/base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace weirhouse {
namespace {
// RFC 3720, appendix B.4.
TEST(Crc32c, GivesTheVectorsOfTheStandard) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283U);
}

TEST(Crc32c, OfPiecesIsThatOfTheWhole) {
  const std::string text = "a weir holds water back; a weir house holds what works the weir";
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(Crc32c(text.substr(cut), Crc32c(text.substr(0, cut))), Crc32c(text));
}
}  // namespace
}  // namespace weirhouse

#include "ground/base/digest.h"

#include <vector>

#include "testing/testing.h"

namespace weirhouse {
namespace {
TEST(Sha256, GivesTheStandardsValues) {
  EXPECT_EQ(Sha256Of("").ToHex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Of("abc").ToHex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, DoesNotDependOnThePieces) {
  Sha256 hash;
  for (int i = 0; i < 3; ++i) {  // Finish resets
    hash.Update("a");
    hash.Update("");
    hash.Update("bc");
    EXPECT_EQ(hash.Finish(), Sha256Of("abc"));
  }
}

TEST(Sha256, KeepsSizedPiecesApart) {
  const std::vector<std::string> one = {"a", "bc"};
  const std::vector<std::string> other = {"ab", "c"};
  EXPECT_NE(Sha256OfPieces(one), Sha256OfPieces(other));
  Sha256 hash;
  hash.Update(std::string("\x01\0\0\0\0\0\0\0a", 9));
  Sha256 sized;
  sized.UpdateSized("a");
  EXPECT_EQ(hash.Finish(), sized.Finish()) << "an 8-byte little-endian length, then the bytes";
}

TEST(Digest, IsReadFromWhatItPrintsAndNothingElse) {
  const Digest digest = Sha256Of("abc");
  Digest read;
  ASSERT_TRUE(ParseDigest(digest.ToHex(), &read));
  EXPECT_EQ(read, digest);
  EXPECT_FALSE(ParseDigest("", &read));
  EXPECT_FALSE(ParseDigest(digest.ToHex().substr(1), &read));
  EXPECT_FALSE(ParseDigest(digest.ToHex() + "0", &read));
  EXPECT_FALSE(ParseDigest("g" + digest.ToHex().substr(1), &read));
}
}  // namespace
}  // namespace weirhouse

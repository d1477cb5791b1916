#include "ground/base/hash/sha256_each.h"

#include <string>
#include <vector>

#include "testing/testing.h"

namespace weirhouse {
namespace {
// Of every length around the ends of blocks, beside neighbours of equal and of other lengths.
TEST(Sha256OfEach, GivesWhatSha256Gives) {
  std::vector<std::string> texts;
  for (std::size_t size = 0; size < 300; ++size) {
    for (const std::size_t length : {size, size, size * 7 % 150}) {
      std::string& text = texts.emplace_back();
      for (std::size_t i = 0; i < length; ++i)
        text.push_back(static_cast<char>((i * 131 + texts.size() * 17) % 256));
    }
  }
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, texts.size()}) {
    const std::vector<std::string_view> messages(texts.begin(),
                                                 texts.begin() + static_cast<long>(count));
    std::vector<Digest> digests(count);
    Sha256OfEach(messages, digests.data());
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(digests[i], Sha256Of(texts[i])) << i;
  }
}
}  // namespace
}  // namespace weirhouse

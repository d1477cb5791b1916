#include "ground/base/siphash.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstring>
#include <string>

#include "ground/base/digest.h"
#include "ground/base/random.h"

namespace weirhouse {
namespace {
std::string BytesOfHash(const Hash128& hash) {
  std::string bytes(16, '\0');
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<char>(hash.high >> (8 * i));
    bytes[8 + i] = static_cast<char>(hash.low >> (8 * i));
  }
  return bytes;
}

std::string OpenSslSipHash(const SipHash128::Key& key, const std::string& text) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "SIPHASH", nullptr);
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
  std::size_t size = 16;
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t("size", &size),
                               OSSL_PARAM_construct_end()};
  std::string out(16, '\0');
  EXPECT_EQ(EVP_MAC_init(context, key.data(), key.size(), params), 1);
  EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  EVP_MAC_final(context, reinterpret_cast<unsigned char*>(out.data()), &size, out.size());
  EVP_MAC_CTX_free(context);
  EVP_MAC_free(mac);
  return out;
}

TEST(SipHash, GivesTheVectorsOfItsAuthors) {
  SipHash128::Key key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  const SipHash128 hash(key);
  EXPECT_EQ(ToHex(BytesOfHash(hash(""))), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(ToHex(BytesOfHash(hash(std::string(1, '\0')))), "da87c1d86b99af44347659119b22fc45");
}

TEST(SipHash, IsThatOfOpenSsl) {
  SeededRandom random(7);
  for (std::size_t size = 0; size < 200; ++size) {
    SipHash128::Key key;
    for (auto& byte : key) byte = static_cast<std::uint8_t>(random.Next());
    std::string text(size, '\0');
    for (char& byte : text) byte = static_cast<char>(random.Next());
    ASSERT_EQ(BytesOfHash(SipHash128(key)(text)), OpenSslSipHash(key, text)) << size;
  }
}

TEST(SipHash, IsAnotherForAnotherPurpose) {
  const SipHash128 hash(SipHash128::Key{1});
  EXPECT_NE(hash.For("a")("x"), hash.For("b")("x"));
  EXPECT_EQ(hash.For("a")("x"), hash.For("a")("x"));
}
}  // namespace
}  // namespace weirhouse

#include "ground/base/digest.h"

#include <openssl/evp.h>

#include "ground/base/ascii.h"
#include "ground/base/status.h"

namespace weirhouse {

namespace {
// Found once for the process: OpenSSL looks an algorithm up by its name whenever it is asked for.
const EVP_MD* Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm != nullptr ? algorithm : EVP_sha256();
}
}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  WEIRHOUSE_CHECK(EVP_DigestInit_ex(state_->context, Algorithm(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::string_view bytes) {
  WEIRHOUSE_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}
void Sha256::UpdateInt(std::int64_t value) {
  std::array<char, 8> little{};
  for (std::size_t i = 0; i < 8; ++i) {
    little[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
  Update({little.data(), little.size()});
}
void Sha256::UpdateSized(std::string_view bytes) {
  UpdateInt(static_cast<std::int64_t>(bytes.size()));
  Update(bytes);
}
Digest Sha256::Finish() {
  Digest digest;
  unsigned length = 0;
  WEIRHOUSE_CHECK(EVP_DigestFinal_ex(state_->context, digest.bytes.data(), &length) == 1);
  WEIRHOUSE_CHECK(length == digest.bytes.size());
  WEIRHOUSE_CHECK(EVP_DigestInit_ex(state_->context, Algorithm(), nullptr) == 1);
  return digest;
}

Digest Sha256Of(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.Finish();
}
Digest Sha256OfPieces(std::span<const std::string> pieces) {
  Sha256 hash;
  for (const std::string& piece : pieces) hash.UpdateSized(piece);
  return hash.Finish();
}

std::string ToHex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    hex += kDigits[static_cast<std::uint8_t>(c) >> 4];
    hex += kDigits[static_cast<std::uint8_t>(c) & 15];
  }
  return hex;
}
std::string Digest::ToHex() const { return weirhouse::ToHex(view()); }

bool ParseDigest(std::string_view hex, Digest* digest) {
  if (hex.size() != 64) return false;
  for (std::size_t i = 0; i < 64; ++i) {
    const int value = LowerHexDigit(hex[i]);
    if (value < 0) return false;
    std::uint8_t& byte = digest->bytes[i / 2];
    byte = static_cast<std::uint8_t>(i % 2 == 0 ? value << 4 : byte | value);
  }
  return true;
}

std::uint64_t HashBytes(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211ULL;
  return hash;
}
}  // namespace weirhouse

#include "ground/base/running_digest.h"

#include <openssl/evp.h>

#include "ground/base/status.h"

namespace weirhouse {

struct RunningDigest::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

RunningDigest::RunningDigest() : state_(std::make_unique<State>()) {
  WEIRHOUSE_CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}
RunningDigest::~RunningDigest() = default;

RunningDigest& RunningDigest::operator=(const RunningDigest& other) {
  if (this == &other) return *this;
  WEIRHOUSE_CHECK(EVP_MD_CTX_copy_ex(state_->context, other.state_->context) == 1);
  return *this;
}

void RunningDigest::Update(std::string_view bytes) {
  WEIRHOUSE_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

Digest RunningDigest::Finish() {
  Digest digest;
  unsigned length = 0;
  WEIRHOUSE_CHECK(EVP_DigestFinal_ex(state_->context, digest.bytes.data(), &length) == 1);
  WEIRHOUSE_CHECK(length == digest.bytes.size());
  return digest;
}
}  // namespace weirhouse

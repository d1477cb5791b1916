#include "ground/platform/net/authenticator.h"

#include <optional>

#include "ground/base/text.h"

namespace weirhouse::http {
namespace {
constexpr std::string_view kScheme = "bearer ";

// What follows "Bearer "; nothing where another scheme was sent.
std::optional<std::string_view> BearerOf(std::string_view authorization) {
  const std::string_view value = Trim(authorization);
  if (value.size() < kScheme.size()) return std::nullopt;
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    const char c = value[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != kScheme[i])
      return std::nullopt;
  }
  return Trim(value.substr(kScheme.size()));
}
}  // namespace

Result<bool> BearerAuthenticator::Brings(const RequestHead& head) const {
  const std::string* authorization = FindField(head, "authorization");
  if (authorization == nullptr) return false;
  if (BearerOf(*authorization)) return true;
  return Status(Code::kPermissionDenied, "the authorization is not a bearer token")
      .WithError("WH8073");
}

Result<Principal> BearerAuthenticator::Authenticate(const RequestHead& head) const {
  const std::string* authorization = FindField(head, "authorization");
  const auto secret = authorization == nullptr ? std::nullopt : BearerOf(*authorization);
  if (!secret) return UnknownToken();
  WEIRHOUSE_TRY(const Principal::Standing standing, check_(*secret));
  return Principal{standing, std::string(*secret)};
}

Status UnknownToken() {
  return Status(Code::kPermissionDenied, "the token is not this project's").WithError("WH8073");
}
}  // namespace weirhouse::http

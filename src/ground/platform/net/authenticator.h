// Identifies the sender of a request by its head.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/platform/net/message.h"

namespace weirhouse::http {

// An identified sender.
struct Principal {
  enum class Standing : std::uint8_t {
    kGuest,  // a valid token of some person: accepted where Area::hands_over_token
    kOwner,  // the project's own token: accepted everywhere
  };
  Standing standing = Standing::kGuest;
  std::string secret = {};  // passed to areas that ask for it; never log it
};

// One method of authentication. Threads: any.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // Whether the head holds the credentials that Authenticate checks. Quick and without I/O: it runs
  // on a thread that serves sockets.
  //   kPermissionDenied  the head holds other credentials
  virtual Result<bool> Brings(const RequestHead& head) const = 0;
  // Authenticates a head that holds credentials. May block: it runs on a thread of its own, for at
  // most ServerOptions::token_max.
  //   kPermissionDenied  the credentials are unknown or no longer valid; with an error code for the
  //   401
  //   kUnavailable       they cannot be checked now (503)
  virtual Result<Principal> Authenticate(const RequestHead& head) const = 0;
  // The value of WWW-Authenticate in a refusal.
  virtual std::string Challenge() const = 0;
};

inline constexpr char kBearerChallenge[] = "Bearer realm=\"weirhouse\"";

// `authorization: Bearer SECRET` (RFC 6750), with the secret judged by `check`; errors as those of
// Authenticate.
class BearerAuthenticator : public Authenticator {
 public:
  using Check = std::function<Result<Principal::Standing>(std::string_view secret)>;
  explicit BearerAuthenticator(Check check) : check_(std::move(check)) {}
  Result<bool> Brings(const RequestHead& head) const override;
  Result<Principal> Authenticate(const RequestHead& head) const override;
  std::string Challenge() const override { return kBearerChallenge; }

 private:
  const Check check_;
};
// The status of a check for an unknown secret.
Status UnknownToken();
}  // namespace weirhouse::http

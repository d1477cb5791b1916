// Who asks, told by the head of a request.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/platform/net/message.h"

namespace weirhouse::http {

// Somebody known.
struct Principal {
  enum class Standing : std::uint8_t {
    kGuest,  // somebody's token that lives: good where Area::hands_over_token
    kOwner,  // the project's own: good everywhere
  };
  Standing standing = Standing::kGuest;
  std::string secret = {};  // what an area that wants it is handed over; never log it
};

// One way of proving who one is. Threads: any.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // Whether the head brings what Authenticate would look at. Quick and without I/O: it runs on a
  // thread that speaks to sockets.
  //   kPermissionDenied  it brings something else
  virtual Result<bool> Brings(const RequestHead& head) const = 0;
  // Of a head that brings it. May block: it runs on a thread of its own, for at most
  // ServerOptions::token_max.
  //   kPermissionDenied  nobody known, or nobody any more; with an error code for the 401
  //   kUnavailable       it cannot be told now (503)
  virtual Result<Principal> Authenticate(const RequestHead& head) const = 0;
  // What a refusal asks for, in WWW-Authenticate.
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
// What a check says of a secret that nobody knows.
Status UnknownToken();
}  // namespace weirhouse::http

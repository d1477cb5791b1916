// Decides from a request's head alone whether the request is admitted. Pure: no socket, no clock.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ground/platform/net/authenticator.h"
#include "ground/platform/net/message.h"
#include "ground/platform/net/router.h"

namespace weirhouse::http {

inline constexpr std::size_t kFieldsMax = 100;

struct AdmissionRules {
  std::vector<std::string> hosts;  // in lower case, without port
  bool reads_need_token = false;   // bound to more than loopback
};

struct Admission {
  HttpRequest request;  // all but the body
  const HttpHandler* handler = nullptr;
  std::uint64_t body_bytes_max = 0;
  std::uint64_t body_bytes_expected = 0;  // as declared; the maximum if it is not declared
  bool is_slow = false;
  bool is_instant = false;
  bool expects_continue = false;
};

// An Admission, or the refusal. After a refusal the connection is closed, because the bytes that
// follow cannot be trusted. `identify` is called once, if the caller's identity decides.
using Identify = std::function<Result<Principal>()>;
std::variant<Admission, Fault> Admit(const RequestHead& head, const AdmissionRules& rules,
                                     const Router& router, const Authenticator* authenticator,
                                     const Identify& identify);
}  // namespace weirhouse::http

// Decides from a request's head alone whether the request is let in. Pure:
// no socket, no clock.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ground/platform/net/message.h"
#include "ground/platform/net/router.h"

namespace weirhouse::http {

inline constexpr std::size_t kFieldsMax = 100;

// A request line and header fields, as they came.
struct RequestHead {
  std::string method;
  std::string target;
  bool is_http_1_0 = false;
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
  std::string remote;
};

struct AdmissionRules {
  std::vector<std::string> hosts;  // in lower case, without port
  bool reads_need_token = false;   // bound to more than loopback
};

struct Admission {
  HttpRequest request;  // all but the body
  const HttpHandler* handler = nullptr;
  std::uint64_t body_bytes_max = 0;
  std::uint64_t body_bytes_expected = 0;  // as declared; the most there may be where it is not
  bool is_slow = false;
  bool is_instant = false;
  bool expects_continue = false;
};

// An Admission, or why it is refused. After a refusal the connection is closed: what would follow
// on it is not to be trusted. `check` says what the token is worth, once, if that decides.
std::variant<Admission, Fault> Admit(const RequestHead& head, const AdmissionRules& rules,
                                     const Router& router, const TokenCheck& check);
}  // namespace weirhouse::http

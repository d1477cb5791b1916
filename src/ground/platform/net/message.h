// Requests and responses as handlers see them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"

namespace weirhouse::http {

// A request that has passed every check of the server: host, origin, token, size, type.
struct HttpRequest {
  std::string method;  // "GET"; HEAD arrives as GET without its own route
  std::string path;    // see ground/platform/net/target.h
  std::map<std::string, std::string> parameters;  // what {name} in the route's pattern stood for
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  // names in lower case; repeated ones joined by ", "
  std::string body;
  std::string remote;  // "127.0.0.1:51234"
  std::string token;   // the bearer's secret, only where Area::hands_over_token; never log it
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // beside type and length
};

HttpResponse JsonResponse(int status, std::string json);

// Why the server itself refuses a request, before it has the form of a response.
struct Fault {
  int status = 400;
  std::string code;  // "WH8070"
  std::string message;
  std::string hint = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};
// {"error":{"code":…,"message":…,"hint":…}}
HttpResponse ErrorResponse(const Fault& fault);
HttpResponse ErrorResponse(int status, std::string_view code, std::string_view message,
                           std::string_view hint = "");
// An error of ours as a response: 400 invalid input, 404, 403, 409 conflict, 422 gate and contract,
// 503 unavailable, 500 corruption and internal. An OK status is a mistake of the caller.
HttpResponse ErrorResponse(const Status& status);
// Its HTTP status alone.
int HttpStatusOf(Code code);

// What a bearer token is worth.
struct TokenVerdict {
  enum class Standing : std::uint8_t {
    kRefused,
    kUnknown,  // it cannot be told now
    kGuest,    // somebody's, live: good where Area::hands_over_token
    kOwner,    // the project's own: good everywhere
  };
  Standing standing = Standing::kRefused;
  std::string why = {};   // of a refusal: "the token \"etl\" has expired"; empty: no such token
  std::string code = {};  // beside `why`
};
// Any thread; may block.
using TokenCheck = std::function<TokenVerdict(std::string_view token)>;

// Whether `token` is the one whose SHA-256 was kept; takes the same time wherever they differ.
bool TokenMatches(std::string_view token, const Digest& kept);
}  // namespace weirhouse::http

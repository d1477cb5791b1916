// Requests and responses as handlers see them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"

namespace weirhouse::http {

// A request line and header fields, as received.
struct RequestHead {
  std::string method;
  std::string target;
  bool is_http_1_0 = false;
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
  std::string remote;
};
// The first field with that name (in lower case); null if there is none.
const std::string* FindField(const RequestHead& head, std::string_view name);

// A request that has passed every check of the server: host, origin, token, size, type.
struct HttpRequest {
  std::string method;  // "GET"; HEAD arrives as GET without its own route
  std::string path;    // see ground/platform/net/target.h
  std::map<std::string, std::string> parameters;  // the values of {name} in the route's pattern
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  // names in lower case; repeated ones joined by ", "
  std::string body;
  std::string remote;  // "127.0.0.1:51234"
  std::string token;   // the bearer token, only if Area::hands_over_token; never log it
};

// A body that is generated while it is sent: a large one in pieces, or an endless one.
//
// The server asks for the next piece once the previous one was sent, so a slow reader delays its
// own stream alone and holds no worker. It destroys the stream when the stream ends, when the
// client disconnects, or when the server stops while the stream waits. Threads: Next is called on a
// worker, by one thread at a time; it may block, but must not wait for an event that may never
// come.
class BodyStream {
 public:
  struct Piece {
    std::string bytes;                      // may be empty
    bool is_last = false;                   // nothing follows `bytes`
    std::chrono::milliseconds again_in{0};  // how long to wait after `bytes` before the next Next
  };
  virtual ~BodyStream() = default;
  // After an error the connection is cut, so that no client mistakes a part for the whole.
  virtual Result<Piece> Next() = 0;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::shared_ptr<BodyStream> stream = nullptr;              // instead of `body`
  std::vector<std::pair<std::string, std::string>> headers;  // beside type and length
};

HttpResponse JsonResponse(int status, std::string json);

// A refusal by the server itself, before it is formatted as a response.
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
// A status as a response: 400 invalid input, 404, 403, 409 conflict, 422 gate and contract, 503
// unavailable, 500 corruption and internal. The status must not be OK.
HttpResponse ErrorResponse(const Status& status);
// The HTTP status of `code`.
int ToHttpStatus(Code code);

// Whether the SHA-256 of `token` is `kept`. Takes the same time wherever the two differ.
bool TokenMatches(std::string_view token, const Digest& kept);
}  // namespace weirhouse::http

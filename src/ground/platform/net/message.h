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

// A request line and header fields, as they came.
struct RequestHead {
  std::string method;
  std::string target;
  bool is_http_1_0 = false;
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
  std::string remote;
};
// The first field of that name, which is in lower case; null: none.
const std::string* FindField(const RequestHead& head, std::string_view name);

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

// A body that is made while it is sent: a large one piece by piece, or one without an end.
//
// The server asks for a piece when the one before it has gone out, so that a slow reader holds up
// its own stream alone, and no worker. It lets go of the stream when that has ended, when the client
// has gone, or when the server stops while the stream waits. Threads: Next is called on a worker, by
// one thread at a time; it may block, but must not wait for what may never come.
class BodyStream {
 public:
  struct Piece {
    std::string bytes;                      // may be empty
    bool is_last = false;                   // nothing follows `bytes`
    std::chrono::milliseconds again_in{0};  // after `bytes`: how long to wait before the next Next
  };
  virtual ~BodyStream() = default;
  // After an error the connection is cut, so that nobody takes what came for the whole.
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

// Whether `token` is the one whose SHA-256 was kept; takes the same time wherever they differ.
bool TokenMatches(std::string_view token, const Digest& kept);
}  // namespace weirhouse::http

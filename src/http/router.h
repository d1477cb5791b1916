// Which handler answers which method and path.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "http/target.h"

namespace weirhouse::http {

// Runs on a worker, may block, may be called on several threads at once. A handler that throws is
// answered with 500.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct RouteOptions {
  std::int64_t body_bytes_max = 1 << 20;  // above it: 413, before the body is read
  // Reads are open on loopback, unless a route says otherwise. Every other method needs the token
  // whatever is said here.
  bool requires_token = false;
};

// Built before the server starts, then only read.
class Router {
 public:
  // `pattern`: "/v1/models/{name}"; a {name} stands for exactly one step and may stand last or in
  // between. Where both fit, a literal step goes before a {name}. The same method and shape twice
  // is a mistake of the caller's and ends the process.
  void Add(std::string_view method, std::string_view pattern, HttpHandler handler,
           RouteOptions options = {});

  struct Match {
    const HttpHandler* handler = nullptr;  // null: no route; see `allowed`
    RouteOptions options;
    std::map<std::string, std::string> parameters;
    std::vector<std::string> allowed;  // methods of this path; empty = unknown path (404, not 405)
  };
  Match Find(std::string_view method, const Target& target) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> steps;  // "{name}" or literal
    HttpHandler handler;
    RouteOptions options;
  };
  std::vector<Route> routes_;
};
}  // namespace weirhouse::http

// Maps methods and paths to handlers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/platform/net/message.h"
#include "ground/platform/net/target.h"

namespace weirhouse::http {

// Runs on a worker and may block; must be safe to call on several threads at once. A handler that
// throws is answered with 500.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct RouteOptions {
  std::int64_t body_bytes_max = 1 << 20;  // a larger body is refused with 413 before it is read
  // What a body may be declared as, in lower case; empty: application/json.
  std::vector<std::string> media_types = {};
  // A body may be compressed with gzip; the handler inflates it.
  bool takes_gzip = false;
  // Reads on loopback need no token unless a route sets this. Every other method always needs one.
  bool requires_token = false;
  // May take seconds. Such requests have workers of their own, so that quick requests never wait
  // for them.
  bool is_slow = false;
  // Needs nothing but memory. It runs on the thread that serves sockets, so it is answered even
  // while all workers are blocked.
  bool is_instant = false;
};

// Rules for every path at or below a prefix, whether or not it has a route.
struct Area {
  std::string prefix;  // "/iceberg"
  bool requires_token = false;
  // Any valid token is accepted and passed to the handler, which decides what its holder may do.
  // Elsewhere only the project's own token is.
  bool hands_over_token = false;
  bool free_names = false;  // see ground/platform/net/target.h
  // Formats refusals that the server makes before a handler is called; ErrorResponse if empty. The
  // fault's header fields are added to the result.
  std::function<HttpResponse(const Fault&)> error_form = {};
};

// Built before the server starts, then only read. Threads: any, once built.
class Router {
 public:
  // `pattern`: "/v1/models/{name}". A {name} matches exactly one step and may be last or in
  // between. If both match, a literal step wins over a {name}. Adding the same method and shape
  // twice is a programming error and ends the process.
  void Add(std::string_view method, std::string_view pattern, HttpHandler handler,
           RouteOptions options = {});
  void AddArea(Area area);

  struct Match {
    const HttpHandler* handler = nullptr;  // null: no route; see `allowed`
    RouteOptions options;
    std::map<std::string, std::string> parameters;
    std::vector<std::string> allowed;  // methods of this path; empty = unknown path (404, not 405)
    std::string method;                // the route's: GET for a HEAD without its own
  };
  // The route of a request. A HEAD without a route of its own matches the GET.
  Match Find(std::string_view method, const Target& target) const;
  Result<Target> Parse(std::string_view raw_target) const;
  // The area of a decoded path, so that no spelling evades it; null if there is none. Areas do not
  // overlap.
  const Area* FindArea(std::string_view path) const;
  // `fault` formatted for the area of a raw target.
  HttpResponse Form(std::string_view raw_target, const Fault& fault) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> steps;  // "{name}" or literal
    HttpHandler handler;
    RouteOptions options;
  };
  std::vector<Route> routes_;
  std::vector<Area> areas_;
  std::vector<std::string> free_prefixes_;
};
}  // namespace weirhouse::http

// Which handler answers which method and path.
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

// Runs on a worker, may block, may be called on several threads at once. A handler that throws is
// answered with 500.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct RouteOptions {
  std::int64_t body_bytes_max = 1 << 20;  // above it: 413, before the body is read
  // Reads are open on loopback, unless a route says otherwise. Every other method needs the token
  // whatever is said here.
  bool requires_token = false;
  // May take seconds: such requests have workers of their own, so that quick ones never wait for
  // them.
  bool is_slow = false;
  // Needs nothing but memory: runs on the thread that speaks to sockets, so that it is answered
  // also while all workers wait for something.
  bool is_instant = false;
};

// What holds for every path at or below a prefix, whether a route is there or not.
struct Area {
  std::string prefix;  // "/iceberg"
  bool requires_token = false;
  // Anybody's live token is let in, and handed to the handler, which judges what its holder may do.
  // Elsewhere only the project's own is.
  bool hands_over_token = false;
  bool free_names = false;  // see ground/platform/net/target.h
  // How refusals look that the server makes before a handler is asked; ErrorResponse if empty. The
  // fault's header fields are added to it.
  std::function<HttpResponse(const Fault&)> error_form = {};
};

// Built before the server starts, then only read.
class Router {
 public:
  // `pattern`: "/v1/models/{name}"; a {name} stands for exactly one step and may stand last or in
  // between. Where both fit, a literal step goes before a {name}. The same method and shape twice
  // is a mistake of the caller's and ends the process.
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
  // A HEAD without a route of its own is answered as GET.
  Match Find(std::string_view method, const Target& target) const;
  Result<Target> Parse(std::string_view raw_target) const;
  // The area of a path, decoded, so that no spelling leaves it; null: none. Areas do not overlap.
  const Area* AreaOf(std::string_view path) const;
  // `fault` in the form of the area that a target, as it came, seems to ask.
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

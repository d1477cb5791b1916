#include "ground/platform/net/router.h"

#include <algorithm>

#include "ground/base/text.h"

namespace weirhouse::http {
namespace {
bool IsParameter(std::string_view step) {
  return step.size() > 2 && step.front() == '{' && step.back() == '}';
}

bool Fits(const std::vector<std::string>& pattern, const std::vector<std::string>& steps) {
  if (pattern.size() != steps.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (!IsParameter(pattern[i]) && pattern[i] != steps[i]) return false;
  }
  return true;
}

// Whether `a` is more literal than `b`, judged from the left.
bool GoesBefore(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (IsParameter(a[i]) != IsParameter(b[i])) return IsParameter(b[i]);
  }
  return false;
}
}  // namespace

void Router::Add(std::string_view method, std::string_view pattern, HttpHandler handler,
                 RouteOptions options) {
  WEIRHOUSE_CHECK(!pattern.empty() && pattern.front() == '/');
  Route route{std::string(method), {}, std::move(handler), options};
  if (pattern != "/") {
    for (const std::string_view step : Split(pattern.substr(1), '/'))
      route.steps.emplace_back(step);
  }
  for (const Route& known : routes_) {
    const bool same = known.method == route.method && Fits(known.steps, route.steps) &&
                      Fits(route.steps, known.steps);
    WEIRHOUSE_CHECK(!same);
  }
  routes_.push_back(std::move(route));
}

void Router::AddArea(Area area) {
  for (const Area& known : areas_)
    WEIRHOUSE_CHECK(!IsBelow(known.prefix, area.prefix) && !IsBelow(area.prefix, known.prefix));
  if (area.free_names) free_prefixes_.push_back(area.prefix);
  areas_.push_back(std::move(area));
}

const Area* Router::FindArea(std::string_view path) const {
  for (const Area& area : areas_)
    if (IsBelow(path, area.prefix)) return &area;
  return nullptr;
}

Result<Target> Router::Parse(std::string_view raw_target) const {
  return ParseTarget(raw_target, free_prefixes_);
}

HttpResponse Router::Form(std::string_view raw_target, const Fault& fault) const {
  const Area* area = FindArea(raw_target);
  if (area == nullptr || !area->error_form) return ErrorResponse(fault);
  HttpResponse response = area->error_form(fault);
  for (const auto& field : fault.headers) {
    const auto is_same = [&field](const auto& known) { return known.first == field.first; };
    if (std::none_of(response.headers.begin(), response.headers.end(), is_same))
      response.headers.push_back(field);
  }
  return response;
}

Router::Match Router::Find(std::string_view method, const Target& target) const {
  Match match;
  const Route* best = nullptr;
  for (const Route& route : routes_) {
    if (!Fits(route.steps, target.steps)) continue;
    if (std::find(match.allowed.begin(), match.allowed.end(), route.method) == match.allowed.end())
      match.allowed.push_back(route.method);
    if (route.method != method) continue;
    if (best == nullptr || GoesBefore(route.steps, best->steps)) best = &route;
  }
  std::sort(match.allowed.begin(), match.allowed.end());
  if (best == nullptr && method == "HEAD") return Find("GET", target);
  if (best == nullptr) return match;
  match.method = best->method;
  match.handler = &best->handler;
  match.options = best->options;
  for (std::size_t i = 0; i < best->steps.size(); ++i) {
    const std::string& step = best->steps[i];
    if (IsParameter(step)) match.parameters[step.substr(1, step.size() - 2)] = target.steps[i];
  }
  return match;
}
}  // namespace weirhouse::http

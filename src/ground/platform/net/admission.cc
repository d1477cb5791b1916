#include "ground/platform/net/admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "ground/base/ascii.h"
#include "ground/base/text.h"

namespace weirhouse::http {
namespace {
std::size_t Count(const RequestHead& head, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(head.fields.begin(), head.fields.end(),
                    [name](const auto& field) { return field.first == name; }));
}

// The host of "host", "host:port", "[::1]:port", in lower case; nothing if it is neither.
std::optional<std::string> HostOf(std::string_view authority) {
  std::string_view host = authority;
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    const std::string_view port = authority.substr(colon + 1);
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  }
  if (host.empty() || host.size() > 255) return std::nullopt;
  return LowerCase(host);
}

bool IsAccepted(const std::string& host, const AdmissionRules& rules) {
  return std::find(rules.hosts.begin(), rules.hosts.end(), host) != rules.hosts.end();
}

bool IsLoopback(std::string_view host) {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

// Fields that decide where a request ends or who sends it come once, or the request is refused.
std::optional<Fault> RefuseSyntax(const RequestHead& head) {
  if (head.fields.size() > kFieldsMax)
    return Fault{431, "WH8079", "the request has more than 100 header fields"};
  for (const char* name : {"host", "authorization", "content-length", "transfer-encoding",
                           "content-type", "origin", "expect"}) {
    if (Count(head, name) > 1)
      return Fault{400, "WH8070",
                   fmt::format("the request has the header field \"{}\" twice", name)};
  }
  const std::string* encoding = FindField(head, "transfer-encoding");
  if (encoding != nullptr && (LowerCase(Trim(*encoding)) != "chunked" ||
                              FindField(head, "content-length") != nullptr || head.is_http_1_0)) {
    return Fault{400, "WH8070",
                 "the request's length is ambiguous: transfer-encoding other than a lone "
                 "\"chunked\", or together with content-length"};
  }
  const std::string* expect = FindField(head, "expect");
  if (expect != nullptr && LowerCase(Trim(*expect)) != "100-continue")
    return Fault{400, "WH8070", "the request's header field \"expect\" is not supported"};
  return std::nullopt;
}

std::optional<Fault> RefuseStranger(const RequestHead& head, const AdmissionRules& rules) {
  const std::string* authority = FindField(head, "host");
  if (authority == nullptr) return Fault{400, "WH8070", "the request has no header field \"host\""};
  const std::optional<std::string> host = HostOf(Trim(*authority));
  if (!host || !IsAccepted(*host, rules)) {
    return Fault{403, "WH8071", "the request's host is not a name of this server",
                 "use localhost or 127.0.0.1, or add the name to the configuration"};
  }
  const std::string* origin = FindField(head, "origin");
  if (origin == nullptr) return std::nullopt;
  // Our own pages are served from here, so their origin is the very authority they ask. This server
  // speaks plain HTTP: a page over TLS is ours only behind a proxy, under a name that was configured.
  const std::string lower = LowerCase(Trim(*origin));
  const std::string own = LowerCase(Trim(*authority));
  if (lower == "http://" + own || (lower == "https://" + own && !IsLoopback(*host)))
    return std::nullopt;
  return Fault{403, "WH8072", "the request comes from a page of another origin"};
}

Fault NoToken(std::string why, std::string code = "WH8073",
              std::string challenge = kBearerChallenge) {
  return Fault{
      401,
      std::move(code),
      std::move(why),
      "send `authorization: Bearer TOKEN`; `wh token new` makes another and ends the one before",
      {{"WWW-Authenticate", std::move(challenge)}}};
}

std::optional<Fault> RefuseUnknown(const RequestHead& head, const Authenticator* authenticator,
                                   const Identify& identify, bool takes_guests,
                                   Principal* principal) {
  const std::string missing = takes_guests ? "this request needs a token of the project"
                                           : "this request needs the project's own token";
  if (authenticator == nullptr) return NoToken(missing);
  const std::string challenge = authenticator->Challenge();
  const Result<bool> brought = authenticator->Brings(head);
  if (!brought.ok()) return NoToken(brought.status().message(), "WH8073", challenge);
  if (!*brought) return NoToken(missing, "WH8073", challenge);
  auto identified = identify();
  if (identified.ok()) {
    *principal = std::move(identified).value();
    if (takes_guests || principal->standing == Principal::Standing::kOwner) return std::nullopt;
    return NoToken(
        "the token is valid for the catalog only: this request needs the project's own token",
        "WH8073", challenge);
  }
  const Status& why = identified.status();
  if (why.code() != Code::kUnavailable) return NoToken(why.message(), why.error_code(), challenge);
  return Fault{503,
               why.error_code().empty() ? "WH8046" : why.error_code(),
               "could not check the token: " + why.message(),
               "try again a little later",
               {{"Retry-After", "1"}}};
}

// The length of a body; the longest there may be where it is not declared.
std::variant<std::uint64_t, Fault> LengthOf(const RequestHead& head, std::uint64_t body_bytes_max) {
  const std::string* length = FindField(head, "content-length");
  if (length == nullptr)
    return FindField(head, "transfer-encoding") == nullptr ? 0 : body_bytes_max;
  const std::string_view text = Trim(*length);
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (error != std::errc() || end != text.data() + text.size())
    return Fault{400, "WH8070", "the content-length is not a number"};
  if (bytes <= body_bytes_max) return bytes;
  return Fault{
      413, "WH8077",
      fmt::format("the body has {} bytes, more than the limit of {}", bytes, body_bytes_max)};
}

std::optional<Fault> RefuseType(const RequestHead& head, const RouteOptions& options) {
  const std::string* encoding = FindField(head, "content-encoding");
  const std::string coded = encoding == nullptr ? "identity" : LowerCase(Trim(*encoding));
  if (coded != "identity" && !(coded == "gzip" && options.takes_gzip)) {
    return Fault{415, "WH8080",
                 fmt::format("the body is compressed{}, which is not supported",
                             options.takes_gzip ? " otherwise than by gzip" : ""),
                 options.takes_gzip ? "send it uncompressed, or with `content-encoding: gzip`"
                                    : "send it uncompressed"};
  }
  const std::string* type = FindField(head, "content-type");
  const std::string media =
      type == nullptr ? "" : LowerCase(Trim(std::string_view(*type).substr(0, type->find(';'))));
  const std::vector<std::string>& taken = options.media_types;
  if (taken.empty() ? media == "application/json" : std::ranges::find(taken, media) != taken.end())
    return std::nullopt;
  if (!taken.empty()) {
    return Fault{415, "WH8080", "the body is not declared as what is taken here",
                 fmt::format("send `content-type: {}`", Join(taken, "` or `"))};
  }
  return Fault{415, "WH8080", "the body is not declared as JSON",
               "send `content-type: application/json`"};
}

Fault RefuseRoute(const Router::Match& match, const RequestHead& head, const Target& target) {
  if (match.allowed.empty())
    return Fault{404, "WH8074", fmt::format("nothing is at \"{}\"", EscapeControl(target.path))};
  return Fault{405,
               "WH8075",
               fmt::format("\"{}\" does not take {}", EscapeControl(target.path),
                           EscapeControl(head.method)),
               "",
               {{"Allow", Join(match.allowed, ", ")}}};
}

HttpRequest RequestOf(const RequestHead& head, Target target, Router::Match& match) {
  HttpRequest request;
  request.method = match.method;
  request.path = std::move(target.path);
  request.query = std::move(target.query);
  request.parameters = std::move(match.parameters);
  request.remote = head.remote;
  for (const auto& [name, value] : head.fields) {
    if (name == "authorization") continue;  // a log must not have it; see HttpRequest::token
    std::string& kept = request.headers[name];
    kept += (kept.empty() ? "" : ", ") + std::string(Trim(value));
  }
  return request;
}
}  // namespace

std::variant<Admission, Fault> Admit(const RequestHead& head, const AdmissionRules& rules,
                                     const Router& router, const Authenticator* authenticator,
                                     const Identify& identify) {
  if (head.target.size() > kTargetBytesMax)
    return Fault{414, "WH8078", "the request's target is longer than 8 KiB"};
  if (auto refusal = RefuseSyntax(head)) return *std::move(refusal);
  if (auto refusal = RefuseStranger(head, rules)) return *std::move(refusal);
  auto target = router.Parse(head.target);
  if (!target.ok()) return Fault{400, target.status().error_code(), target.status().message()};

  const bool is_read = head.method == "GET" || head.method == "HEAD";
  Router::Match match = router.Find(head.method, *target);
  const Area* area = router.FindArea(target->path);
  const bool takes_guests = area != nullptr && area->hands_over_token;
  Principal principal;
  // Checked before the route: without a token nothing is revealed about which routes exist.
  if (!is_read || rules.reads_need_token || match.options.requires_token ||
      (area != nullptr && area->requires_token)) {
    if (auto refusal = RefuseUnknown(head, authenticator, identify, takes_guests, &principal))
      return *std::move(refusal);
  }
  if (match.handler == nullptr) return RefuseRoute(match, head, *target);
  Admission admission;
  admission.body_bytes_max = static_cast<std::uint64_t>(match.options.body_bytes_max);
  auto length = LengthOf(head, admission.body_bytes_max);
  if (auto* refusal = std::get_if<Fault>(&length)) return std::move(*refusal);
  admission.body_bytes_expected = std::get<std::uint64_t>(length);
  if (!is_read &&
      (admission.body_bytes_expected > 0 || FindField(head, "transfer-encoding") != nullptr)) {
    if (auto refusal = RefuseType(head, match.options)) return *std::move(refusal);
  }
  admission.handler = match.handler;
  admission.is_slow = match.options.is_slow;
  admission.is_instant = match.options.is_instant;
  admission.expects_continue = FindField(head, "expect") != nullptr;
  admission.request = RequestOf(head, std::move(target).value(), match);
  if (takes_guests) admission.request.token = std::move(principal.secret);
  return admission;
}
}  // namespace weirhouse::http

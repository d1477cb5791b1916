// The status line and header fields of a response, for Beast's serializer.
#pragma once

#include <boost/beast/http/field.hpp>
#include <string>
#include <string_view>

#include "ground/platform/net/message.h"

namespace weirhouse::http {

// `value` without control characters, so that a header value cannot begin a new line.
inline std::string OneLine(std::string_view value) {
  std::string line;
  for (const char c : value) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) line += c;
  }
  return line;
}

inline bool HasBody(const HttpResponse& response) {
  return response.status != 204 && response.status != 304;
}

// Sets all fields, the length of `body` among them.
template <typename Message>
void SetHead(Message& message, const HttpResponse& response, bool keep_alive) {
  message.version(11);
  message.result(static_cast<unsigned>(response.status));
  const bool streams = response.stream != nullptr;
  if (streams || !response.body.empty())
    message.insert(boost::beast::http::field::content_type, OneLine(response.content_type));
  if (!streams && HasBody(response))
    message.insert(boost::beast::http::field::content_length, std::to_string(response.body.size()));
  message.insert("X-Content-Type-Options", "nosniff");
  bool has_cache_rule = false;
  for (const auto& [name, value] : response.headers) {
    message.insert(name, OneLine(value));
    has_cache_rule = has_cache_rule || name == "Cache-Control";
  }
  if (!has_cache_rule) message.insert(boost::beast::http::field::cache_control, "no-store");
  message.insert(boost::beast::http::field::connection, keep_alive ? "keep-alive" : "close");
}
}  // namespace weirhouse::http

// Reads connection options from a URL.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::platform {

// The options passed to libpq: those of the URL, and our defaults for the others.
struct ConnectionOptions {
  std::vector<std::pair<std::string, std::string>> pairs;

  // Arrays as libpq takes them, ended by a null pointer. Valid while this object lives.
  std::vector<const char*> names() const;
  std::vector<const char*> values() const;
};
Result<ConnectionOptions> ParseConnectionOptions(const std::string& url);
}  // namespace weirhouse::platform

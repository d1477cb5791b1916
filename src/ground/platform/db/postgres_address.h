// Connection options out of a URL.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::platform {

// What libpq is given: the options of the URL and, where it says nothing, ours.
struct ConnectionOptions {
  std::vector<std::pair<std::string, std::string>> pairs;

  // As libpq wants them: ended by a null. Valid while this lives.
  std::vector<const char*> names() const;
  std::vector<const char*> values() const;
};
Result<ConnectionOptions> OptionsOf(const std::string& url);
}  // namespace weirhouse::platform

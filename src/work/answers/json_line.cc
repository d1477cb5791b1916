#include "work/answers/json_line.h"

#include <nlohmann/json.hpp>

namespace weirhouse::answers {

std::string JsonLine(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}
}  // namespace weirhouse::answers

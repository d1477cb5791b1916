#include "ground/iceberg/type/json_number.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace weirhouse::iceberg {

namespace {
using Json = nlohmann::json;
}  // namespace

std::int64_t ReadJsonLong(const Json& value, const char* key) {
  if (!value.is_number_integer()) {
    throw Json::type_error::create(302, fmt::format("\"{}\" must be an integer", key), &value);
  }
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > kMax) {
    throw Json::out_of_range::create(406, fmt::format("\"{}\" is above 2^63 - 1", key), &value);
  }
  return value.get<std::int64_t>();
}

int ReadJsonId(const Json& value, const char* key) {
  const std::int64_t id = ReadJsonLong(value, key);
  if (id < std::numeric_limits<int>::min() || id > std::numeric_limits<int>::max()) {
    throw Json::out_of_range::create(406, fmt::format("\"{}\" does not fit 32 bits", key), &value);
  }
  return static_cast<int>(id);
}
}  // namespace weirhouse::iceberg

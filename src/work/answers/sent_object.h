// A JSON object that a caller sent: the body of an HTTP request, or the text of `--request`.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::answers {

using Texts = std::map<std::string, std::string>;

struct SentObject {
  nlohmann::json members = nlohmann::json::object();
  // The numbers as they were written, by name. The JSON library makes doubles of fractions and of
  // what 64 bits cannot hold, and a double no longer tells which number was meant.
  Texts numbers;
  std::map<std::string, Texts>
      inner_numbers;  // the same for members that are objects, by their names
};
// Parses `text`, which messages call `what`. Pure.
//   kInvalidInput (WH8048)  it is not a JSON object, an object has a name twice, or a number is
//                           beyond all doubles
Result<SentObject> ParseSent(std::string_view text, std::string_view what);
}  // namespace weirhouse::answers

// A JSON object as a caller sent it: a body over HTTP, the text of `--request`.
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
  // Numbers as they are spelt, by name: what JSON makes of them is a double where 64 bits do not
  // reach or a fraction is written, and no longer says which number was meant.
  Texts numbers;
  std::map<std::string, Texts> inner_numbers;  // of the objects among the members, by their name
};
// Errors: kInvalidInput (WH8048: no JSON object, a name twice in one object, a number beyond all
// doubles). `what` it is, for messages. Pure.
Result<SentObject> ParseSent(std::string_view text, std::string_view what);
}  // namespace weirhouse::answers

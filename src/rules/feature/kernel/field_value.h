// Fields of a request as sent, and the only code that turns them into values. However they came
// (command line, query, JSON body), the view decides the type, never the spelling.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "ground/base/status.h"
#include "rules/feature/definition/definition.h"
#include "rules/feature/value/value.h"

namespace weirhouse::feature {

// What a field is used for. A number that is a key must be exact: whole numbers that a double
// cannot distinguish are refused, while other numbers become the nearest double.
enum class FieldRole : std::uint8_t { kValue, kKey };

// A field in JSON: times as RFC 3339 with a zone; a whole number for an integer (beyond 2^53 only
// as an integer, because a double no longer tells which was sent); numbers, "NaN", "Infinity" and
// "-Infinity" for a number; an integer for a string stands for its digits; null is NULL. WH4013.
Result<Value> ValueOfJson(const nlohmann::json& json, ValueType type, const std::string& field,
                          FieldRole role = FieldRole::kValue);
// A field typed as text. For a string it is used unchanged, whatever it looks like; for other types
// `null` is NULL. WH4013.
Result<Value> ValueOfText(const std::string& text, ValueType type, const std::string& field,
                          FieldRole role = FieldRole::kValue);

// The field `name` from `fields` (JSON) or `texts`; if both have it: a JSON number and its
// spelling.
Result<Value> ValueOfField(const nlohmann::json& fields,
                           const std::map<std::string, std::string>& texts, const TypedName& name,
                           FieldRole role);

// A value in JSON for people and programs. JSON has no NaN and no infinities: they become the
// strings "NaN", "Infinity" and "-Infinity", never null.
nlohmann::json JsonOfValue(const Value& value);
}  // namespace weirhouse::feature

// Fields of a request as they were sent, and the one place where they become values: whichever road
// they came (command line, query, JSON body), the type is that of the view asked, never one that
// the spelling suggests.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "ground/base/status.h"
#include "rules/feature/definition/definition.h"
#include "rules/feature/value/value.h"

namespace weirhouse::feature {

// What a field is for. A number that is a key must be told exactly: whole numbers between which a
// double cannot tell are refused, where another number takes the nearest double.
enum class FieldRole : std::uint8_t { kValue, kKey };

// A field as JSON values: times as RFC 3339 with a zone, a whole number for an integer (beyond 2^53
// only as an integer: a double no longer tells which was sent), "NaN", "Infinity" and "-Infinity"
// as well as numbers for a number; an integer for a string stands for its digits; null is NULL.
// WH4013.
Result<Value> ValueOfJson(const nlohmann::json& json, ValueType type, const std::string& field,
                          FieldRole role = FieldRole::kValue);
// A field that was typed as text, as the same: a string is taken as it stands, whatever it looks
// like; for any other type `null` is NULL. WH4013.
Result<Value> ValueOfText(const std::string& text, ValueType type, const std::string& field,
                          FieldRole role = FieldRole::kValue);

// The field `name`, of `fields` (JSON) or `texts`; of both: a JSON number, and how it is spelt.
Result<Value> ValueOfField(const nlohmann::json& fields,
                           const std::map<std::string, std::string>& texts, const TypedName& name,
                           FieldRole role);

// A value for people and programs. JSON has no NaN and no infinities: they are the strings "NaN",
// "Infinity" and "-Infinity", never null.
nlohmann::json JsonOfValue(const Value& value);
}  // namespace weirhouse::feature

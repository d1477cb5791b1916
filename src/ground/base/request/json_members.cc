#include "ground/base/request/json_members.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/base/ascii.h"
#include "ground/base/text.h"

namespace weirhouse {
namespace {

using Json = nlohmann::json;

const Json& EmptyObject() {
  static const Json empty = Json::object();
  return empty;
}
const Json& Null() {
  static const Json null;
  return null;
}
}  // namespace

JsonFields::JsonFields(RequestPlace& place, const Json& object, std::string path)
    : place_(place), object_(&object), path_(std::move(path)) {
  if (object.is_object()) return;
  RefuseType(object, path_, place_.words->object);
  object_ = &EmptyObject();
}

std::string JsonFields::Path(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

const Json& JsonFields::Any(const char* key) const {
  const auto it = object_->find(key);
  return it == object_->end() ? Null() : *it;
}

bool JsonFields::Has(const char* key) const { return !Any(key).is_null(); }

void JsonFields::RefuseType(const Json& found, const std::string& path, std::string_view why) {
  const RequestWords& words = *place_.words;
  if (words.tells_missing && found.is_null()) return place_.Refuse(path, "is missing");
  place_.Refuse(path, words.tells_found ? fmt::format("{}, found {}", why, found.type_name())
                                        : std::string(why));
}

// A null among texts is not missing.
void JsonFields::RefuseElement(const Json& found, const std::string& path, std::string_view mixed) {
  const std::string_view why = mixed.empty() ? place_.words->text : mixed;
  place_.Refuse(path, place_.words->tells_found
                          ? fmt::format("{}, found {}", why, found.type_name())
                          : std::string(why));
}

std::optional<std::int64_t> JsonFields::IntegerAt(const Json& value, const std::string& path,
                                                  std::int64_t minimum, std::int64_t maximum) {
  if (!value.is_number_integer()) {
    RefuseType(value, path, place_.words->integer);
    return std::nullopt;
  }
  // An unsigned number beyond int64 would come out negative.
  constexpr auto kLongMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const bool fits = !value.is_number_unsigned() || value.get<std::uint64_t>() <= kLongMax;
  const std::int64_t number = fits ? value.get<std::int64_t>() : 0;
  if (fits && number >= minimum && number <= maximum) return number;
  if (!fits && !place_.words->beyond_int64.empty()) {
    place_.Refuse(path, place_.words->beyond_int64);
    return std::nullopt;
  }
  place_.Refuse(path, fmt::format("must be from {} to {}, not {}", minimum, maximum, value.dump()));
  return std::nullopt;
}

std::int64_t JsonFields::Long(const char* key, std::int64_t minimum, std::int64_t maximum) {
  return IntegerAt(Any(key), Path(key), minimum, maximum).value_or(0);
}

std::optional<std::int64_t> JsonFields::OptionalLong(const char* key, std::int64_t minimum,
                                                     std::int64_t maximum) {
  if (!Has(key)) return std::nullopt;
  return IntegerAt(Any(key), Path(key), minimum, maximum);
}

int JsonFields::Int(const char* key, int minimum, int maximum) {
  return static_cast<int>(Long(key, minimum, maximum));
}

std::optional<int> JsonFields::OptionalInt(const char* key, int minimum, int maximum) {
  if (!Has(key)) return std::nullopt;
  return Int(key, minimum, maximum);
}

bool JsonFields::Bool(const char* key) {
  const Json& value = Any(key);
  if (value.is_boolean()) return value.get<bool>();
  RefuseType(value, Path(key), place_.words->flag);
  return false;
}

bool JsonFields::OptionalBool(const char* key) { return Has(key) && Bool(key); }

std::string JsonFields::AnyText(const char* key) {
  const Json& value = Any(key);
  if (value.is_string()) return value.get<std::string>();
  RefuseType(value, Path(key), place_.words->text);
  return "";
}

std::string JsonFields::Text(const char* key) {
  std::string text = AnyText(key);
  if (text.empty())
    place_.Refuse(Path(key), "must not be empty");  // a missing member has its own refusal
  return text;
}

std::string JsonFields::OptionalText(const char* key) { return Has(key) ? AnyText(key) : ""; }

std::string JsonFields::Word(const char* key, std::initializer_list<std::string_view> known) {
  const std::string text = Text(key);
  std::string choices;
  for (const std::string_view word : known) {
    if (LowerCase(text) == word) return std::string(word);
    choices += fmt::format("{}\"{}\"", choices.empty() ? "" : ", ", word);
  }
  place_.Refuse(Path(key), fmt::format("must be one of {}, not \"{}\"", choices, text));
  return "";
}

JsonFields JsonFields::Object(const char* key) { return {place_, Any(key), Path(key)}; }

std::vector<std::pair<const Json*, std::string>> JsonFields::Array(const char* key) {
  return ArrayAt(key, place_.words->array);
}

std::vector<std::pair<const Json*, std::string>> JsonFields::ArrayAt(const char* key,
                                                                     std::string_view why_not) {
  std::vector<std::pair<const Json*, std::string>> elements;
  const Json& value = Any(key);
  if (!value.is_array()) {
    RefuseType(value, Path(key), why_not);
    return elements;
  }
  if (value.size() > static_cast<std::size_t>(kRequestItemsMax)) {
    place_.Refuse(Path(key), fmt::format("has more than {} elements", kRequestItemsMax));
    return elements;
  }
  for (const Json& element : value) {
    elements.emplace_back(&element, fmt::format("{}[{}]", Path(key), elements.size()));
  }
  return elements;
}

std::vector<std::int64_t> JsonFields::Longs(const char* key, std::int64_t minimum,
                                            std::int64_t maximum) {
  std::vector<std::int64_t> numbers;
  for (const auto& [element, path] : Array(key)) {
    numbers.push_back(IntegerAt(*element, path, minimum, maximum).value_or(0));
  }
  return numbers;
}

std::vector<std::string> JsonFields::Texts(const char* key) {
  std::vector<std::string> texts;
  const std::string_view mixed = place_.words->mixed_array;
  for (const auto& [element, path] : ArrayAt(key, place_.words->text_array)) {
    if (element->is_string()) {
      texts.push_back(element->get<std::string>());
    } else {
      RefuseElement(*element, mixed.empty() ? path : Path(key), mixed);
    }
  }
  return texts;
}

std::vector<std::string> JsonFields::OptionalTexts(const char* key) {
  return Has(key) ? Texts(key) : std::vector<std::string>();
}

std::map<std::string, std::string> JsonFields::TextMap(const char* key) {
  std::map<std::string, std::string> map;
  const Json& value = Any(key);
  if (!value.is_object()) {
    RefuseType(value, Path(key), place_.words->text_object);
    return map;
  }
  const std::string_view mixed = place_.words->mixed_object;
  for (const auto& [name, text] : value.items()) {
    if (text.is_string()) {
      map[name] = text.get<std::string>();
    } else {
      RefuseElement(text, mixed.empty() ? fmt::format("{}.{}", Path(key), name) : Path(key), mixed);
    }
  }
  return map;
}

std::map<std::string, std::string> JsonFields::OptionalTextMap(const char* key) {
  return Has(key) ? TextMap(key) : std::map<std::string, std::string>();
}

bool IsTooDeep(const Json& json) {
  // An explicit stack, because recursion is what this guards against.
  std::vector<std::pair<const Json*, int>> open = {{&json, 1}};
  while (!open.empty()) {
    const auto [value, depth] = open.back();
    open.pop_back();
    if (!value->is_structured()) continue;
    if (depth > kRequestDepthMax) return true;
    for (const Json& element : *value) {
      if (element.is_structured()) open.emplace_back(&element, depth + 1);
    }
  }
  return false;
}
}  // namespace weirhouse

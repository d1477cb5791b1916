#include "ground/iceberg/type/update_json.h"

#include <nlohmann/json.hpp>

#include "ground/base/text.h"

namespace weirhouse::iceberg {
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

void JsonPlace::Refuse(std::string_view path, std::string_view why) {
  Fail(Status(Code::kInvalidInput,
              Clipped(path.empty() ? fmt::format("{}: {}", context, why)
                                   : fmt::format("{}: \"{}\" {}", context, path, why)))
           .WithError("WH7067"));
}

void JsonPlace::Fail(Status refusal) {
  if (status.ok()) status = std::move(refusal);
}

JsonFields::JsonFields(JsonPlace& place, const Json& object, std::string path)
    : place_(place), object_(&object), path_(std::move(path)) {
  if (object.is_object()) return;
  place_.Refuse(path_, object.is_null() ? "is missing" : "must be an object");
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

std::optional<std::int64_t> JsonFields::IntegerAt(const Json& value, const std::string& path,
                                                  std::int64_t minimum, std::int64_t maximum) {
  if (value.is_null()) {
    place_.Refuse(path, "is missing");
    return std::nullopt;
  }
  if (!value.is_number_integer()) {
    place_.Refuse(path, "must be an integer");
    return std::nullopt;
  }
  // An unsigned number beyond int64 would come out negative.
  constexpr auto kLongMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const bool fits = !value.is_number_unsigned() || value.get<std::uint64_t>() <= kLongMax;
  const std::int64_t number = fits ? value.get<std::int64_t>() : 0;
  if (fits && number >= minimum && number <= maximum) return number;
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
  place_.Refuse(Path(key), value.is_null() ? "is missing" : "must be true or false");
  return false;
}

std::string JsonFields::Text(const char* key) {
  const Json& value = Any(key);
  if (!value.is_string()) {
    place_.Refuse(Path(key), value.is_null() ? "is missing" : "must be a string");
    return "";
  }
  auto text = value.get<std::string>();
  if (text.empty()) place_.Refuse(Path(key), "must not be empty");
  return text;
}

std::string JsonFields::OptionalText(const char* key) {
  const Json& value = Any(key);
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  place_.Refuse(Path(key), "must be a string");
  return "";
}

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
  std::vector<std::pair<const Json*, std::string>> elements;
  const Json& value = Any(key);
  if (!value.is_array()) {
    place_.Refuse(Path(key), value.is_null() ? "is missing" : "must be an array");
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
  for (const auto& [element, path] : Array(key)) {
    if (element->is_string()) {
      texts.push_back(element->get<std::string>());
    } else {
      place_.Refuse(path, "must be a string");
    }
  }
  return texts;
}

std::map<std::string, std::string> JsonFields::TextMap(const char* key) {
  std::map<std::string, std::string> map;
  const Json& value = Any(key);
  if (!value.is_object()) {
    place_.Refuse(Path(key), value.is_null() ? "is missing" : "must be an object");
    return map;
  }
  for (const auto& [name, text] : value.items()) {
    if (text.is_string()) {
      map[name] = text.get<std::string>();
    } else {
      place_.Refuse(fmt::format("{}.{}", Path(key), name), "must be a string");
    }
  }
  return map;
}

bool IsTooDeep(const Json& json) {
  // A stack of our own: the point is not to recurse.
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

std::string Clipped(std::string message) {
  constexpr std::size_t kMessageBytesMax = 600;
  if (message.size() > kMessageBytesMax) {
    std::size_t end = kMessageBytesMax;
    while ((static_cast<std::uint8_t>(message[end]) & 0xC0) == 0x80) --end;  // whole characters
    message.resize(end);
    message += "…";
  }
  return EscapeControl(message);
}

}  // namespace weirhouse::iceberg

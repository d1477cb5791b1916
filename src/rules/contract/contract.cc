#include "rules/contract/contract.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "ground/base/text.h"
#include "rules/contract/decimal.h"

namespace weirhouse::contract {
namespace {
using nlohmann::json;

// Numbers are written as numbers, everything else as text. Decimals too are texts, because a JSON
// number would lose digits.
json Typed(const ContractField& field, const std::string& text) {
  if (field.type == LogicalType::kString || field.type == LogicalType::kDate ||
      field.type == LogicalType::kTimestamp || field.decimal) {
    return text;
  }
  return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

json CustomProperty(std::string_view property, json value) {
  return {{"property", property}, {"value", std::move(value)}};
}

json OptionsOf(const ContractField& field) {
  json options = json::object();
  if (field.minimum) {
    options[field.minimum->exclusive ? "exclusiveMinimum" : "minimum"] =
        Typed(field, field.minimum->text);
  }
  if (field.maximum) {
    options[field.maximum->exclusive ? "exclusiveMaximum" : "maximum"] =
        Typed(field, field.maximum->text);
  }
  if (field.min_length) options["minLength"] = *field.min_length;
  if (field.max_length) options["maxLength"] = *field.max_length;
  if (!field.pattern.empty()) options["pattern"] = field.pattern;
  if (!field.multiple_of.empty()) options["multipleOf"] = Typed(field, field.multiple_of);
  if (!field.format.empty()) options["format"] = field.format;
  return options;
}

json PropertyOf(const ContractField& field) {
  json property = {{"name", field.name}, {"logicalType", TypeName(field.type)}};
  if (field.decimal) property["physicalType"] = field.decimal->ToString();
  if (field.required) property["required"] = true;
  if (field.unique) property["unique"] = true;
  if (field.primary_key_position > 0) {
    property["primaryKey"] = true;
    property["primaryKeyPosition"] = field.primary_key_position;
  }
  if (!field.description.empty()) property["description"] = field.description;
  if (json options = OptionsOf(field); !options.empty())
    property["logicalTypeOptions"] = std::move(options);
  if (!field.valid_values.empty()) {
    json values = json::array();
    for (const std::string& text : field.valid_values) values.push_back(Typed(field, text));
    property["quality"] = json::array({{{"metric", "invalidValues"},
                                        {"mustBe", 0},
                                        {"arguments", {{"validValues", std::move(values)}}}}});
  }
  if (field.default_json) {
    property["customProperties"] =
        json::array({CustomProperty("whDefault", json::parse(*field.default_json))});
  }
  return property;
}
}  // namespace

std::string_view TypeName(LogicalType type) {
  switch (type) {
    case LogicalType::kString:
      return "string";
    case LogicalType::kDate:
      return "date";
    case LogicalType::kTimestamp:
      return "timestamp";
    case LogicalType::kNumber:
      return "number";
    case LogicalType::kInteger:
      return "integer";
    case LogicalType::kBoolean:
      return "boolean";
  }
  return "";
}

std::string DecimalShape::ToString() const {
  return fmt::format("DECIMAL({},{})", precision, scale);
}

std::string ContractField::TypeText() const {
  return decimal ? decimal->ToString() : std::string(TypeName(type));
}

std::string_view PolicyName(UnknownPolicy policy) {
  switch (policy) {
    case UnknownPolicy::kKeep:
      return "keep";
    case UnknownPolicy::kDrop:
      return "drop";
    case UnknownPolicy::kQuarantine:
      return "quarantine";
  }
  return "";
}
std::string_view PolicyName(ViolationPolicy policy) {
  switch (policy) {
    case ViolationPolicy::kQuarantine:
      return "quarantine";
    case ViolationPolicy::kRejectObject:
      return "reject_object";
    case ViolationPolicy::kFail:
      return "fail";
  }
  return "";
}
std::string_view ModeName(CompatibilityMode mode) {
  switch (mode) {
    case CompatibilityMode::kNone:
      return "none";
    case CompatibilityMode::kBackward:
      return "backward";
    case CompatibilityMode::kForward:
      return "forward";
    case CompatibilityMode::kFull:
      return "full";
    case CompatibilityMode::kDisabled:
      return "disabled";
  }
  return "";
}

std::string Version::ToString() const { return fmt::format("{}.{}.{}", major, minor, patch); }

Result<Version> ParseVersion(std::string_view text) {
  Version version;
  const std::vector<std::string_view> parts = Split(text, '.');
  const std::array<int*, 3> numbers = {&version.major, &version.minor, &version.patch};
  bool good = parts.size() == numbers.size();
  for (std::size_t i = 0; good && i < numbers.size(); ++i) {
    const char* end = parts[i].data() + parts[i].size();
    const auto [at, error] = std::from_chars(parts[i].data(), end, *numbers[i]);
    good = error == std::errc() && at == end && *numbers[i] >= 0;
  }
  if (good) return version;
  return Status(Code::kInvalidInput,
                fmt::format("not a version: \"{}\"", EscapeControl(text.substr(0, 64))))
      .WithError("WH1107")
      .WithHint("write major.minor.patch, for example 1.0.0");
}

Result<FieldType> ParseFieldType(std::string_view text) {
  std::vector<std::string> names;
  for (const LogicalType type :
       {LogicalType::kString, LogicalType::kDate, LogicalType::kTimestamp, LogicalType::kNumber,
        LogicalType::kInteger, LogicalType::kBoolean}) {
    if (text == TypeName(type)) return FieldType{type, {}};
    names.emplace_back(TypeName(type));
  }
  DecimalShape shape;
  if (ParseDecimalType(text, &shape) == DecimalTypeText::kDecimal)
    return FieldType{LogicalType::kNumber, shape};
  std::string hint = DidYouMean(text, names);
  if (hint.empty()) hint = "types are " + Join(names, ", ") + ", DECIMAL(precision, scale)";
  return Status(Code::kInvalidInput,
                fmt::format("not a type: \"{}\"", EscapeControl(text.substr(0, 64))))
      .WithError("WH1104")
      .WithHint(std::move(hint));
}

Contract::Contract(ContractParts parts) : parts_(std::move(parts)), digest_(Sha256Of(ToJson())) {}

std::vector<std::string> Contract::primary_key() const {
  std::vector<std::pair<int, std::string>> positions;
  for (const ContractField& field : parts_.fields) {
    if (field.primary_key_position > 0)
      positions.emplace_back(field.primary_key_position, field.name);
  }
  std::sort(positions.begin(), positions.end());
  std::vector<std::string> names;
  for (auto& [position, name] : positions) names.push_back(std::move(name));
  return names;
}

const ContractField* Contract::Find(std::string_view name) const {
  for (const ContractField& field : parts_.fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::vector<std::string> Contract::field_names() const {
  std::vector<std::string> names;
  for (const ContractField& field : parts_.fields) names.push_back(field.name);
  return names;
}

std::string Contract::Title() const {
  return fmt::format("{} {}", parts_.id, parts_.version.ToString());
}

std::string Contract::ToJson() const {
  json object = {{"name", parts_.id}, {"logicalType", "object"}, {"properties", json::array()}};
  for (const ContractField& field : parts_.fields) {
    object["properties"].push_back(PropertyOf(field));
  }
  for (const std::vector<std::string>& keys : parts_.duplicate_keys) {
    object["quality"].push_back(
        {{"metric", "duplicateValues"}, {"mustBe", 0}, {"arguments", {{"properties", keys}}}});
  }
  json document = {{"apiVersion", "v3.1.0"},  {"kind", "DataContract"},
                   {"id", parts_.id},         {"version", parts_.version.ToString()},
                   {"status", parts_.status}, {"schema", json::array({std::move(object)})}};
  if (!parts_.owner.empty()) document["team"] = {{"name", parts_.owner}};
  if (!parts_.description.empty()) document["description"] = {{"purpose", parts_.description}};
  json custom = json::array({CustomProperty("whCompatibility", ModeName(parts_.compatibility_mode)),
                             CustomProperty("whUnknownFields", PolicyName(parts_.unknown_policy)),
                             CustomProperty("whViolation", PolicyName(parts_.violation_policy))});
  std::map<int, std::vector<std::string>> migrations;
  for (const Migration& migration : parts_.migrations) {
    migrations[migration.from_major].push_back(
        fmt::format("{} = {}", migration.column, migration.expression));
  }
  for (const auto& [from, lines] : migrations) {
    custom.push_back(CustomProperty(fmt::format("whMigrateFrom{}", from), lines));
  }
  document["customProperties"] = std::move(custom);
  return document.dump(1);
}
}  // namespace weirhouse::contract

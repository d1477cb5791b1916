// ODCS 3.1 YAML → Contract. First checks the shape (closed keys), then the meaning; collects every
// finding of the file, so that one run of `validate` shows them all.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/base/yaml.h"
#include "rules/contract/contract.h"
#include "rules/contract/odcs/odcs_quality.h"
#include "rules/contract/odcs/odcs_shape.h"
#include "rules/contract/pattern.h"
#include "rules/contract/program.h"

namespace weirhouse::contract {
namespace {
constexpr std::size_t kFieldsMax = 10'000;
constexpr std::size_t kNameBytesMax = 255;
constexpr std::string_view kApiVersion = "v3.1.0";

// The index of a word among `words`, or -1 after a finding.
int ChoiceOf(const YamlNode& node, std::string_view what, const std::vector<std::string>& words,
             Findings* findings) {
  const std::string text = TextOf(node, what, findings);
  const auto it = std::find(words.begin(), words.end(), text);
  if (it != words.end()) return static_cast<int>(it - words.begin());
  if (node.is_scalar()) {
    std::string hint = DidYouMean(text, words);
    if (hint.empty()) hint = "known: " + Join(words, ", ");
    findings->Add(node.span(), "WH1104",
                  fmt::format("{} cannot be \"{}\"", what, EscapeControl(text)), std::move(hint));
  }
  return -1;
}

class OdcsParser {
 public:
  OdcsParser(const YamlNode& root, Findings* findings) : root_(root), findings_(findings) {}

  ContractParts Run() {
    parts_.span = root_.span();
    ReadHead();
    if (const YamlNode* schema = Need(root_, "schema", "the contract")) ReadSchema(*schema);
    if (const YamlNode* custom = root_.Find("customProperties")) ReadCustomProperties(*custom);
    return std::move(parts_);
  }

 private:
  const YamlNode* Need(const YamlNode& map, std::string_view key, std::string_view what) {
    const YamlNode* node = map.Find(key);
    if (node != nullptr && !node->is_null()) return node;
    findings_->Add(map.span(), "WH1103", fmt::format("{} lacks the key \"{}\"", what, key));
    return nullptr;
  }
  // The values of a list of custom properties by name; reserved (wh…) names must be known.
  std::vector<std::pair<std::string, const YamlNode*>> CustomOf(
      const YamlNode& list, const std::vector<std::string>& known);

  void ReadHead();
  void ReadSchema(const YamlNode& schema);
  void ReadProperty(const YamlNode& node);
  void ReadType(const YamlNode& node, ContractField* field);
  void ReadPhysicalType(const YamlNode& node, ContractField* field);
  std::string BoundNumberOf(const YamlNode& node, std::string_view what,
                            const ContractField& field);
  void ReadFlags(const YamlNode& node, ContractField* field);
  void ReadOptions(const YamlNode& options, ContractField* field);
  void ReadTimeOption(const YamlNode::Entry& option, ContractField* field);
  void ReadBound(const YamlNode::Entry& option, ContractField* field);
  void ReadDefault(const YamlNode& value, ContractField* field);
  void CheckName(const YamlNode& node, const std::string& name);
  void CheckField(const YamlNode& node, const ContractField& field);
  void ReadCustomProperties(const YamlNode& list);
  void ReadMigration(const std::string& property, const YamlNode& value);

  const YamlNode& root_;
  Findings* findings_;
  ContractParts parts_;
  std::map<std::string, std::string> names_;  // lower case → as written
};

void OdcsParser::ReadHead() {
  if (const YamlNode* node = Need(root_, "apiVersion", "the contract")) {
    const std::string text = TextOf(*node, "apiVersion", findings_);
    if (text != kApiVersion) {
      const bool newer = text.starts_with("v3.2");
      findings_->Add(node->span(), newer ? "WH1105" : "WH1101",
                     fmt::format("apiVersion \"{}\" is not supported", EscapeControl(text)),
                     fmt::format("write the contract in ODCS {}", kApiVersion));
    }
  }
  if (const YamlNode* node = Need(root_, "kind", "the contract");
      node != nullptr && TextOf(*node, "kind", findings_) != "DataContract") {
    findings_->Add(node->span(), "WH1101", "kind must be DataContract");
  }
  if (const YamlNode* node = Need(root_, "id", "the contract")) {
    parts_.id = TextOf(*node, "id", findings_);
    if (parts_.id.empty() || parts_.id.size() > kNameBytesMax)
      findings_->Add(node->span(), "WH1104", "id must have 1 to 255 bytes");
  }
  if (const YamlNode* node = Need(root_, "version", "the contract")) {
    Result<Version> version = ParseVersion(TextOf(*node, "version", findings_));
    if (version.ok()) {
      parts_.version = *version;
    } else {
      findings_->AddAt(node->span(), version.status());
    }
  }
  if (const YamlNode* node = Need(root_, "status", "the contract"))
    parts_.status = TextOf(*node, "status", findings_);
  if (const YamlNode* team = root_.Find("team"); team != nullptr && team->is_map()) {
    if (const YamlNode* name = team->Find("name"))
      parts_.owner = TextOf(*name, "the team's name", findings_);
  }
  if (const YamlNode* text = root_.Find("description"); text != nullptr && text->is_map()) {
    if (const YamlNode* purpose = text->Find("purpose"))
      parts_.description = TextOf(*purpose, "the purpose", findings_);
  }
}

void OdcsParser::ReadSchema(const YamlNode& schema) {
  if (!schema.is_sequence()) return;  // found by the shape
  if (schema.items().size() != 1) {
    findings_->Add(schema.span(), "WH1105",
                   fmt::format("a contract describes one source; its schema has {} objects",
                               schema.items().size()),
                   "write one contract file for each source");
    return;
  }
  const YamlNode& object = schema.items()[0];
  if (!object.is_map()) return;
  if (const YamlNode* name = Need(object, "name", "the schema object")) parts_.span = name->span();
  if (const YamlNode* type = object.Find("logicalType"))
    ChoiceOf(*type, "logicalType of a schema object", {"object"}, findings_);
  const YamlNode* properties = Need(object, "properties", "the schema object");
  if (properties == nullptr || !properties->is_sequence()) return;
  if (properties->items().empty() || properties->items().size() > kFieldsMax) {
    findings_->Add(properties->span(), "WH1104", "a contract has 1 to 10,000 fields");
    return;
  }
  for (const YamlNode& property : properties->items()) {
    if (property.is_map()) ReadProperty(property);
  }
  if (const YamlNode* custom = object.Find("customProperties")) CustomOf(*custom, {});
  if (const YamlNode* quality = object.Find("quality"); quality != nullptr)
    ReadObjectQuality(*quality, &parts_, findings_);
}

void OdcsParser::ReadProperty(const YamlNode& node) {
  ContractField field;
  const YamlNode* name = Need(node, "name", "a property");
  if (name == nullptr) return;
  field.name = TextOf(*name, "the name of a property", findings_);
  field.span = name->span();
  CheckName(*name, field.name);
  ReadType(node, &field);
  ReadFlags(node, &field);
  if (const YamlNode* text = node.Find("description"); text != nullptr && text->is_scalar())
    field.description = text->text();
  if (const YamlNode* options = node.Find("logicalTypeOptions");
      options != nullptr && !options->is_null()) {
    ReadOptions(*options, &field);
  }
  if (const YamlNode* quality = node.Find("quality")) ReadFieldQuality(*quality, &field, findings_);
  if (const YamlNode* custom = node.Find("customProperties")) {
    for (const auto& [property, value] : CustomOf(*custom, {"whDefault"})) {
      ReadDefault(*value, &field);
    }
  }
  CheckField(node, field);
  parts_.fields.push_back(std::move(field));
}

void OdcsParser::CheckName(const YamlNode& node, const std::string& name) {
  if (name.empty() || name.size() > kNameBytesMax) {
    findings_->Add(node.span(), "WH1104", "the name of a property must have 1 to 255 bytes");
    return;
  }
  if (name[0] == '_') {
    findings_->Add(node.span(), "WH1104",
                   fmt::format("the name \"{}\" is reserved", EscapeControl(name)),
                   "names that begin with \"_\" are hidden columns");
  }
  const auto [known, added] = names_.emplace(LowerCase(name), name);
  if (!added) {
    findings_->Add(node.span(), "WH1109",
                   fmt::format("field \"{}\" is declared twice", EscapeControl(name)),
                   known->second == name ? "" : "SQL does not tell upper from lower case");
  }
}

void OdcsParser::ReadType(const YamlNode& node, ContractField* field) {
  static const auto* words =
      new std::vector<std::string>{"string", "date", "timestamp", "number", "integer", "boolean"};
  for (const std::string_view key : {"properties", "items"}) {
    if (const YamlNode* nested = node.Find(key)) {
      findings_->Add(nested->span(), "WH1105", "nested fields are not supported yet",
                     "leave the field out: it is kept as JSON in _unknown (whUnknownFields: keep)");
    }
  }
  const YamlNode* type = Need(node, "logicalType", fmt::format("property \"{}\"", field->name));
  if (type == nullptr) return;
  const std::string text = type->text();
  if (text == "object" || text == "array" || text == "time" || text == "map") {
    findings_->Add(type->span(), "WH1105",
                   fmt::format("logicalType \"{}\" is not supported yet", text),
                   text == "time" ? "declare it as string with a pattern"
                                  : "leave the field out: it is kept as JSON in _unknown");
    return;
  }
  const int index = ChoiceOf(*type, "logicalType", *words, findings_);
  if (index >= 0) field->type = static_cast<LogicalType>(index);
  if (const YamlNode* physical = node.Find("physicalType");
      physical != nullptr && !physical->is_null() && field->type == LogicalType::kNumber) {
    ReadPhysicalType(*physical, field);
  }
}

// A decimal is kept exactly; physical types of other fields are for other readers of the contract.
void OdcsParser::ReadPhysicalType(const YamlNode& node, ContractField* field) {
  const std::string text = TextOf(node, "physicalType", findings_);
  DecimalShape shape;
  switch (ParseDecimalType(text, &shape)) {
    case DecimalTypeText::kDecimal:
      field->decimal = shape;
      return;
    case DecimalTypeText::kNotDecimal:
      return;
    case DecimalTypeText::kWithoutDigits:
      findings_->Add(node.span(), "WH1105",
                     fmt::format("physicalType \"{}\" does not say how many digits are kept",
                                 EscapeControl(text)),
                     "write DECIMAL(precision, scale), or DOUBLE if rounding does no harm");
      return;
    case DecimalTypeText::kTooWide:
      findings_->Add(
          node.span(), "WH1105",
          fmt::format("physicalType \"{}\" cannot be kept", EscapeControl(text)),
          fmt::format("a decimal has 1 to {} digits, and no more of them after the point",
                      kDecimalDigitsMax));
  }
}

// The text of a number in a rule of `field`. A decimal's digits stay as written; they may be
// quoted, as some tools write them.
std::string OdcsParser::BoundNumberOf(const YamlNode& node, std::string_view what,
                                      const ContractField& field) {
  if (!field.decimal) return NumberOf(node, what, findings_);
  if (node.is_scalar() && IsJsonNumber(node.text())) return node.text();
  findings_->Add(node.span(), "WH1104",
                 fmt::format("{} must be a number, found \"{}\"", what,
                             EscapeControl(std::string_view(node.text()).substr(0, 64))));
  return "0";
}

void OdcsParser::ReadFlags(const YamlNode& node, ContractField* field) {
  if (const YamlNode* flag = node.Find("required"))
    field->required = FlagOf(*flag, "required", findings_);
  if (const YamlNode* flag = node.Find("unique"))
    field->unique = FlagOf(*flag, "unique", findings_);
  const YamlNode* primary = node.Find("primaryKey");
  const YamlNode* position = node.Find("primaryKeyPosition");
  const bool in_key = primary != nullptr && FlagOf(*primary, "primaryKey", findings_);
  std::int64_t place = -1;
  if (position != nullptr) place = WholeNumberOf(*position, "primaryKeyPosition", findings_);
  if (!in_key) {
    if (position != nullptr && place != -1)
      findings_->Add(position->span(), "WH1111", "primaryKeyPosition without primaryKey: true");
    return;
  }
  int next = 1;
  bool taken = false;
  for (const ContractField& other : parts_.fields) {
    next = std::max(next, other.primary_key_position + 1);
    taken |= other.primary_key_position == place;
  }
  if (place == -1) {
    field->primary_key_position = next;
  } else if (place < 1 || place > static_cast<std::int64_t>(kFieldsMax) || taken) {
    findings_->Add(position->span(), "WH1111",
                   fmt::format("primaryKeyPosition {} is {}", place,
                               taken ? "taken by another field" : "not a place from 1"));
  } else {
    field->primary_key_position = static_cast<int>(place);
  }
}

void OdcsParser::ReadOptions(const YamlNode& options, ContractField* field) {
  if (!options.is_map()) {
    findings_->Add(options.span(), "WH1104", "\"logicalTypeOptions\" must be a map of keys");
    return;
  }
  static const auto* bounds =
      new std::vector<std::string>{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"};
  std::vector<std::string> known = {"format"};
  const bool is_time = field->type == LogicalType::kDate || field->type == LogicalType::kTimestamp;
  const bool is_numeric =
      field->type == LogicalType::kInteger || field->type == LogicalType::kNumber;
  if (is_time || is_numeric) known.insert(known.end(), bounds->begin(), bounds->end());
  if (is_numeric) known.push_back("multipleOf");
  if (field->type == LogicalType::kString)
    known.insert(known.end(), {"minLength", "maxLength", "pattern"});
  if (field->type == LogicalType::kTimestamp)
    known.insert(known.end(), {"timezone", "defaultTimezone"});
  if (field->type == LogicalType::kBoolean) known.clear();
  for (const YamlNode::Entry& option : options.entries()) {
    if (std::find(known.begin(), known.end(), option.key) == known.end()) {
      std::string hint = DidYouMean(option.key, known);
      if (hint.empty()) hint = known.empty() ? "there are none" : "known: " + Join(known, ", ");
      SourceSpan span = option.key_span;
      span.width = std::max(1, static_cast<int>(option.key.size()));
      findings_->Add(span, "WH1102",
                     fmt::format("a {} has no option \"{}\"", TypeName(field->type),
                                 EscapeControl(option.key)),
                     std::move(hint));
    } else if (std::find(bounds->begin(), bounds->end(), option.key) != bounds->end()) {
      ReadBound(option, field);
    } else if (option.key == "minLength") {
      field->min_length = WholeNumberOf(option.value, "minLength", findings_);
    } else if (option.key == "maxLength") {
      field->max_length = WholeNumberOf(option.value, "maxLength", findings_);
    } else if (option.key == "pattern") {
      field->pattern = TextOf(option.value, "pattern", findings_);
    } else if (option.key == "multipleOf") {
      field->multiple_of = BoundNumberOf(option.value, "multipleOf", *field);
    } else if (is_time) {
      ReadTimeOption(option, field);
    } else {
      field->format = TextOf(option.value, "format", findings_);
    }
  }
}

void OdcsParser::ReadTimeOption(const YamlNode::Entry& option, ContractField* field) {
  if (option.key == "timezone") {
    FlagOf(option.value, "timezone", findings_);
    return;
  }
  const std::string text = TextOf(option.value, option.key, findings_);
  if (option.key == "defaultTimezone") {
    if (text == "UTC" || text == "Etc/UTC" || text == "Z") return;
    findings_->Add(option.value.span(), "WH1105",
                   fmt::format("defaultTimezone \"{}\" is not supported yet", EscapeControl(text)),
                   "times without a zone are read as UTC; write the offset into the values");
    return;
  }
  // A format that states what is read anyway is accepted; another would change the reading.
  static const auto* formats = new std::vector<std::string>{
      "yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ssXXX", "yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-ddTHH:mm:ssZ",
      "yyyy-MM-dd HH:mm:ss"};
  field->format = text;
  if (std::find(formats->begin(), formats->end(), text) == formats->end()) {
    findings_->Add(option.value.span(), "WH1105",
                   fmt::format("format \"{}\" is not supported for a {}", EscapeControl(text),
                               TypeName(field->type)),
                   "dates are YYYY-MM-DD and timestamps RFC 3339; other forms are strings");
  }
}

void OdcsParser::ReadBound(const YamlNode::Entry& option, ContractField* field) {
  const bool exclusive = option.key.starts_with("exclusive");
  const bool lower = option.key == "minimum" || option.key == "exclusiveMinimum";
  const bool numeric = field->type == LogicalType::kInteger || field->type == LogicalType::kNumber;
  std::optional<Bound>& bound = lower ? field->minimum : field->maximum;
  if (bound) {
    findings_->Add(option.key_span, "WH1111",
                   fmt::format("field \"{}\" has two bounds at one end", field->name),
                   "give either the inclusive or the exclusive one");
    return;
  }
  bound = Bound{numeric ? BoundNumberOf(option.value, option.key, *field)
                        : TextOf(option.value, option.key, findings_),
                exclusive};
}

void OdcsParser::ReadDefault(const YamlNode& value, ContractField* field) {
  if (!value.is_scalar()) {
    findings_->Add(value.span(), "WH1104", "whDefault must be a single value");
    return;
  }
  // Texts stay text: a string field with `value: 1` has the default "1".
  switch (field->type) {
    case LogicalType::kInteger:
    case LogicalType::kNumber:
      field->default_json = BoundNumberOf(value, "whDefault", *field);
      if (field->decimal) field->default_json = nlohmann::json(*field->default_json).dump();
      return;
    case LogicalType::kBoolean:
      field->default_json = FlagOf(value, "whDefault", findings_) ? "true" : "false";
      return;
    default:
      field->default_json = nlohmann::json(value.text()).dump();
  }
}

void OdcsParser::CheckField(const YamlNode& node, const ContractField& field) {
  const Result<FieldRules> rules = CompileField(field);
  if (rules.ok()) return;
  const Status& status = rules.status();
  SourceSpan span = node.span();
  std::string note;
  if (status.Is(kPatternRefused)) {
    // Marks the part that RE2 refuses, if it can be found on the line.
    const std::string part = RefusedPart(field.pattern);
    const YamlNode* options = node.Find("logicalTypeOptions");
    const YamlNode* pattern = options != nullptr ? options->Find("pattern") : nullptr;
    if (pattern != nullptr) span = pattern->span();
    const auto column =
        span.source_line.find(part, static_cast<std::size_t>(std::max(0, span.column - 1)));
    if (!part.empty() && column != std::string::npos) {
      span.column = static_cast<int>(column) + 1;
      span.width = static_cast<int>(part.size());
      note = "RE2 has no such thing";
    }
  }
  findings_->Add(span, status.error_code(), status.message(), status.hint(), note);
}

std::vector<std::pair<std::string, const YamlNode*>> OdcsParser::CustomOf(
    const YamlNode& list, const std::vector<std::string>& known) {
  std::vector<std::pair<std::string, const YamlNode*>> found;
  std::set<std::string> seen;
  for (const YamlNode& item : list.items()) {
    if (!item.is_map()) continue;
    const YamlNode* property = Need(item, "property", "a custom property");
    const YamlNode* value = Need(item, "value", "a custom property");
    if (property == nullptr || value == nullptr) continue;
    const std::string name = TextOf(*property, "the name of a custom property", findings_);
    if (!name.starts_with("wh")) continue;  // for other tools
    const bool is_known = std::any_of(known.begin(), known.end(), [&name](const std::string& each) {
      return name == each || (each.ends_with('N') &&
                              name.starts_with(std::string_view(each).substr(0, each.size() - 1)));
    });
    if (!is_known) {
      std::string hint = DidYouMean(name, known);
      if (hint.empty())
        hint = known.empty() ? "wh… properties go to the contract or to a field"
                             : "known: " + Join(known, ", ");
      findings_->Add(property->span(), "WH1112",
                     fmt::format("unknown property \"{}\" here", EscapeControl(name)),
                     std::move(hint));
    } else if (!seen.insert(name).second) {
      findings_->Add(property->span(), "WH1112",
                     fmt::format("property \"{}\" is given twice", EscapeControl(name)));
    } else {
      found.emplace_back(name, value);
    }
  }
  return found;
}

void OdcsParser::ReadCustomProperties(const YamlNode& list) {
  const std::vector<std::string> known = {"whCompatibility", "whUnknownFields", "whViolation",
                                          "whMigrateFromN"};
  for (const auto& [name, value] : CustomOf(list, known)) {
    if (name == "whCompatibility") {
      const int index =
          ChoiceOf(*value, name, {"none", "backward", "forward", "full", "disabled"}, findings_);
      if (index >= 0) parts_.compatibility_mode = static_cast<CompatibilityMode>(index);
    } else if (name == "whUnknownFields") {
      const int index = ChoiceOf(*value, name, {"keep", "drop", "quarantine"}, findings_);
      if (index >= 0) parts_.unknown_policy = static_cast<UnknownPolicy>(index);
    } else if (name == "whViolation") {
      const int index = ChoiceOf(*value, name, {"quarantine", "reject_object", "fail"}, findings_);
      if (index >= 0) parts_.violation_policy = static_cast<ViolationPolicy>(index);
    } else {
      ReadMigration(name, *value);
    }
  }
}

void OdcsParser::ReadMigration(const std::string& property, const YamlNode& value) {
  constexpr std::string_view kPrefix = "whMigrateFrom";
  const std::string_view digits = std::string_view(property).substr(kPrefix.size());
  int from = -1;
  const char* end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, from);
  if (error != std::errc() || at != end || from < 0 || from >= parts_.version.major) {
    findings_->Add(value.span(), "WH1112",
                   fmt::format("property \"{}\" does not name an older major version",
                               EscapeControl(property)),
                   fmt::format("this is version {}", parts_.version.ToString()));
    return;
  }
  const Result<std::vector<std::string>> lines = value.AsStringList(property);
  if (!lines.ok()) {
    findings_->Add(value.span(), "WH1104", lines.status().message());
    return;
  }
  for (const std::string& line : *lines) {
    const auto equals = line.find('=');
    const std::string column(Trim(std::string_view(line).substr(0, equals)));
    const std::string expression(
        equals == std::string::npos ? "" : Trim(std::string_view(line).substr(equals + 1)));
    const bool known = std::any_of(parts_.fields.begin(), parts_.fields.end(),
                                   [&column](const auto& field) { return field.name == column; });
    if (expression.empty() || !known) {
      findings_->Add(
          value.span(), "WH1104",
          fmt::format("a migration must read FIELD = EXPRESSION: \"{}\"", EscapeControl(line)),
          expression.empty() ? "" : "the field must be one of this contract's");
      continue;
    }
    parts_.migrations.push_back({from, column, expression});
  }
}

bool LooksLikeJsonSchema(const YamlNode& root) {
  return root.is_map() && root.Find("apiVersion") == nullptr &&
         (root.Find("$schema") != nullptr || root.Find("$id") != nullptr ||
          (root.Find("type") != nullptr && root.Find("properties") != nullptr));
}
}  // namespace

Result<Contract> ParseContract(std::string_view yaml, const std::string& path) {
  WEIRHOUSE_TRY(const std::vector<YamlNode> documents, ParseYaml(yaml, path));
  if (documents.size() != 1) {
    return Status(Code::kInvalidInput,
                  fmt::format("a contract file holds one document, found {}: {}", documents.size(),
                              path))
        .WithError("WH1101");
  }
  const YamlNode& root = documents[0];
  if (LooksLikeJsonSchema(root)) {
    return root.Error("WH1110", "JSON Schema contracts are not supported yet")
        .WithContext(path)
        .WithHint("write the contract in ODCS v3.1.0");
  }
  Findings findings;
  CheckShape(root, &findings);
  if (!root.is_map()) return StatusOfContract(findings, path);
  ContractParts parts = OdcsParser(root, &findings).Run();
  if (!findings.empty()) return StatusOfContract(findings, path);
  return Contract(std::move(parts));
}
}  // namespace weirhouse::contract

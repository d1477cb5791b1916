#include "rules/contract/odcs/odcs_quality.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"

namespace weirhouse::contract {
namespace {
const std::vector<std::string>& Operators() {
  static const auto* operators = new std::vector<std::string>{
      "mustBe",         "mustNotBe",           "mustBeGreaterThan", "mustBeGreaterOrEqualTo",
      "mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween",     "mustNotBeBetween"};
  return *operators;
}

// The metric of an entry that is judged at ingestion; "" after a finding (or for text).
std::string MetricOf(const YamlNode& entry, Findings* findings) {
  if (!entry.is_map()) return "";  // already found by the shape
  const YamlNode* type = entry.Find("type");
  const YamlNode* metric = entry.Find("metric");
  const std::string type_name =
      type != nullptr ? TextOf(*type, "the type of a quality entry", findings) : "library";
  if (type_name == "text") return "";
  if (type_name == "sql" || type_name == "custom") {
    findings->Add(type->span(), "WH1105",
                  fmt::format("quality of type \"{}\" is not run from a contract", type_name),
                  "write the check in a gate file (gates/NAME.yaml)");
    return "";
  }
  if (type_name != "library") {
    const std::vector<std::string> known = {"library", "text", "sql", "custom"};
    findings->Add(type->span(), "WH1104",
                  fmt::format("unknown type of quality \"{}\"", EscapeControl(type_name)),
                  DidYouMean(type_name, known));
    return "";
  }
  if (metric == nullptr) {
    const YamlNode* rule = entry.Find("rule");
    findings->Add(rule != nullptr ? rule->span() : entry.span(), "WH1103",
                  "a quality entry lacks the key \"metric\"",
                  rule != nullptr ? "\"rule\" is the old name of \"metric\"" : "");
    return "";
  }
  return TextOf(*metric, "the metric of a quality entry", findings);
}

// Whether the entry has exactly the operator `mustBe: 0`, the only bound that can be judged record
// by record.
bool HasZeroBound(const YamlNode& entry, std::string_view metric, Findings* findings) {
  std::vector<std::string> given;
  for (const YamlNode::Entry& each : entry.entries()) {
    const bool is_operator =
        std::find(Operators().begin(), Operators().end(), each.key) != Operators().end();
    if (is_operator) given.push_back(each.key);
  }
  if (given.size() != 1) {
    findings->Add(entry.span(), "WH1108",
                  given.empty() ? fmt::format("quality \"{}\" has no operator", metric)
                                : fmt::format("quality \"{}\" has {} operators: {}", metric,
                                              given.size(), Join(given, ", ")),
                  "give exactly one, for example mustBe: 0");
    return false;
  }
  const YamlNode& bound = *entry.Find(given[0]);
  if (given[0] == "mustBe" && bound.is_scalar() && bound.text() == "0") return true;
  findings->Add(
      bound.span(), "WH1105",
      fmt::format("quality \"{}\" can only be judged record by record as mustBe: 0", metric),
      "a share or a count is a matter for a gate (gates/NAME.yaml)");
  return false;
}

void RefuseMetric(const YamlNode& entry, const std::string& metric,
                  const std::vector<std::string>& judged, Findings* findings) {
  static const auto* standard = new std::vector<std::string>{
      "nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"};
  const YamlNode& node = *entry.Find("metric");
  if (std::find(standard->begin(), standard->end(), metric) == standard->end()) {
    findings->Add(node.span(), "WH1104",
                  fmt::format("unknown metric \"{}\"", EscapeControl(metric)),
                  DidYouMean(metric, *standard));
    return;
  }
  findings->Add(node.span(), "WH1105",
                fmt::format("metric \"{}\" is not judged at this place of a contract", metric),
                fmt::format("judged here: {}; use a gate for the others", Join(judged, ", ")));
}

// The map under `arguments`, with its keys checked; nullptr if there is none.
const YamlNode* ArgumentsOf(const YamlNode& entry, const std::vector<std::string>& known,
                            Findings* findings) {
  const YamlNode* arguments = entry.Find("arguments");
  if (arguments == nullptr || arguments->is_null()) return nullptr;
  if (!arguments->is_map()) {
    findings->Add(arguments->span(), "WH1104", "\"arguments\" must be a map of keys");
    return nullptr;
  }
  for (const YamlNode::Entry& each : arguments->entries()) {
    if (std::find(known.begin(), known.end(), each.key) != known.end()) continue;
    std::string hint = DidYouMean(each.key, known);
    if (hint.empty() && !known.empty()) hint = "known keys: " + Join(known, ", ");
    findings->Add(each.key_span, "WH1102",
                  fmt::format("unknown key \"{}\" in arguments", EscapeControl(each.key)),
                  std::move(hint));
  }
  return arguments;
}

void ReadValidValues(const YamlNode& list, ContractField* field, Findings* findings) {
  if (!list.is_sequence() || list.items().empty()) {
    findings->Add(list.span(), "WH1104", "\"validValues\" must be a list of at least one value");
    return;
  }
  if (!field->valid_values.empty()) {
    findings->Add(list.span(), "WH1111",
                  fmt::format("field \"{}\" has two lists of valid values", field->name));
    return;
  }
  const bool numeric = field->type == LogicalType::kInteger || field->type == LogicalType::kNumber;
  for (const YamlNode& item : list.items()) {
    if (field->decimal && item.is_scalar()) {
      field->valid_values.push_back(item.text());  // its digits; judged when the rules are compiled
      continue;
    }
    field->valid_values.push_back(numeric ? NumberOf(item, "a valid value", findings)
                                          : TextOf(item, "a valid value", findings));
  }
}

void ReadInvalidValues(const YamlNode& entry, ContractField* field, Findings* findings) {
  const YamlNode* arguments = ArgumentsOf(entry, {"validValues", "pattern"}, findings);
  const YamlNode* values = arguments != nullptr ? arguments->Find("validValues") : nullptr;
  const YamlNode* pattern = arguments != nullptr ? arguments->Find("pattern") : nullptr;
  if (values == nullptr && pattern == nullptr) {
    findings->Add(entry.span(), "WH1103",
                  "metric \"invalidValues\" needs arguments: validValues or pattern");
    return;
  }
  if (values != nullptr) ReadValidValues(*values, field, findings);
  if (pattern == nullptr) return;
  if (!field->pattern.empty()) {
    findings->Add(pattern->span(), "WH1111",
                  fmt::format("field \"{}\" has two patterns", field->name));
    return;
  }
  field->pattern = TextOf(*pattern, "the pattern", findings);
}
}  // namespace

void ReadFieldQuality(const YamlNode& quality, ContractField* field, Findings* findings) {
  for (const YamlNode& entry : quality.items()) {
    const std::string metric = MetricOf(entry, findings);
    if (metric.empty()) continue;
    if (metric == "invalidValues") {
      if (HasZeroBound(entry, metric, findings)) ReadInvalidValues(entry, field, findings);
    } else if (metric == "nullValues") {
      ArgumentsOf(entry, {}, findings);
      if (HasZeroBound(entry, metric, findings)) field->required = true;
    } else if (metric == "duplicateValues") {
      ArgumentsOf(entry, {}, findings);
      if (HasZeroBound(entry, metric, findings)) field->unique = true;
    } else {
      RefuseMetric(entry, metric, {"invalidValues", "nullValues", "duplicateValues"}, findings);
    }
  }
}

void ReadObjectQuality(const YamlNode& quality, ContractParts* parts, Findings* findings) {
  for (const YamlNode& entry : quality.items()) {
    const std::string metric = MetricOf(entry, findings);
    if (metric.empty()) continue;
    if (metric != "duplicateValues") {
      RefuseMetric(entry, metric, {"duplicateValues"}, findings);
      continue;
    }
    if (!HasZeroBound(entry, metric, findings)) continue;
    const YamlNode* arguments = ArgumentsOf(entry, {"properties"}, findings);
    const YamlNode* names = arguments != nullptr ? arguments->Find("properties") : nullptr;
    if (names == nullptr || !names->is_sequence() || names->items().empty()) {
      findings->Add(entry.span(), "WH1103",
                    "metric \"duplicateValues\" needs arguments: properties, a list of fields");
      continue;
    }
    std::vector<std::string> known;
    for (const ContractField& field : parts->fields) known.push_back(field.name);
    std::vector<std::string> keys;
    for (const YamlNode& item : names->items()) {
      const std::string name = TextOf(item, "a field of duplicateValues", findings);
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        findings->Add(
            item.span(), "WH1111",
            fmt::format("duplicateValues names an unknown field \"{}\"", EscapeControl(name)),
            DidYouMean(name, known));
      }
      keys.push_back(name);
    }
    parts->duplicate_keys.push_back(std::move(keys));
  }
}
}  // namespace weirhouse::contract

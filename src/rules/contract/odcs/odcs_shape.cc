#include "rules/contract/odcs/odcs_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "ground/base/text.h"

namespace weirhouse::contract {
namespace {
constexpr std::string_view kFixKeys = "WH1102";

// The keys of each level, from the standard's JSON Schema. A colon is followed by the form of the
// value: nothing = a single value; "?" = anything; "name" = a map of that shape; "[name]" = a list
// of such maps; "[=]" = a list of single values. A team may also be a list of members, as in ODCS
// 3.0.
struct ShapeText {
  std::string_view name;
  std::string_view keys;
};
constexpr std::array kShapeTexts = std::to_array<ShapeText>({
    {"contract",
     "apiVersion,kind,id,version,status,name,tenant,tags:[=],domain,dataProduct,"
     "description:description,schema:[schema object],team:team,servers:[server],"
     "support:[support channel],price:price,roles:[role],slaDefaultElement,"
     "slaProperties:[service level],authoritativeDefinitions:[definition],"
     "customProperties:[custom property],contractCreatedTs"},
    {"description",
     "usage,purpose,limitations,authoritativeDefinitions:[definition],"
     "customProperties:[custom property]"},
    {"schema object",
     "id,name,logicalType,physicalType,physicalName,businessName,description,"
     "dataGranularityDescription,tags:[=],properties:[property],relationships:[relationship],"
     "quality:[quality],authoritativeDefinitions:[definition],"
     "customProperties:[custom property]"},
    {"property",
     "id,name,logicalType,logicalTypeOptions:?,physicalType,physicalName,businessName,"
     "description,required,unique,primaryKey,primaryKeyPosition,partitioned,"
     "partitionKeyPosition,classification,encryptedName,transformSourceObjects:[=],"
     "transformLogic,transformDescription,examples:?,criticalDataElement,"
     "relationships:[relationship],quality:[quality],tags:[=],properties:?,items:?,"
     "authoritativeDefinitions:[definition],customProperties:[custom property]"},
    {"quality",
     "id,name,description,type,metric,rule,arguments:?,unit,query,engine,implementation:?,"
     "mustBe:?,mustNotBe:?,mustBeGreaterThan,mustBeGreaterOrEqualTo,mustBeLessThan,"
     "mustBeLessOrEqualTo,mustBeBetween:[=],mustNotBeBetween:[=],severity,dimension,method,"
     "businessImpact,schedule,scheduler,tags:[=],authoritativeDefinitions:[definition],"
     "customProperties:[custom property]"},
    {"team",
     "id,name,description,members:[team member],tags:[=],"
     "authoritativeDefinitions:[definition],customProperties:[custom property]"},
    {"team member",
     "id,username,name,description,role,dateIn,dateOut,replacedByUsername,tags:[=],"
     "authoritativeDefinitions:[definition],customProperties:[custom property]"},
    {"support channel",
     "id,channel,url,description,tool,scope,invitationUrl,customProperties:[custom property]"},
    {"price", "id,priceAmount,priceCurrency,priceUnit"},
    {"role",
     "id,role,description,access,firstLevelApprovers,secondLevelApprovers,"
     "customProperties:[custom property]"},
    {"service level",
     "id,property,value:?,valueExt:?,unit,element,driver,description,scheduler,schedule"},
    {"definition", "id,url,type,description"},
    {"relationship", "type,from:?,to:?,customProperties:[custom property]"},
    {"custom property", "id,property,value:?,description"},
    {"server", ""},
});

using Shape = std::vector<std::pair<std::string, std::string>>;  // key, how its value looks

const std::map<std::string, Shape, std::less<>>& Shapes() {
  static const auto* shapes = [] {
    auto* parsed = new std::map<std::string, Shape, std::less<>>();
    for (const ShapeText& text : kShapeTexts) {
      Shape& shape = (*parsed)[std::string(text.name)];
      if (text.keys.empty())
        continue;  // open: a server's keys depend on its type, nothing reads them
      for (const std::string_view item : Split(text.keys, ',')) {
        const auto colon = item.find(':');
        shape.emplace_back(item.substr(0, colon),
                           colon == std::string_view::npos ? "=" : item.substr(colon + 1));
      }
    }
    return parsed;
  }();
  return *shapes;
}

// Keys that are new in ODCS 3.2, and how 3.1 expresses the same.
std::string_view NewerKeyHint(std::string_view key) {
  if (key == "enum") {
    return "in 3.1: quality: [{metric: invalidValues, arguments: {validValues: […]}, mustBe: 0}]";
  }
  if (key == "default") return "in 3.1: customProperties: [{property: whDefault, value: …}]";
  if (key == "map" || key == "keys" || key == "values") return "declare the fields one by one";
  return "";
}

void CheckValue(const YamlNode& node, std::string_view shape, std::string_view key,
                Findings* findings);

void CheckMap(const YamlNode& node, const std::string& name, Findings* findings) {
  if (!node.is_map()) {
    findings->Add(node.span(), "WH1104", fmt::format("a {} must be a map of keys", name));
    return;
  }
  const Shape& shape = Shapes().find(name)->second;
  if (shape.empty()) return;
  std::vector<std::string> known;
  for (const auto& [key, value] : shape) known.push_back(key);
  for (const YamlNode::Entry& entry : node.entries()) {
    const auto it = std::find(known.begin(), known.end(), entry.key);
    if (it != known.end()) {
      const std::string& value_shape = shape[static_cast<std::size_t>(it - known.begin())].second;
      CheckValue(entry.value, value_shape, entry.key, findings);
      continue;
    }
    SourceSpan span = entry.key_span;
    span.width = std::max(1, static_cast<int>(entry.key.size()));
    if (const std::string_view newer = NewerKeyHint(entry.key);
        !newer.empty() && name == "property") {
      findings->Add(span, "WH1105",
                    fmt::format("key \"{}\" comes with ODCS 3.2; contracts here are 3.1",
                                EscapeControl(entry.key)),
                    std::string(newer));
      continue;
    }
    std::string hint = DidYouMean(entry.key, known);
    if (hint.empty()) hint = "known keys: " + Join(known, ", ");
    findings->Add(span, kFixKeys,
                  fmt::format("unknown key \"{}\" in a {}", EscapeControl(entry.key), name),
                  std::move(hint));
  }
}

void CheckValue(const YamlNode& node, std::string_view shape, std::string_view key,
                Findings* findings) {
  if (shape == "?" || node.is_null()) return;
  if (shape == "=") {
    if (!node.is_scalar())
      findings->Add(node.span(), "WH1104", fmt::format("\"{}\" must be a single value", key));
    return;
  }
  const bool team_list = shape == "team" && node.is_sequence();  // the form of ODCS 3.0
  if (shape[0] != '[' && !team_list) return CheckMap(node, std::string(shape), findings);
  if (!node.is_sequence()) {
    findings->Add(node.span(), "WH1104", fmt::format("\"{}\" must be a list", key));
    return;
  }
  const std::string item =
      team_list ? "team member" : std::string(shape.substr(1, shape.size() - 2));
  for (const YamlNode& each : node.items()) {
    if (item == "=") {
      CheckValue(each, item, key, findings);
    } else {
      CheckMap(each, item, findings);
    }
  }
}
}  // namespace

Status StatusOfContract(const Findings& findings, const std::string& path) {
  WEIRHOUSE_CHECK(!findings.empty());
  const std::string more =
      findings.all().size() == 1 ? "" : fmt::format(" (and {} more)", findings.all().size() - 1);
  return findings.Finish(
      fmt::format("contract cannot be used: {}{}: {}", findings.all().front().message, more, path));
}

void CheckShape(const YamlNode& document, Findings* findings) {
  CheckMap(document, "contract", findings);
}

std::string TextOf(const YamlNode& node, std::string_view what, Findings* findings) {
  const Result<std::string> text = node.AsString(what);
  if (!text.ok()) {
    findings->Add(node.span(), "WH1104", text.status().message());
    return "";
  }
  return *text;
}
bool FlagOf(const YamlNode& node, std::string_view what, Findings* findings) {
  const Result<bool> flag = node.AsBool(what);
  if (!flag.ok()) findings->Add(node.span(), "WH1104", flag.status().message());
  return flag.ok() && *flag;
}
std::int64_t WholeNumberOf(const YamlNode& node, std::string_view what, Findings* findings) {
  const Result<std::int64_t> number = node.AsInt(what);
  if (!number.ok()) findings->Add(node.span(), "WH1104", number.status().message());
  return number.ok() ? *number : 0;
}
std::string NumberOf(const YamlNode& node, std::string_view what, Findings* findings) {
  // JSON's spelling of a number, so that a contract prints and reads back the same.
  const nlohmann::json value = node.is_scalar() && !node.quoted()
                                   ? nlohmann::json::parse(node.text(), nullptr, false)
                                   : nlohmann::json();
  if (!value.is_number()) {
    findings->Add(node.span(), "WH1104",
                  fmt::format("{} must be a number, found \"{}\"", what,
                              EscapeControl(std::string_view(node.text()).substr(0, 64))));
    return "0";
  }
  return value.dump();
}
}  // namespace weirhouse::contract

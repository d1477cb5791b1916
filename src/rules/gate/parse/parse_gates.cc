#include "rules/gate/parse/parse_gates.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ground/base/name.h"
#include "ground/base/text.h"
#include "ground/base/time.h"
#include "ground/base/yaml.h"
#include "rules/gate/parse/check_parser.h"

namespace weirhouse::gate {
namespace {
constexpr std::size_t kChecksMax = 1'000;  // a gate

Status ReadOnFail(const YamlNode& node, OnFail& on_fail) {
  WEIRHOUSE_TRY_STATUS(node.CheckKeys("on_fail", {"halt", "alert", "keep_staging"}));
  if (const YamlNode* halt = node.Find("halt")) {
    WEIRHOUSE_TRY(on_fail.halt, halt->AsBool("on_fail.halt"));
    if (!on_fail.halt) {
      return halt->Error("WH3003", "on_fail.halt: false has no effect: a gate that fails halts")
          .WithHint("let a check publish all the same with `severity: warn`");
    }
  }
  if (const YamlNode* alert = node.Find("alert")) {
    WEIRHOUSE_TRY(on_fail.alert, alert->AsBool("on_fail.alert"));
  }
  if (const YamlNode* keep = node.Find("keep_staging")) {
    WEIRHOUSE_TRY(const std::string text, keep->AsString("on_fail.keep_staging"));
    const auto us = ParseDurationMicros(text);
    if (!us.ok() || *us < 0) {
      return keep->Error("WH3002", "on_fail.keep_staging must be a duration such as 14d");
    }
    on_fail.names_keep_staging = true;
    on_fail.keep_staging_us = *us;
  }
  return Status();
}

Status ReadHeader(const YamlNode& node, GateDefinition& gate) {
  WEIRHOUSE_TRY_STATUS(
      node.CheckKeys("a gate", {"gate", "table", "owner", "when", "checks", "on_fail"}));
  WEIRHOUSE_TRY(const YamlNode* name, node.Require("gate", "a gate"));
  WEIRHOUSE_TRY(gate.name, name->AsString("gate"));
  if (gate.name.empty()) return name->Error("WH3002", "a gate needs a name");
  WEIRHOUSE_TRY(const YamlNode* table, node.Require("table", "a gate"));
  WEIRHOUSE_TRY(gate.table, table->AsString("table"));
  const TableNameView parts(gate.table);
  const std::string_view space = parts.name_space();
  if ((space != "processed" && space != "records") || parts.own().empty()) {
    return table->Error(
        "WH3002",
        fmt::format("a gate sits on processed.NAME or records.NAME, not on \"{}\"", gate.table));
  }
  if (const YamlNode* owner = node.Find("owner")) {
    WEIRHOUSE_TRY(gate.owner, owner->AsString("owner"));
  }
  if (const YamlNode* when = node.Find("when")) {
    if (!when->is_scalar() || when->text() != "before_publish") {
      return when->Error("WH3002", "a gate judges before_publish, and at no other time");
    }
  }
  if (const YamlNode* on_fail = node.Find("on_fail")) {
    WEIRHOUSE_TRY_STATUS(ReadOnFail(*on_fail, gate.on_fail));
  }
  return Status();
}

// Default names may meet: two ranges of one column. Names that a person gave may not.
Status NameChecks(GateDefinition& gate) {
  std::set<std::string> taken;
  for (Check& check : gate.checks) {
    if (!check.parameters.is_object() || !check.parameters.contains("name")) continue;
    if (taken.insert(check.name).second) continue;
    return Status(Code::kInvalidInput,
                  fmt::format("two checks of gate \"{}\" are named \"{}\"", gate.name, check.name))
        .WithError("WH3003")
        .WithSpan(check.span);
  }
  for (Check& check : gate.checks) {
    if (check.parameters.is_object() && check.parameters.contains("name")) continue;
    const std::string plain = check.name;
    for (int n = 2; !taken.insert(check.name).second; ++n) {
      check.name = fmt::format("{} #{}", plain, n);
    }
  }
  return Status();
}

void SumUp(GateDefinition& gate) {
  std::set<std::string> columns;
  std::set<std::string> tables;
  for (const Check& check : gate.checks) {
    for (const ColumnUse& use : check.columns) columns.insert(use.name);
    tables.insert(check.tables.begin(), check.tables.end());
    if (check.history) {
      gate.history_span_us = std::max(gate.history_span_us, check.history->window.span_us);
    }
  }
  gate.columns.assign(columns.begin(), columns.end());
  gate.tables.assign(tables.begin(), tables.end());
}

Result<GateDefinition> ParseGate(const YamlNode& node) {
  Findings findings;
  GateDefinition gate;
  gate.span = node.span();
  gate.digest = Sha256Of(node.ToJson().dump());
  if (!node.is_map()) return node.Error("WH3002", "a gate is a map of keys");
  findings.Add(ReadHeader(node, gate));
  const auto checks = node.Require("checks", "a gate");
  findings.Add(checks.status());
  if (checks.ok()) {
    const YamlNode& list = **checks;
    if (!list.is_sequence() || list.items().empty() || list.items().size() > kChecksMax) {
      findings.Add(
          list.Error("WH3002", fmt::format("checks must be a list of 1 to {} checks", kChecksMax)));
    }
    for (const YamlNode& item : list.items()) {
      auto check = ParseCheck(item);
      findings.Add(check.status());
      if (check.ok()) gate.checks.push_back(std::move(check).value());
    }
  }
  findings.Add(NameChecks(gate));
  for (const Check& check : gate.checks) {
    if (check.scope == Scope::kBatch || !gate.table.starts_with("records.")) continue;
    findings.Add(Status(Code::kInvalidInput,
                        "records come in batches only: scope: table has nothing to judge")
                     .WithError("WH3003")
                     .WithSpan(check.span));
  }
  WEIRHOUSE_TRY_STATUS(findings.Finish());
  SumUp(gate);
  return gate;
}
}  // namespace

Result<std::vector<GateDefinition>> ParseGates(std::string_view yaml, const std::string& path) {
  WEIRHOUSE_TRY(const std::vector<YamlNode> documents, ParseYaml(yaml, path));
  Findings findings;
  std::vector<GateDefinition> gates;
  if (documents.empty()) {
    return Status(Code::kInvalidInput, fmt::format("the file holds no gate: {}", path))
        .WithError("WH3002")
        .WithHint("define one (`gate: NAME`), or remove the file");
  }
  for (const YamlNode& document : documents) {
    auto gate = ParseGate(document);
    findings.Add(gate.status());
    if (gate.ok()) gates.push_back(std::move(gate).value());
  }
  WEIRHOUSE_TRY_STATUS(findings.Finish());
  return gates;
}
}  // namespace weirhouse::gate

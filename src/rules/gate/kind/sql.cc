// The kinds of checks that look at one batch: rows, values and SQL.
#include <fmt/format.h>
#include <re2/re2.h>

#include "ground/base/text.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/value_parser.h"

namespace weirhouse::gate {
namespace {
constexpr std::int64_t kPatternMemoryMax = 8 << 20;  // bytes; RE2's own default
}  // namespace

Result<Rule> ParseRowCount(const CheckNode& at, Check&) {
  RowCountRule rule;
  WEIRHOUSE_TRY(rule.bounds, ReadCountBounds(at.node, at.kind));
  WEIRHOUSE_TRY_STATUS(NeedBound(at, rule.bounds.min || rule.bounds.max));
  return Rule(rule);
}

Result<Rule> ParseFreshness(const CheckNode& at, Check& check) {
  FreshnessRule rule;
  WEIRHOUSE_TRY(rule.column, Column(at, check));
  WEIRHOUSE_TRY(const YamlNode* max, at.Require("max"));
  WEIRHOUSE_TRY(rule.max_us, Micros(at, *max, "max"));
  if (const YamlNode* skew = at.Find("skew")) {
    WEIRHOUSE_TRY(rule.skew_us, Micros(at, *skew, "skew"));
  }
  return Rule(rule);
}

Result<Rule> ParseArrives(const CheckNode& at, Check&) {
  ArrivesRule rule;
  WEIRHOUSE_TRY(const YamlNode* every, at.Require("every"));
  WEIRHOUSE_TRY(rule.every_us, Micros(at, *every, "every"));
  return Rule(rule);
}

Result<Rule> ParseRequired(const CheckNode& at, Check& check) {
  RequiredRule rule;
  WEIRHOUSE_TRY(rule.columns, Columns(at, check));
  if (const YamlNode* missing = at.Find("missing")) {
    WEIRHOUSE_TRY(rule.missing, missing->AsStringList(at.What("missing")));
  }
  return Rule(rule);
}

Result<Rule> ParseUnique(const CheckNode& at, Check& check) {
  UniqueRule rule;
  WEIRHOUSE_TRY(rule.columns, Columns(at, check));
  WEIRHOUSE_TRY(const std::string nulls, Word(at, "nulls", {"skip", "equal"}));
  rule.nulls_equal = nulls == "equal";
  return Rule(rule);
}

Result<Rule> ParseRange(const CheckNode& at, Check& check) {
  RangeRule rule;
  WEIRHOUSE_TRY(rule.column, Column(at, check));
  WEIRHOUSE_TRY(rule.bounds, ReadValueBounds(at.node, at.kind));
  WEIRHOUSE_TRY_STATUS(NeedBound(at, rule.bounds.min || rule.bounds.max));
  WEIRHOUSE_TRY(rule.allow_nan, Flag(at, "allow_nan"));
  return Rule(rule);
}

Result<Rule> ParseSet(const CheckNode& at, Check& check) {
  SetRule rule;
  rule.rejected = at.kind == "rejected";
  WEIRHOUSE_TRY(rule.column, Column(at, check));
  WEIRHOUSE_TRY(const YamlNode* values, at.Require("values"));
  if (!values->is_sequence() || values->items().empty()) {
    return values->Error("WH3002", fmt::format("{} must be a list of values", at.What("values")));
  }
  for (const YamlNode& item : values->items()) {
    WEIRHOUSE_TRY(Literal literal, ReadLiteral(item, at.What("values")));
    rule.values.push_back(std::move(literal));
  }
  WEIRHOUSE_TRY(rule.allow_nan, Flag(at, "allow_nan"));
  return Rule(std::move(rule));
}

Result<Rule> ParsePattern(const CheckNode& at, Check& check) {
  PatternRule rule;
  WEIRHOUSE_TRY(rule.column, Column(at, check));
  WEIRHOUSE_TRY(const YamlNode* regex, at.Require("regex"));
  WEIRHOUSE_TRY(rule.regex, regex->AsString(at.What("regex")));
  WEIRHOUSE_TRY(const std::string match, Word(at, "match", {"full", "search"}));
  rule.search = match == "search";
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternMemoryMax);
  const RE2 compiled(rule.regex, options);
  if (!compiled.ok()) {
    return regex->Error("WH3008", fmt::format("the pattern does not compile: {}", compiled.error()))
        .WithHint(compiled.error_code() == RE2::ErrorBadPerlOp
                      ? "RE2 has no look-around and no back-references"
                      : "");
  }
  return Rule(std::move(rule));
}

Result<Rule> ParseLength(const CheckNode& at, Check& check) {
  LengthRule rule;
  WEIRHOUSE_TRY(rule.column, Column(at, check));
  WEIRHOUSE_TRY(rule.bounds, ReadCountBounds(at.node, at.kind));
  WEIRHOUSE_TRY_STATUS(NeedBound(at, rule.bounds.min || rule.bounds.max));
  return Rule(rule);
}

Result<Rule> ParseType(const CheckNode& at, Check& check) {
  TypeRule rule;
  WEIRHOUSE_TRY(rule.column, Column(at, check));
  WEIRHOUSE_TRY_STATUS(at.Require("type").status());
  WEIRHOUSE_TRY(rule.type, Word(at, "type", {"integer", "number", "boolean", "date", "timestamp"}));
  WEIRHOUSE_TRY(rule.allow_nan, Flag(at, "allow_nan"));
  return Rule(std::move(rule));
}

Result<Rule> ParsePair(const CheckNode& at, Check&) {
  PairRule rule;
  WEIRHOUSE_TRY(const YamlNode* expression, at.Require("expr"));
  WEIRHOUSE_TRY(rule.expression, expression->AsString(at.What("expr")));
  rule.span = expression->span();
  // YAML reads a plain `null` as no key at all, so the plural is the usual spelling.
  if (at.Find("nulls") != nullptr && at.Find("null") != nullptr) {
    return at.Find("null")->Error("WH3003", "null and nulls mean the same: give one");
  }
  for (const char* key : {"nulls", "null"}) {
    WEIRHOUSE_TRY(const std::string nulls, Word(at, key, {"skip", "fail"}));
    rule.null_fails = rule.null_fails || nulls == "fail";
  }
  return Rule(std::move(rule));
}

Result<Rule> ParseReferences(const CheckNode& at, Check& check) {
  ReferencesRule rule;
  WEIRHOUSE_TRY(rule.columns, Columns(at, check));
  WEIRHOUSE_TRY(const YamlNode* table, at.Require("table"));
  WEIRHOUSE_TRY(rule.table, table->AsString(at.What("table")));
  rule.table_span = table->span();
  rule.parent_columns = rule.columns;
  if (const YamlNode* parent = at.Find("parent")) {
    WEIRHOUSE_TRY(rule.parent_columns, parent->AsStringList(at.What("parent")));
    if (rule.parent_columns.size() != rule.columns.size()) {
      return parent->Error(
          "WH3003", fmt::format("{} must name as many columns as references", at.What("parent")));
    }
  }
  return Rule(std::move(rule));
}

Result<Rule> ParseSql(const CheckNode& at, Check&) {
  SqlRule rule;
  WEIRHOUSE_TRY(const YamlNode* query, at.Require("query"));
  WEIRHOUSE_TRY(rule.query, query->AsString(at.What("query")));
  rule.span = query->span();
  WEIRHOUSE_TRY(const YamlNode* rows, at.Require("rows"));
  if (rows->is_map()) {
    WEIRHOUSE_TRY_STATUS(rows->CheckKeys(
        at.What("rows"), {"between", "min", "max", "min_exclusive", "max_exclusive"}));
    WEIRHOUSE_TRY(rule.rows, ReadCountBounds(*rows, at.What("rows")));
    WEIRHOUSE_TRY_STATUS(NeedBound(at, rule.rows.min || rule.rows.max));
  } else {
    WEIRHOUSE_TRY(const std::int64_t count, rows->AsInt(at.What("rows")));
    if (count < 0) return rows->Error("WH3002", "sql.rows must not be negative");
    rule.rows = {count, count};
  }
  return Rule(std::move(rule));
}
}  // namespace weirhouse::gate

#include "rules/feature/kernel/expression.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "rules/feature/value/arrow_columns.h"
#include "rules/transform/check/failing_constant.h"
#include "rules/transform/function_list.h"

namespace weirhouse::feature {
namespace {
using nlohmann::json;

constexpr std::string_view kBindTable = "wh_bind";

std::string TextOf(const json& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The first part of the tree that is not allowed, or empty.
std::string FindForbidden(const json& node, const std::set<std::string>& repeatable, int depth) {
  if (depth > 200) return "nesting deeper than 200";
  if (node.is_object()) {
    const std::string kind = TextOf(node, "class");
    if (kind == "SUBQUERY") return "a sub-query";
    if (kind == "WINDOW") return "a window function";
    if (kind == "STAR") return "\"*\"";
    if (kind == "PARAMETER") return "a parameter";
    if (kind == "FUNCTION") {
      const std::string name = LowerCase(TextOf(node, "function_name"));
      const auto children = node.find("children");
      const bool two = children != node.end() && children->size() == 2;
      // age() of two given times does not read the clock.
      const bool good = name == "age" ? two : repeatable.contains(name);
      if (!good) return fmt::format("\"{}\"", name);
    }
    const auto names = node.find("column_names");
    if (kind == "COLUMN_REF" && names != node.end() && names->size() == 1 &&
        transform::IsValueFunction(LowerCase(names->front().get<std::string>()))) {
      return fmt::format("\"{}\"", names->front().get<std::string>());
    }
  }
  if (node.is_structured()) {
    for (const json& child : node) {
      std::string found = FindForbidden(child, repeatable, depth + 1);
      if (!found.empty()) return found;
    }
  }
  return "";
}

std::string NameOf(const FeatureView& view, const Feature& feature) {
  return fmt::format("feature \"{}.{}\"", view.name, feature.name);
}

// True if `tree` is SELECT one expression and nothing else: no second column, no FROM, no WHERE.
bool IsLoneExpression(const json& tree) {
  if (!tree.contains("statements") || tree["statements"].size() != 1) return false;
  const json& node = tree["statements"][0]["node"];
  if (TextOf(node, "type") != "SELECT_NODE" || !node.contains("select_list")) return false;
  const auto none = [&](const char* key) {
    return !node.contains(key) || node[key].is_null() || node[key].empty();
  };
  return node["select_list"].size() == 1 && none("where_clause") && none("having") &&
         none("qualify") && none("group_expressions") && none("modifiers") &&
         (none("from_table") || TextOf(node["from_table"], "type") == "EMPTY");
}

// The name if `node` is a column without a table's name, otherwise "".
std::string LoneColumn(const json& node) {
  if (TextOf(node, "class") != "COLUMN_REF") return "";
  const auto names = node.find("column_names");
  if (names == node.end() || names->size() != 1 || !(*names)[0].is_string()) return "";
  return (*names)[0].get<std::string>();
}

// The type in which an expression's values are kept, and the scale of decimals.
struct ExpressionType {
  ValueType type = ValueType::kInt64;
  int scale = 0;
};

std::optional<ValueType> TypeOfSql(const arrow::DataType& type) {
  if (arrow::is_decimal(type.id())) {
    // HUGEINT, as sums of integers give, comes as a decimal without a fraction.
    return static_cast<const arrow::DecimalType&>(type).scale() == 0 ? ValueType::kInt64
                                                                     : ValueType::kDecimal;
  }
  if (type.id() == arrow::Type::UINT64) return ValueType::kInt64;
  return ValueTypeOf(type);
}

Status NeedColumn(const FeatureView& view, const arrow::Schema& source, const std::string& name,
                  std::string_view role, bool must_be_time) {
  const auto field = source.GetFieldByName(name);
  if (field == nullptr) {
    std::vector<std::string> known;
    for (const auto& other : source.fields()) known.push_back(other->name());
    return Status(Code::kInvalidInput,
                  fmt::format("\"{}\" has no column \"{}\", the {} of view \"{}\"", view.source,
                              name, role, view.id()))
        .WithError("WH4015")
        .WithSpan(view.span)
        .WithHint(DidYouMean(name, known));
  }
  if (!must_be_time || ValueTypeOf(*field->type()) == ValueType::kTimestamp) return Status();
  return Status(Code::kInvalidInput,
                fmt::format("\"{}\", the {} of view \"{}\", is not a time with zone: {}", name,
                            role, view.id(), field->type()->ToString()))
      .WithError("WH4015")
      .WithSpan(view.span);
}

Status NeedColumns(const FeatureView& view, const arrow::Schema& source) {
  for (const TypedName& part : view.entity) {
    WEIRHOUSE_TRY_STATUS(NeedColumn(view, source, part.name, "entity", false));
    const arrow::DataType& column = *source.GetFieldByName(part.name)->type();
    const auto type = ValueTypeOf(column);
    if (type == part.type) continue;
    if (type == ValueType::kInt64 && part.type == ValueType::kDouble) {
      // A double represents all 32-bit integers exactly, but merges 64-bit ones from 2^53 on.
      if (column.id() != arrow::Type::INT64) continue;
      return Status(Code::kInvalidInput,
                    fmt::format("entity \"{}\" of view \"{}\" is a number, but in \"{}\" it is {}: "
                                "a number cannot tell integers beyond 2^53 apart",
                                part.name, view.id(), view.source, column.ToString()))
          .WithError("WH4015")
          .WithSpan(view.span)
          .WithHint(fmt::format("write `entity: {{ {}: integer }}`", part.name));
    }
    return Status(Code::kInvalidInput,
                  fmt::format("entity \"{}\" of view \"{}\" is a {}, but in \"{}\" it is {}",
                              part.name, view.id(), TypeName(part.type), view.source,
                              source.GetFieldByName(part.name)->type()->ToString()))
        .WithError("WH4015")
        .WithSpan(view.span);
  }
  if (view.event_time) {
    WEIRHOUSE_TRY_STATUS(NeedColumn(view, source, *view.event_time, "event_time", true));
  }
  if (view.known_time.kind == KnownTime::Kind::kColumn) {
    WEIRHOUSE_TRY_STATUS(NeedColumn(view, source, view.known_time.column, "known_time", true));
  }
  return Status();
}

// The type of one expression over the table registered as `from`.
Result<ExpressionType> DescribeExpression(const FeatureView& view, const Feature& feature,
                                          std::string_view from, platform::SqlSession& session) {
  const auto described = session.Describe(
      fmt::format("SELECT (\n{}\n) AS value FROM {}", feature.of, QuoteIdentifier(from)));
  if (!described.ok()) {
    return described.status().code() == Code::kInvalidInput
               ? Status(Code::kInvalidInput,
                        fmt::format("{}: {}", NameOf(view, feature), described.status().message()))
                     .WithError(kExpressionRefused)
                     .WithSpan(feature.span)
                     .WithHint(described.status().hint())
               : described.status();
  }
  const arrow::DataType& type = *(*described)->field(0)->type();
  const std::optional<ValueType> known = TypeOfSql(type);
  if (known == ValueType::kDecimal)
    return ExpressionType{*known, static_cast<const arrow::DecimalType&>(type).scale()};
  if (known) return ExpressionType{*known, 0};
  return Status(Code::kInvalidInput, fmt::format("{} has a type that features cannot hold: {}",
                                                 NameOf(view, feature), type.ToString()))
      .WithError("WH4005")
      .WithSpan(feature.span)
      .WithHint("cast it: to bigint, double, varchar, boolean or timestamptz");
}

Result<std::shared_ptr<arrow::Table>> EmptyTable(const std::shared_ptr<arrow::Schema>& schema) {
  auto table = arrow::Table::MakeEmpty(schema);
  if (table.ok()) return *table;
  return Status(Code::kInternal, "could not make an empty table: " + table.status().ToString());
}

const Feature& FirstWith(const FeatureView& view, const std::string& sql) {
  return *std::find_if(view.features.begin(), view.features.end(),
                       [&](const Feature& feature) { return feature.of == sql; });
}
}  // namespace

Result<ExpressionChecker> ExpressionChecker::Make(platform::SqlSession& session) {
  ExpressionChecker checker(session);
  // A name is allowed only if all its overloads are. Macros are fixed expressions, except `ago`.
  WEIRHOUSE_TRY(
      const auto rows,
      session.Query("SELECT lower(function_name) AS name FROM duckdb_functions() GROUP BY "
                    "ALL HAVING bool_and((function_type = 'scalar' AND stability = "
                    "'CONSISTENT') OR (function_type = 'macro' AND function_name NOT IN "
                    "('ago', 'current_query') AND NOT starts_with(function_name, "
                    "'pg_'))) ORDER BY name"));
  WEIRHOUSE_TRY(const auto names, ReadBytes(*rows->column(0), "function names"));
  checker.repeatable_.insert(names.begin(), names.end());
  // DuckDB marks some functions as consistent that read the clock (age, current_localtime).
  std::erase_if(checker.repeatable_, [](const std::string& name) {
    const transform::FunctionRule rule = transform::RuleOfFunction(name);
    return rule.kind == transform::FunctionKind::kRefused &&
           rule.reason.find("no certain order") == std::string_view::npos;
  });
  return checker;
}

Result<std::string> ExpressionChecker::Check(const FeatureView& view,
                                             const Feature& feature) const {
  const auto text = session_->ParseToJson(fmt::format("SELECT (\n{}\n)", feature.of));
  if (!text.ok()) {
    return Status(Code::kInvalidInput,
                  fmt::format("{}: {}", NameOf(view, feature), text.status().message()))
        .WithError(kExpressionRefused)
        .WithSpan(feature.span);
  }
  const json tree = json::parse(*text, nullptr, false);
  if (tree.is_discarded() || !IsLoneExpression(tree)) {
    return Status(Code::kInvalidInput,
                  fmt::format("{} is not one SQL expression", NameOf(view, feature)))
        .WithError(kExpressionRefused)
        .WithSpan(feature.span);
  }
  const std::string forbidden =
      FindForbidden(tree["statements"][0]["node"]["select_list"], repeatable_, 0);
  if (forbidden.empty()) {
    WEIRHOUSE_TRY(const auto failing, transform::FindFailingConstant(*session_, tree));
    if (!failing) return LoneColumn(tree["statements"][0]["node"]["select_list"][0]);
    return Status(Code::kInvalidInput,
                  fmt::format("{}: {} fails on every row: {}", NameOf(view, feature), failing->sql,
                              failing->found))
        .WithError(kExpressionRefused)
        .WithSpan(feature.span);
  }
  return Status(Code::kInvalidInput, fmt::format("{} may not use {}: its value must depend on one "
                                                 "row alone",
                                                 NameOf(view, feature), forbidden))
      .WithError("WH4007")
      .WithSpan(feature.span);
}

std::string SqlTypeName(ValueType type, int scale) {
  switch (type) {
    case ValueType::kBool:
      return "BOOLEAN";
    case ValueType::kInt64:
      return "BIGINT";
    case ValueType::kDouble:
      return "DOUBLE";
    case ValueType::kString:
      return "VARCHAR";
    case ValueType::kDecimal:
      return fmt::format("DECIMAL(38, {})", scale);
    case ValueType::kTimestamp:
      break;
  }
  return "TIMESTAMPTZ";
}

Result<ViewPlan> BindView(const FeatureView& view, const arrow::Schema& source,
                          platform::SqlSession& session) {
  WEIRHOUSE_TRY_STATUS(NeedColumns(view, source));
  WEIRHOUSE_TRY(const ExpressionChecker checker, ExpressionChecker::Make(session));
  WEIRHOUSE_TRY(auto empty, EmptyTable(arrow::schema(source.fields())));
  WEIRHOUSE_TRY_STATUS(session.Register(std::string(kBindTable), std::move(empty)));
  std::vector<ValueType> types;
  std::vector<int> scales;
  std::vector<std::string> columns;
  for (const RowExpression& expression : RowExpressionsOf(view)) {
    const Feature& feature = FirstWith(view, expression.sql);
    WEIRHOUSE_TRY(const std::string column, checker.Check(view, feature));
    // DuckDB ignores case; a column of exactly this name is certainly the one.
    columns.push_back(source.GetFieldIndex(column) < 0 ? "" : column);
    WEIRHOUSE_TRY(const ExpressionType one, DescribeExpression(view, feature, kBindTable, session));
    types.push_back(one.type);
    scales.push_back(one.scale);
  }
  WEIRHOUSE_TRY_STATUS(session.Unregister(std::string(kBindTable)));
  WEIRHOUSE_TRY(ViewPlan plan, PlanView(view, std::move(types), std::move(scales)));
  for (std::size_t i = 0; i < columns.size(); ++i)
    plan.expressions[i].source_column = std::move(columns[i]);
  return plan;
}

Result<ViewPlan> BindRequestView(const FeatureView& view, platform::SqlSession& session) {
  WEIRHOUSE_TRY(const ExpressionChecker checker, ExpressionChecker::Make(session));
  arrow::FieldVector fields;
  for (const TypedName& name : view.request) {
    fields.push_back(arrow::field(name.name, ArrowTypeOf(name.type)));
  }
  WEIRHOUSE_TRY(auto empty, EmptyTable(arrow::schema(std::move(fields))));
  WEIRHOUSE_TRY_STATUS(session.Register("request", std::move(empty)));
  std::vector<ValueType> types;
  std::vector<int> scales;
  for (const Feature& feature : view.features) {
    WEIRHOUSE_TRY_STATUS(checker.Check(view, feature).status());
    WEIRHOUSE_TRY(const ExpressionType one, DescribeExpression(view, feature, "request", session));
    // One value, no sum: a number at once, and computed as a decimal of this scale (request.cc).
    types.push_back(one.type == ValueType::kDecimal ? ValueType::kDouble : one.type);
    scales.push_back(one.scale);
  }
  WEIRHOUSE_TRY_STATUS(session.Unregister("request"));
  return PlanView(view, std::move(types), std::move(scales));
}
}  // namespace weirhouse::feature

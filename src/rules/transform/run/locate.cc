#include "rules/transform/run/locate.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "ground/base/text.h"
#include "rules/transform/check/resolve.h"
#include "rules/transform/check/run_time.h"
#include "rules/transform/cut_text.h"
#include "rules/transform/function_list.h"
#include "rules/transform/run/poison.h"
#include "rules/transform/run/run.h"
#include "rules/transform/sql_text.h"

namespace weirhouse::transform {
namespace {
using Json = nlohmann::json;

constexpr char kRow[] = "wh_row";
constexpr std::size_t kExpressionsMax = 500;
constexpr std::size_t kExpressionBytesMax = 120;

// An expression to try, and the condition under which it is evaluated.
struct Tried {
  std::string sql;
  std::string guard;   // a condition; empty: always
  bool whole = false;  // not part of another one
  std::int64_t offset = -1;
  bool filters = false;  // part of a WHERE with several conditions
  std::vector<std::string> columns{};
};

// Whether `condition` lets a row through; false if it fails. In a CASE its parts guard one another,
// as they do in WHERE; as a value all of them would be computed.
std::string LetsThrough(const std::string& condition) {
  return fmt::format("coalesce(TRY(CASE WHEN ({}) THEN true ELSE false END), false)", condition);
}
std::string FailsAsCondition(const std::string& condition) {
  return fmt::format("TRY(CASE WHEN ({}) THEN true ELSE false END) IS NULL", condition);
}

bool IsAggregate(const Json& node) {
  if (TextOf(node, "class") == "WINDOW") return true;
  if (TextOf(node, "class") != "FUNCTION") return false;
  switch (RuleOfFunction(LowerCase(TextOf(node, "function_name"))).kind) {
    case FunctionKind::kAggregate:
    case FunctionKind::kExactSum:
    case FunctionKind::kOrderedAggregate:
    case FunctionKind::kFloatAggregate:
    case FunctionKind::kRanking:
      return true;
    default:
      return false;
  }
}

bool HoldsAggregate(const Json& node) {
  if (node.is_object() && IsAggregate(node)) return true;
  if (!node.is_structured()) return false;
  return std::any_of(node.begin(), node.end(), [](const Json& child) {
    return child.is_structured() && HoldsAggregate(child);
  });
}

bool Holds(const Json& node, std::string_view expression_class) {
  if (node.is_object() && TextOf(node, "class") == expression_class) return true;
  if (!node.is_structured()) return false;
  return std::any_of(node.begin(), node.end(), [&](const Json& child) {
    return child.is_structured() && Holds(child, expression_class);
  });
}

// Adds the columns that `node` names, each once.
void AddColumns(const Json& node, std::vector<std::string>& columns) {
  if (!node.is_structured()) return;
  if (node.is_object() && TextOf(node, "class") == "COLUMN_REF") {
    const Json names = node.value("column_names", Json::array());
    if (names.empty() || !names.back().is_string()) return;
    const std::string name = names.back().get<std::string>();
    if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
    return;
  }
  for (const Json& child : node) AddColumns(child, columns);
}

// Takes a query apart into expressions, the innermost first. Threads: one.
class Expressions {
 public:
  Expressions(platform::SqlSession& session, const Json& tree) : session_(session), tree_(tree) {}

  // Adds the expressions of `node` outside aggregates, parts before the whole. `whole`: it is not
  // part of another expression that is tried.
  Status Add(const Json& node, const std::string& guard, bool whole = true) {
    if (node.is_array()) {
      for (const Json& child : node) WEIRHOUSE_TRY_STATUS(Add(child, guard, whole));
      return Status();
    }
    if (!node.is_object() || tried_.size() >= kExpressionsMax) return Status();
    const std::string kind = TextOf(node, "class");
    if (kind == "COLUMN_REF" || kind == "CONSTANT" || kind == "STAR" || kind == "LAMBDA" ||
        kind == "SUBQUERY" || TextOf(node, "type") == "OPERATOR_TRY") {
      return Status();
    }
    const bool tries = !kind.empty() && !HoldsAggregate(node) && !Holds(node, "SUBQUERY");
    if (kind == "CASE") {
      WEIRHOUSE_TRY_STATUS(AddCase(node, guard, whole && !tries));
    } else if (TextOf(node, "type") == "OPERATOR_COALESCE") {
      WEIRHOUSE_TRY_STATUS(AddCoalesce(node, guard, whole && !tries));
    } else {
      for (const auto& [key, child] : node.items()) {
        if (child.is_structured() && key != "cast_type" && key != "value" && key != "order_bys")
          WEIRHOUSE_TRY_STATUS(Add(child, guard, whole && !tries));
      }
    }
    if (!tries) return Status();
    WEIRHOUSE_TRY(std::string sql, TextOfNode(node));
    const Json location = node.value("query_location", Json());
    const bool known = location.is_number_unsigned() && location.get<std::uint64_t>() < INT32_MAX;
    tried_.push_back(
        {std::move(sql), guard, whole, known ? location.get<std::int64_t>() : -1, false});
    AddColumns(node, tried_.back().columns);
    return Status();
  }

  Result<std::string> TextOfNode(const Json& node) const {
    Json tree = tree_;
    Json& select = tree["statements"][0]["node"];
    Json plain = node;
    plain["alias"] = "";
    select["select_list"] = Json::array({std::move(plain)});
    for (const char* key : {"where_clause", "having", "qualify"}) select[key] = nullptr;
    for (const char* key : {"group_expressions", "group_sets", "modifiers"})
      select[key] = Json::array();
    select["from_table"] = {{"type", "EMPTY"},
                            {"alias", ""},
                            {"sample", nullptr},
                            {"query_location", 0},
                            {"column_name_alias", Json::array()}};
    BindRunTimeInTree(select["select_list"]);
    WEIRHOUSE_TRY(const std::string sql, session_.JsonToSql(tree.dump()));
    constexpr std::string_view kSelect = "SELECT ";
    const std::size_t at = sql.find(kSelect);
    if (at == std::string::npos)
      return Status(Code::kInternal, "the SQL engine gave no SELECT").WithError("WH7038");
    std::string text(Trim(std::string_view(sql).substr(at + kSelect.size())));
    if (text.ends_with(';')) text.pop_back();
    return text;
  }

  const std::vector<Tried>& tried() const { return tried_; }

 private:
  static std::string And(const std::string& guard, const std::string& condition) {
    return guard.empty() ? condition : guard + " AND " + condition;
  }

  Status AddCase(const Json& node, std::string guard, bool whole) {
    for (const Json& check : node.value("case_checks", Json::array())) {
      WEIRHOUSE_TRY_STATUS(Add(check.at("when_expr"), guard, whole));
      WEIRHOUSE_TRY(const std::string when, TextOfNode(check.at("when_expr")));
      const std::string holds = LetsThrough(when);
      WEIRHOUSE_TRY_STATUS(Add(check.at("then_expr"), And(guard, holds), whole));
      guard = And(guard, "NOT " + holds);
    }
    return Add(node.value("else_expr", Json()), guard, whole);
  }

  Status AddCoalesce(const Json& node, std::string guard, bool whole) {
    for (const Json& child : node.value("children", Json::array())) {
      WEIRHOUSE_TRY_STATUS(Add(child, guard, whole));
      WEIRHOUSE_TRY(const std::string text, TextOfNode(child));
      guard = And(guard, fmt::format("TRY(({})) IS NULL", text));
    }
    return Status();
  }

  platform::SqlSession& session_;
  const Json& tree_;
  std::vector<Tried> tried_;
};

// The name under which the SELECT reads `driver`; absent if it does not read it exactly once.
std::optional<std::string> AliasOfItem(const Json& from, const std::string& driver) {
  if (!from.is_object()) return std::nullopt;
  const std::string type = TextOf(from, "type");
  if (type == "JOIN") {
    const auto left = AliasOfItem(from.value("left", Json()), driver);
    const auto right = AliasOfItem(from.value("right", Json()), driver);
    if (left && right) return std::nullopt;
    return left ? left : right;
  }
  if (type != "BASE_TABLE") return std::nullopt;
  std::string name = TextOf(from, "schema_name");
  if (!name.empty()) name += ".";
  name += TextOf(from, "table_name");
  if (LowerCase(name) != LowerCase(driver)) return std::nullopt;
  const std::string alias = TextOf(from, "alias");
  return alias.empty() ? TextOf(from, "table_name") : alias;
}

Result<std::shared_ptr<arrow::Table>> Numbered(const std::shared_ptr<arrow::Table>& input) {
  arrow::Int64Builder builder;
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(input->num_rows()));
  std::iota(numbers.begin(), numbers.end(), 0);
  std::shared_ptr<arrow::Array> array;
  arrow::Status built = builder.AppendValues(numbers);
  if (built.ok()) built = builder.Finish(&array);
  if (!built.ok()) return Status(Code::kInternal, built.ToString());
  auto numbered = input->AddColumn(input->num_columns(), arrow::field(kRow, arrow::int64()),
                                   std::make_shared<arrow::ChunkedArray>(array));
  if (!numbered.ok()) return Status(Code::kInternal, numbered.status().ToString());
  return *numbered;
}

// A query for each expression, which returns the numbers of the rows on which it fails. Everything
// is in WHERE, because what two expressions of a SELECT list share is computed outside both TRYs.
struct Question {
  std::string select;              // "SELECT r.wh_row FROM … WHERE "
  std::vector<Tried> tried;        // parts before their whole
  std::vector<std::string> where;  // for each of them: the condition under which it is evaluated
  std::string condition_fails;     // whether WHERE fails, with its parts in the order of the text
};

std::string SqlOf(const Question& question, std::size_t i) {
  const Tried& tried = question.tried[i];
  std::string sql = question.select + "(" + question.where[i] + ")";
  if (!tried.guard.empty()) sql += " AND (" + tried.guard + ")";
  return sql + fmt::format(" AND TRY(struct_pack(v := ({}))) IS NULL", tried.sql);
}

// "FROM …" of the one SELECT.
Result<std::string> FromOf(platform::SqlSession& session, Json tree) {
  Json& bare = tree["statements"][0]["node"];
  bare["select_list"] = Json::array({{{"class", "CONSTANT"},
                                      {"type", "VALUE_CONSTANT"},
                                      {"alias", ""},
                                      {"query_location", 0},
                                      {"value",
                                       {{"type", {{"id", "INTEGER"}, {"type_info", nullptr}}},
                                        {"is_null", false},
                                        {"value", 1}}}}});
  for (const char* key : {"where_clause", "having", "qualify"}) bare[key] = nullptr;
  for (const char* key : {"group_expressions", "group_sets", "modifiers"})
    bare[key] = Json::array();
  BindRunTimeInTree(bare);
  WEIRHOUSE_TRY(const std::string sql, session.JsonToSql(tree.dump()));
  const std::size_t at = sql.find("FROM ");
  return at == std::string::npos ? std::string() : sql.substr(at);
}

// No expressions if the query cannot be examined.
Result<Question> Ask(platform::SqlSession& session, const std::string& query,
                     const std::string& driver) {
  WEIRHOUSE_TRY(const std::string parsed, session.ParseToJson(query));
  const Json tree = Json::parse(parsed, nullptr, false);
  const Json& select = tree["statements"][0]["node"];
  if (TextOf(select, "type") != "SELECT_NODE") return Question();
  const auto alias = AliasOfItem(select.value("from_table", Json()), driver);
  if (!alias) return Question();
  Question question;
  std::string kept = "true";
  const Json where = select.value("where_clause", Json());
  if (where.is_object()) {
    if (Holds(where, "SUBQUERY")) return Question();
    Expressions wheres(session, tree);
    WEIRHOUSE_TRY_STATUS(wheres.Add(where, ""));
    WEIRHOUSE_TRY(const std::string text, wheres.TextOfNode(where));
    kept = LetsThrough(text);
    question.tried = wheres.tried();
    // A single condition is computed for each row, as an item is; several are computed in any
    // order.
    const bool several = Holds(where, "CONJUNCTION") || Holds(where, "BETWEEN");
    for (Tried& part : question.tried) part.filters = several;
    question.where.assign(question.tried.size(),
                          fmt::format("TRY(struct_pack(v := ({}))) IS NULL", text));
    question.condition_fails = FailsAsCondition(text);
  }
  Expressions items(session, tree);
  WEIRHOUSE_TRY_STATUS(items.Add(select.at("select_list"), ""));
  WEIRHOUSE_TRY_STATUS(items.Add(select.value("group_expressions", Json::array()), ""));
  question.tried.insert(question.tried.end(), items.tried().begin(), items.tried().end());
  question.where.resize(question.tried.size(), kept);
  WEIRHOUSE_TRY(const std::string from, FromOf(session, tree));
  if (from.empty()) return Question();
  question.select = fmt::format("SELECT {}.{} {} WHERE ", QuoteIdentifier(*alias), kRow, from);
  return question;
}

// The row numbers that a query returns; none if it cannot run: not every function may be tried, and
// a join's condition may itself fail.
Result<std::vector<std::int64_t>> RowsOf(platform::SqlSession& session, const std::string& sql) {
  std::vector<std::int64_t> numbers;
  const auto answer = session.Query(sql);
  if (!answer.ok() && answer.status().code() == Code::kInvalidInput) return numbers;
  if (!answer.ok()) return answer.status();
  for (const auto& chunk : (*answer)->column(0)->chunks()) {
    const auto& values = static_cast<const arrow::Int64Array&>(*chunk);
    for (std::int64_t i = 0; i < values.length(); ++i) {
      if (values.IsValid(i)) numbers.push_back(values.Value(i));
    }
  }
  return numbers;
}

constexpr std::size_t kValuesShown = 3;
constexpr std::size_t kValueBytesMax = 60;
}  // namespace

std::string ValuesOf(const arrow::Table& input, std::int64_t row,
                     const std::vector<std::string>& columns) {
  std::vector<std::string> values;
  for (const std::string& name : columns) {
    if (values.size() == kValuesShown) break;
    for (int i = 0; i < input.num_columns(); ++i) {
      if (LowerCase(input.field(i)->name()) != LowerCase(name)) continue;
      const auto value = input.column(i)->GetScalar(row);
      if (!value.ok()) break;
      const bool text = (*value)->type->id() == arrow::Type::STRING && (*value)->is_valid;
      const std::string shown =
          (*value)->is_valid ? CutText((*value)->ToString(), kValueBytesMax) : "NULL";
      const char* quote = text ? "\"" : "";
      values.push_back(fmt::format("{} = {}{}{}", input.field(i)->name(), quote, shown, quote));
      break;
    }
  }
  return Join(values, ", ");
}

Result<std::map<std::int64_t, FailingExpression>> FindFailingExpressions(
    platform::SqlSession& session, const std::string& query, const std::string& table,
    const std::shared_ptr<arrow::Table>& input, ProcessTime run_time,
    const RegisterRows& registers) {
  std::map<std::int64_t, FailingExpression> failing;
  WEIRHOUSE_TRY(const Question question, Ask(session, query, table));
  if (question.tried.empty()) return failing;
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> numbered, Numbered(input));
  WEIRHOUSE_TRY_STATUS(registers(numbered));
  std::set<std::int64_t> reached;  // rows on which WHERE fails
  if (!question.condition_fails.empty()) {
    WEIRHOUSE_TRY(
        const auto rows,
        RowsOf(session, BindRunTime(question.select + question.condition_fails, run_time)));
    reached.insert(rows.begin(), rows.end());
  }
  std::size_t begin = 0;  // of the parts of the expression at hand
  for (std::size_t whole = 0; whole < question.tried.size(); ++whole) {
    if (!question.tried[whole].whole) continue;
    WEIRHOUSE_TRY(const auto rows, RowsOf(session, BindRunTime(SqlOf(question, whole), run_time)));
    std::set<std::int64_t> open(rows.begin(), rows.end());
    // The first of its parts that fails.
    for (std::size_t part = begin; part <= whole && !open.empty(); ++part) {
      WEIRHOUSE_TRY(const auto fails,
                    RowsOf(session, BindRunTime(SqlOf(question, part), run_time)));
      const Tried& tried = question.tried[part];
      for (const std::int64_t row : fails) {
        if (open.erase(row) == 0) continue;
        const bool guarded = tried.filters && reached.count(row) == 0;
        failing.emplace(row,
                        FailingExpression{CutText(tried.sql, kExpressionBytesMax), tried.offset,
                                          tried.columns, tried.filters, guarded});
      }
    }
    begin = whole + 1;
  }
  return failing;
}

Result<std::map<std::int64_t, FailingPlace>> FindFailing(platform::SqlSession& session,
                                                         const CheckedTransform& checked,
                                                         const std::string& driver,
                                                         const std::shared_ptr<arrow::Table>& input,
                                                         ProcessTime run_time) {
  WEIRHOUSE_TRY(const auto expressions,
                FindFailingExpressions(session, checked.definition.text, driver, input, run_time,
                                       [&](const std::shared_ptr<arrow::Table>& rows) {
                                         return RegisterInput(session, checked, driver, rows);
                                       }));
  const SqlText text(checked.definition.path, checked.definition.text);
  std::map<std::int64_t, FailingPlace> failing;
  for (const auto& [row, expression] : expressions) {
    SourceSpan span = checked.definition.table.span;
    if (expression.offset >= 0) span = text.SpanAt(static_cast<std::size_t>(expression.offset), 1);
    failing.emplace(
        row,
        FailingPlace{fmt::format("{}:{}:{}", checked.definition.path, span.line, span.column),
                     expression.sql, expression.columns, expression.filters, expression.guarded});
  }
  return failing;
}
}  // namespace weirhouse::transform

#include "rules/gate/definition/sql_reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/platform/sql/sql.h"
#include "rules/transform/function_list.h"

namespace weirhouse::gate {
namespace {
using nlohmann::json;

Status Refused(std::string message, std::string hint = "") {
  return Status(Code::kInvalidInput, std::move(message))
      .WithError("WH3006")
      .WithHint(std::move(hint));
}

// SQL is blind to case in names: they are compared in lower case.
bool IsOwnName(const std::string& lower) { return lower == "this" || lower == "this_table"; }

bool IsKnownTableFunction(const std::string& name) {
  static const std::set<std::string> names = {"range", "generate_series", "unnest"};
  return names.contains(name);
}

std::string TextOf(const json& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
}
bool HasAny(const json& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && !found->is_null() && !found->empty();
}

// A function by the list that transforms go by.
Status JudgeFunction(const std::string& name, std::size_t arguments) {
  const transform::FunctionRule rule = transform::RuleOfFunction(name);
  switch (rule.kind) {
    case transform::FunctionKind::kUnlisted:
      return Refused(
          fmt::format("the function {}() is not on the list of those whose result depends on their "
                      "arguments alone",
                      name),
          DidYouMean(name, transform::AllowedFunctions()));
    case transform::FunctionKind::kRefused:
      // Between two times that are given, no clock is asked.
      if (name == "age" && arguments == 2) return Status();
      return Refused(fmt::format("{}() {}", name, rule.reason),
                     rule.reason.find("clock") != std::string_view::npos
                         ? "the check `freshness` goes by the clock"
                         : std::string(rule.hint));
    case transform::FunctionKind::kRunTime:
    case transform::FunctionKind::kSecret:
      return Refused(fmt::format("{}() has no value in a gate", name));
    default:
      return Status();
  }
}

// Collects what a tree names; the tree's depth is bounded by DuckDB's parser.
class Walk {
 public:
  Status Visit(const json& node) {
    if (node.is_array()) {
      for (const json& child : node) WEIRHOUSE_TRY_STATUS(Visit(child));
      return Status();
    }
    if (!node.is_object()) return Status();
    WEIRHOUSE_TRY_STATUS(VisitObject(node));
    for (const auto& child : node) WEIRHOUSE_TRY_STATUS(Visit(child));
    return Status();
  }

  SqlReads Finish() {
    SqlReads reads;
    for (const auto& [name, aliases] : tables_) {
      if (ctes_.contains(LowerCase(name))) continue;
      const bool starred = star_ || std::any_of(aliases.begin(), aliases.end(), [&](const auto& a) {
                             return starred_aliases_.contains(a);
                           });
      reads.tables.push_back({name, starred, {}});
    }
    reads.columns.assign(columns_.begin(), columns_.end());
    return reads;
  }

 private:
  Status VisitObject(const json& node) {
    const std::string type = TextOf(node, "type");
    const std::string kind = TextOf(node, "class");
    if (const auto sample = node.find("sample"); sample != node.end() && !sample->is_null()) {
      return Refused("a sample gives other rows each time");
    }
    if (const auto map = node.find("cte_map"); map != node.end()) {
      for (const json& entry : map->value("map", json::array())) {
        const std::string name = LowerCase(TextOf(entry, "key"));
        if (IsOwnName(name)) {
          return Refused(fmt::format("WITH {} hides a table of that name", TextOf(entry, "key")),
                         "give it another name");
        }
        ctes_.insert(name);
      }
    }
    if (const auto columns = node.find("using_columns"); columns != node.end()) {
      for (const json& column : *columns) columns_.insert(column.get<std::string>());
    }
    if (TextOf(node, "ref_type") == "NATURAL") star_ = true;  // any column may join
    if (type == "PIVOT") star_ = true;                        // columns not named are grouped by
    if (type == "SHOW_REF") return Refused("DESCRIBE, SUMMARIZE and SHOW may not stand in a gate");
    if (type == "BASE_TABLE") return VisitTable(node);
    if (type == "TABLE_FUNCTION") {
      const std::string name = TextOf(node.value("function", json::object()), "function_name");
      if (!IsKnownTableFunction(name)) {
        return Refused(fmt::format("the table function {}() may not stand in a gate", name));
      }
    }
    if (kind == "COLUMN_REF") return VisitColumn(node);
    if (kind == "STAR") {
      const std::string alias = TextOf(node, "relation_name");
      if (alias.empty()) {
        star_ = true;
      } else {
        starred_aliases_.insert(LowerCase(alias));
      }
    }
    if (kind == "FUNCTION" || kind == "WINDOW") {
      const json& children = node.value("children", json::array());
      return JudgeFunction(LowerCase(TextOf(node, "function_name")), children.size());
    }
    return Status();
  }

  Status VisitTable(const json& node) {
    const std::string schema = TextOf(node, "schema_name");
    const std::string table = TextOf(node, "table_name");
    const std::string alias = TextOf(node, "alias");
    if (!TextOf(node, "catalog_name").empty()) {
      return Refused(fmt::format("\"{}.{}\" lies in another database", schema, table));
    }
    std::string name = schema.empty() ? table : schema + "." + table;
    if (IsOwnName(LowerCase(name))) name = LowerCase(name);
    tables_[name].insert(LowerCase(alias.empty() ? table : alias));
    return Status();
  }

  Status VisitColumn(const json& node) {
    const auto parts = node.find("column_names");
    if (parts == node.end()) return Status();
    for (const json& part : *parts) columns_.insert(part.get<std::string>());
    const std::string first = LowerCase(parts->front().get<std::string>());
    if (parts->size() == 1 && transform::IsValueFunction(first)) {
      const transform::FunctionRule rule = transform::RuleOfFunction(first);
      return Refused(fmt::format("{} {}", parts->front().get<std::string>(), rule.reason),
                     fmt::format("a column of this name is written this.{}", first));
    }
    // A bare table name stands for the row.
    if (parts->size() == 1) starred_aliases_.insert(first);
    return Status();
  }

  std::map<std::string, std::set<std::string>> tables_;  // name → aliases, in lower case
  std::set<std::string> ctes_;
  std::set<std::string> columns_;
  std::set<std::string> starred_aliases_;
  bool star_ = false;
};

// Why an expression is not one value for each row, or empty; does not look into subqueries.
std::string NotRowWise(const json& node, bool* keeps_order) {
  if (node.is_object()) {
    const std::string kind = TextOf(node, "class");
    if (kind == "SUBQUERY" || kind == "WINDOW") *keeps_order = false;
    if (kind == "STAR") return "\"*\" and COLUMNS() stand for several columns";
    if (kind == "FUNCTION") {
      const std::string name = LowerCase(TextOf(node, "function_name"));
      switch (transform::RuleOfFunction(name).kind) {
        case transform::FunctionKind::kAggregate:
        case transform::FunctionKind::kExactSum:
        case transform::FunctionKind::kOrderedAggregate:
        case transform::FunctionKind::kFloatAggregate:
          return fmt::format("the aggregate {}() is of many rows",
                             name == "count_star" ? "count" : name);
        case transform::FunctionKind::kRowSet:
          return fmt::format("{}() gives several rows", name);
        default:
          break;
      }
    }
    for (const auto& [key, child] : node.items()) {
      if (kind == "SUBQUERY" && key == "subquery") continue;
      if (std::string found = NotRowWise(child, keeps_order); !found.empty()) return found;
    }
  } else if (node.is_array()) {
    for (const json& child : node) {
      if (std::string found = NotRowWise(child, keeps_order); !found.empty()) return found;
    }
  }
  return "";
}

// True if `statement` is SELECT one expression and nothing behind it.
bool IsLoneExpression(const json& statement) {
  const json node = statement.value("node", json::object());
  if (TextOf(node, "type") != "SELECT_NODE") return false;
  const json list = node.value("select_list", json::array());
  const json from = node.value("from_table", json::object());
  return list.size() == 1 && TextOf(list.front(), "alias").empty() &&
         TextOf(from, "type") == "EMPTY" && !HasAny(node, "where_clause") &&
         !HasAny(node, "group_expressions") && !HasAny(node, "having") &&
         !HasAny(node, "qualify") && !HasAny(node, "modifiers");
}

Result<json> StatementsOf(std::string_view sql, platform::SqlSession& session) {
  auto text = session.ParseToJson(sql);
  if (!text.ok()) {
    Status status = Refused("the SQL does not parse: " + text.status().message());
    if (text.status().span()) status = std::move(status).WithSpan(*text.status().span());
    return status;
  }
  json tree = json::parse(*text);
  json statements = tree.is_array() ? std::move(tree) : tree.at("statements");
  if (statements.size() != 1) return Refused("a gate's SQL is one SELECT");
  return statements;
}

Status TreeError(const json::exception& error) {
  return Status(Code::kInternal,
                fmt::format("DuckDB's syntax tree was not understood: {}", error.what()));
}
}  // namespace

void SqlReads::Resolve(TableRead& table, const std::vector<std::string>& available) const {
  table.columns.clear();
  if (table.all_columns) return;
  for (const std::string& name : available) {
    const bool named = std::any_of(columns.begin(), columns.end(), [&](const std::string& used) {
      return SameButForCase(used, name);
    });
    if (named) table.columns.push_back(name);
  }
  if (table.columns.empty() && !available.empty()) table.columns.push_back(available.front());
}

Result<SqlReads> ReadSqlReferences(std::string_view sql, platform::SqlSession& session) {
  try {
    WEIRHOUSE_TRY(const json statements, StatementsOf(sql, session));
    Walk walk;
    WEIRHOUSE_TRY_STATUS(walk.Visit(statements));
    return walk.Finish();
  } catch (const json::exception& error) {
    return TreeError(error);
  }
}

Result<PairReads> ReadPairReferences(std::string_view expression, std::string_view rows,
                                     platform::SqlSession& session) {
  PairReads pair;
  WEIRHOUSE_TRY(pair.reads, ReadSqlReferences(PairQuery(expression, rows), session));
  try {
    // As it was written, without our parentheses around it.
    WEIRHOUSE_TRY(const json statements,
                  StatementsOf(fmt::format("SELECT {}\n", expression), session));
    if (!IsLoneExpression(statements.front()))
      return Refused("a pair is one expression that is true or false on each row");
    const std::string why =
        NotRowWise(statements.front().at("node").at("select_list").front(), &pair.keeps_order);
    if (why.empty()) return pair;
    return Refused(fmt::format("a pair is judged row by row: {}", why),
                   "write a check of kind `sql` for what is said of many rows");
  } catch (const json::exception& error) {
    return TreeError(error);
  }
}

std::string PairQuery(std::string_view expression, std::string_view rows) {
  return fmt::format("{}{}\n) FROM {}", kBeforePair, expression, rows);
}
}  // namespace weirhouse::gate

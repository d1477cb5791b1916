#include "rules/transform/check/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "rules/transform/check/check.h"
#include "rules/transform/check/order_of_rows.h"
#include "rules/transform/check/resolve.h"
#include "rules/transform/check/run_time.h"
#include "rules/transform/finding.h"
#include "rules/transform/function_list.h"

namespace weirhouse::transform {
namespace {

using Json = nlohmann::json;

// The place of the first token `word` at or after `offset`, else of the token at `offset`.
SourceSpan WordAfter(const SqlText& source, std::size_t offset, std::string_view word) {
  for (std::size_t i = source.TokenAt(offset); i < source.tokens().size(); ++i) {
    if (source.tokens()[i].Is(word)) {
      return source.SpanAt(source.tokens()[i].offset, source.tokens()[i].text.size());
    }
  }
  return source.SpanOfToken(offset);
}

// The first offset in the text that the syntax tree below `node` names; the text's end if none.
std::size_t FirstOffset(const Json& node, const SqlText& source) {
  std::size_t first = source.text().size();
  if (node.is_object()) first = OffsetOf(node, source);
  if (node.is_structured()) {
    for (const Json& child : node) first = std::min(first, FirstOffset(child, source));
  }
  return first;
}

class RuleWalk {
 public:
  RuleWalk(const SqlText& source, bool deterministic)
      : source_(source), deterministic_(deterministic) {}

  // `parent` is the nearest expression or order around it.
  void Visit(const Json& node, const Json& parent = {}) {
    if (node.is_object()) Judge(node, parent);
    if (node.is_object() && TextOf(node, "class") == "COLLATE") JudgeCollation(node, parent);
    if (node.is_structured()) {
      for (const Json& child : node) Visit(child, node.is_object() ? node : parent);
    }
  }

  RuleFindings Take() { return std::move(result_); }

 private:
  void Judge(const Json& node, const Json& parent) {
    const std::string kind = TextOf(node, "class");
    if (kind == "FUNCTION" || kind == "WINDOW") return JudgeFunction(node, parent);
    if (kind == "PARAMETER") {
      return Refuse(ParameterSpan(), "a parameter has no value here", "write the value itself");
    }
    if (!kind.empty()) return;
    const std::string type = TextOf(node, "type");
    if (type == "SELECT_NODE" || type == "SET_OPERATION_NODE") return JudgeQuery(node);
    if (type == "RECURSIVE_CTE_NODE") return JudgeRecursion(node);
    if (type == "TABLE_FUNCTION") {
      return Refuse(source_.SpanOfToken(OffsetOf(node, source_)),
                    fmt::format("table function \"{}\" is not allowed",
                                TextOf(node["function"], "function_name")),
                    "land the file as a source, or declare it as a seed");
    }
    if (type == "PIVOT" || type == "SHOW_REF" || type == "COLUMN_DATA") {
      return Refuse(source_.SpanAt(FirstOffset(node, source_), 1),
                    "only tables, subqueries and joins may stand in FROM", "");
    }
    if (type == "BASE_TABLE" && IsSet(node, "at_clause")) {
      Refuse(WordAfter(source_, OffsetOf(node, source_), "at"),
             "AT (…) is not allowed: a run reads the snapshots it was planned with", "");
    }
    if (IsSet(node, "sample")) {
      Uncertain(WordAfter(source_, OffsetOf(node, source_), "tablesample"),
                "a sample is not deterministic", "gives other rows at each run",
                "choose rows by hash(key) % n");
    }
    if (type == "JOIN") JudgeJoin(node);
  }

  // Under such a collation different texts are equal, and which of them represents all is not
  // certain. That does not matter for a comparison, which gives a boolean, and for an order, which
  // is made total.
  void JudgeCollation(const Json& node, const Json& parent) {
    const std::string name = TextOf(node, "collation");
    if (IsBinaryCollation(name)) return;
    const std::string kind = TextOf(parent, "class");
    const std::string type = TextOf(parent, "type");
    if (kind == "COMPARISON" || kind == "BETWEEN" || type == "COMPARE_IN" ||
        type == "COMPARE_NOT_IN" || parent.contains("null_order")) {
      return;
    }
    Uncertain(
        WordAfter(source_, FirstOffset(node, source_), "collate"),
        fmt::format("a text of collation {} is not deterministic", name),
        "texts that differ are equal under it, and which one it gives is not certain",
        "compare lower(x) or strip_accents(x); COLLATE may stand in a comparison or an order");
  }

  void JudgeRecursion(const Json& node) {
    const Json& keys = ListOf(node, "key_targets");
    if (keys.empty()) return;
    Uncertain(WordAfter(source_, BackTo(FirstOffset(keys, source_), "using"), "using"),
              "USING KEY is not deterministic",
              "of several rows with one key the last to come is kept",
              "recurse without it, and choose by max or row_number() outside");
  }

  // The order of a function's arguments: by values in which the rows differ.
  void JudgeOrders(const Json& orders) {
    for (const Json& order : orders) {
      const Json& expression = order["expression"];
      if (!ReadsNothing(expression)) continue;
      Uncertain(source_.SpanOfToken(FirstOffset(expression, source_)),
                "an order by a constant is not deterministic",
                "is the same for every row: a number does not name a column here",
                "name the column to order by");
    }
  }

  // max(x, n), min(x, n): n comes from the first row.
  void JudgeCount(const Json& node, SourceSpan span) {
    const Json& arguments = ListOf(node, "children");
    const std::string name = LowerCase(TextOf(node, "function_name"));
    if ((name != "max" && name != "min") || arguments.size() < 2 || ReadsNothing(arguments[1])) {
      return;
    }
    Uncertain(std::move(span), fmt::format("\"{}\" is not deterministic", name),
              "takes the number of values from the row that comes first",
              "write the number itself");
  }

  void JudgeFrame(const Json& node, SourceSpan span) {
    if (FrameOf(node) != FrameUnit::kRows) return;
    const FunctionKind kind = RuleOfFunction(LowerCase(TextOf(node, "function_name"))).kind;
    const std::string exclude = TextOf(node, "exclude_clause");
    const bool reported = kind == FunctionKind::kRanking && ListOf(node, "arg_orders").empty();
    if (ListOf(node, "orders").empty() && !reported) {
      Uncertain(std::move(span), "a ROWS frame without ORDER BY is not deterministic",
                "which rows come before a row is not certain", "add ORDER BY to its OVER clause");
    } else if (exclude == "TIES" || exclude == "GROUP") {
      Uncertain(std::move(span),
                fmt::format("EXCLUDE {} of a ROWS frame is not deterministic", exclude),
                "which of the equal rows are in the frame is not certain",
                "write a RANGE or a GROUPS frame");
    }
  }

  // list(DISTINCT x ORDER BY x) is list_sort(list(DISTINCT x)) in the syntax tree.
  static bool IsSorted(const Json& parent) {
    const std::string name = LowerCase(TextOf(parent, "function_name"));
    return name == "list_sort" || name == "array_sort" || name == "list_reverse_sort" ||
           name == "array_reverse_sort";
  }

  void JudgeFunction(const Json& node, const Json& parent) {
    const bool window = TextOf(node, "class") == "WINDOW";
    const std::string shown = TextOf(node, "function_name");
    const std::string name = LowerCase(shown);
    const SourceSpan span = source_.SpanOfToken(OffsetOf(node, source_));
    const FunctionRule rule = RuleOfFunction(name);
    const Json& inside = window ? ListOf(node, "arg_orders") : OrdersInside(node);
    const bool ordered = !ListOf(node, "orders").empty() || !inside.empty() || IsSorted(parent);
    JudgeOrders(ListOf(node, "orders"));
    JudgeOrders(inside);
    if (window) JudgeFrame(node, span);
    switch (rule.kind) {
      case FunctionKind::kUnlisted:
        result_.unlisted.push_back({name, span});
        return;
      case FunctionKind::kSecret:
        return Refuse(span, "secret() cannot be used in SQL yet",
                      "read the secret in a Python or command step");
      case FunctionKind::kRunTime:
        if (!ListOf(node, "children").empty()) {
          Refuse(span, "run_time() takes no argument", "");
        }
        return;
      case FunctionKind::kFloatAggregate:
      case FunctionKind::kRefused:
        return Uncertain(span, fmt::format("\"{}\" is not deterministic", shown),
                         std::string(rule.reason), std::string(rule.hint));
      case FunctionKind::kOrderedAggregate:
        if (!ordered) {
          Uncertain(span, fmt::format("\"{}\" is not deterministic", shown),
                    "depends on the order of rows", fmt::format("write {}(… ORDER BY …)", shown));
        }
        return;
      case FunctionKind::kAggregate:
        return JudgeCount(node, span);
      case FunctionKind::kRanking:
        if (window && !ordered) {
          Uncertain(span, fmt::format("\"{}\" is not deterministic", shown),
                    "depends on the order of rows", "add ORDER BY to its OVER clause");
        }
        return;
      default:
        return;
    }
  }

  static const Json& OrdersInside(const Json& function) {
    static const Json kNone = Json::array();
    return IsSet(function, "order_bys") ? ListOf(function["order_bys"], "orders") : kNone;
  }

  void JudgeQuery(const Json& node) {
    bool ordered = false;
    for (const Json& modifier : ListOf(node, "modifiers")) {
      ordered = ordered || TextOf(modifier, "type") == "ORDER_MODIFIER";
    }
    for (const Json& modifier : ListOf(node, "modifiers")) {
      const std::string type = TextOf(modifier, "type");
      if (ordered) continue;
      if (type.starts_with("LIMIT")) {
        Uncertain(LimitSpan(modifier), "LIMIT without ORDER BY is not deterministic",
                  "which rows come first is not certain", "add ORDER BY over a key");
      } else if (type == "DISTINCT_MODIFIER" && !ListOf(modifier, "distinct_on_targets").empty()) {
        Uncertain(
            WordAfter(source_, BackTo(FirstOffset(modifier, source_), "distinct"), "distinct"),
            "DISTINCT ON without ORDER BY is not deterministic",
            "which row comes first is not certain", "add ORDER BY over a key");
      }
    }
    if (IsSet(node, "sample")) {
      Uncertain(WordAfter(source_, FirstOffset(node["from_table"], source_), "sample"),
                "a sample is not deterministic", "gives other rows at each run",
                "choose rows by hash(key) % n");
    }
  }

  void JudgeJoin(const Json& node) {
    const std::string type = TextOf(node, "ref_type");
    if (type == "POSITIONAL" || type == "ASOF") {
      Uncertain(
          WordAfter(source_, FirstOffset(node["left"], source_), type),
          fmt::format("{} JOIN is not deterministic", type),
          type == "ASOF" ? "of several equal times one is taken" : "depends on the order of rows",
          type == "ASOF" ? "a feature view joins as of a time" : "join by a key");
    }
  }

  void Refuse(SourceSpan span, std::string message, std::string hint) {
    result_.findings.push_back(
        Finding("WH2107", std::move(span), std::move(message), {}, std::move(hint)));
  }

  void Uncertain(SourceSpan span, std::string message, std::string note, std::string hint) {
    if (!deterministic_) return;
    result_.findings.push_back(
        Finding("WH2106", std::move(span), std::move(message), std::move(note), std::move(hint)));
  }

  // The offset of the last token `word` before `offset`, or `offset`.
  std::size_t BackTo(std::size_t offset, std::string_view word) const {
    for (std::size_t i = source_.TokenAt(offset); i-- > 0;) {
      if (source_.tokens()[i].Is(word)) return source_.tokens()[i].offset;
    }
    return offset;
  }

  SourceSpan LimitSpan(const Json& modifier) const {
    const std::size_t limit = IsSet(modifier, "limit") ? FirstOffset(modifier["limit"], source_)
                                                       : FirstOffset(modifier, source_);
    for (std::string_view word : {"limit", "offset"}) {
      const std::size_t at = BackTo(limit, word);
      if (at != limit) return source_.SpanOfToken(at);
    }
    return source_.SpanOfToken(limit);
  }

  SourceSpan ParameterSpan() const {
    for (const Token& token : source_.tokens()) {
      if (token.text == "?" || token.text.starts_with("$")) return source_.SpanAt(token.offset, 1);
    }
    return source_.SpanAt(0, 1);
  }

  const SqlText& source_;
  bool deterministic_;
  RuleFindings result_;
};

// Collects what prevents a query from being row-wise.
class RowWiseWalk {
 public:
  explicit RowWiseWalk(const SqlText& source) : source_(source) {}

  std::vector<Diagnostic> Check(const Json& node) {
    if (TextOf(node, "type") != "SELECT_NODE") {
      for (std::string_view word : {"union", "intersect", "except"}) {
        if (const Token* token = source_.FindTopLevel(word)) {
          Add(source_.SpanOfToken(token->offset), std::string(token->text));
          return std::move(findings_);
        }
      }
      Add(source_.SpanAt(0, 1), "this kind of query");
      return std::move(findings_);
    }
    if (node.contains("cte_map") && !ListOf(node["cte_map"], "map").empty())
      AddWord("with", "WITH");
    for (const Json& modifier : ListOf(node, "modifiers")) {
      const std::string type = TextOf(modifier, "type");
      if (type == "DISTINCT_MODIFIER") AddWord("distinct", "DISTINCT");
      if (type.starts_with("LIMIT")) AddWord("limit", "LIMIT");
    }
    const bool grouped = !ListOf(node, "group_expressions").empty() ||
                         !ListOf(node, "group_sets").empty() ||
                         TextOf(node, "aggregate_handling") == "FORCE_AGGREGATES";
    if (grouped) AddWord("group", "GROUP BY");
    if (IsSet(node, "having")) AddWord("having", "HAVING");
    if (IsSet(node, "qualify")) AddWord("qualify", "QUALIFY");
    Expressions(ListOf(node, "select_list"));
    if (IsSet(node, "where_clause")) Expressions(node["where_clause"]);
    if (!IsSet(node, "from_table") || TextOf(node["from_table"], "type") == "EMPTY") {
      Add(source_.SpanAt(source_.tokens().empty() ? 0 : source_.tokens()[0].offset, 1),
          "a query without FROM");
    } else {
      Table(node["from_table"], true);
    }
    return std::move(findings_);
  }

 private:
  void Add(SourceSpan span, const std::string& what, std::string note = {}) {
    findings_.push_back(Finding(
        "WH2108", std::move(span), fmt::format("needs mode full: {}", what), std::move(note),
        "write `mode full` in the header, or keep the query to expressions over one row"));
  }

  void AddWord(std::string_view word, const std::string& what) {
    const Token* token = source_.FindTopLevel(word);
    Add(source_.SpanOfToken(token == nullptr ? source_.text().size() : token->offset), what);
  }

  void Expressions(const Json& node) {
    if (node.is_object()) {
      const std::string kind = TextOf(node, "class");
      const SourceSpan span = source_.SpanOfToken(OffsetOf(node, source_));
      if (kind == "WINDOW") {
        return Add(span, fmt::format("window function \"{}\"", TextOf(node, "function_name")));
      }
      if (kind == "SUBQUERY") return Add(span, "a subquery");
      if (kind == "FUNCTION") {
        const std::string name = TextOf(node, "function_name");
        const FunctionKind function = RuleOfFunction(LowerCase(name)).kind;
        if (function == FunctionKind::kAggregate || function == FunctionKind::kExactSum ||
            function == FunctionKind::kOrderedAggregate) {
          return Add(span, fmt::format("aggregate \"{}\"", name == "count_star" ? "count" : name));
        }
        if (function == FunctionKind::kRowSet) {
          return Add(span, fmt::format("\"{}\" gives several rows", name));
        }
      }
    }
    if (node.is_structured()) {
      for (const Json& child : node) Expressions(child);
    }
  }

  void Table(const Json& table, bool first) {
    const std::string type = TextOf(table, "type");
    if (type == "JOIN") return Join(table, first);
    const std::size_t offset = FirstOffset(table, source_);
    if (type != "BASE_TABLE") {
      return Add(source_.SpanOfToken(OpeningOf(offset)), "a subquery in FROM");
    }
    const std::string schema = LowerCase(TextOf(table, "schema_name"));
    const std::string name = TextOf(table, "schema_name") + "." + TextOf(table, "table_name");
    const TableKind kind = KindOfTable(schema + ".");
    const SourceSpan span = source_.SpanAt(offset, name.size());
    if (first && kind != TableKind::kRecords && kind != TableKind::kProcessed) {
      Add(span, "the first table in FROM must be the records or the processed table that drives it",
          "does not drive anything");
    } else if (!first && kind != TableKind::kSeed) {
      Add(span, fmt::format("\"{}\" is a second table that changes", name),
          "only ref.* may be joined to the driver");
    }
  }

  // The parenthesis that opens at top level around `offset`; the syntax tree does not record it.
  std::size_t OpeningOf(std::size_t offset) const {
    for (std::size_t i = source_.TokenAt(offset); i-- > 0;) {
      const Token& token = source_.tokens()[i];
      if (token.text == "(" && token.depth == 0) return token.offset;
    }
    return offset;
  }

  void Join(const Json& table, bool first) {
    const std::string type = TextOf(table, "join_type");
    const std::string kind = TextOf(table, "ref_type");
    const std::size_t place = OffsetOf(table, source_);
    const SourceSpan span = source_.SpanOfToken(
        place < source_.text().size() ? place : FirstOffset(table["right"], source_));
    if (kind == "CROSS") {
      Add(span, "a join without a condition");
    } else if ((type != "INNER" && type != "LEFT") || (kind != "REGULAR" && kind != "NATURAL")) {
      Add(span, fmt::format("{} JOIN", kind == "REGULAR" ? type : kind));
    }
    Table(table["left"], first);
    Table(table["right"], false);
    if (IsSet(table, "condition")) Expressions(table["condition"]);
  }

  const SqlText& source_;
  std::vector<Diagnostic> findings_;
};

}  // namespace

std::vector<Diagnostic> StatementFindings(const SqlText& source) {
  const std::vector<Token>& tokens = source.tokens();
  const auto refuse = [&](std::size_t offset, std::string message, std::string hint) {
    return std::vector{
        Finding("WH2107", source.SpanOfToken(offset), std::move(message), {}, std::move(hint))};
  };
  if (tokens.empty()) return refuse(0, "there is no SELECT", "");
  if (const std::size_t mark = source.text().find(kRunTimeMark); mark != std::string::npos) {
    return refuse(mark, "a private-use character is not allowed here", "");
  }
  const Token& first = tokens.front();
  const bool selects = first.text == "(" || first.Is("select") || first.Is("with") ||
                       first.Is("from") || first.Is("values");
  if (!selects) {
    return refuse(first.offset, fmt::format("{} is not allowed: only one SELECT is", first.text),
                  "a transform, a gate and a spine are queries; the engine writes the tables");
  }
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (tokens[i].text == ";" && tokens[i + 1].text != ";") {
      return refuse(tokens[i + 1].offset, "only one statement is allowed",
                    "put the second query in a file of its own");
    }
  }
  return {};
}

RuleFindings CheckRules(const Json& node, const SqlText& source, bool deterministic) {
  RuleWalk walk(source, deterministic);
  walk.Visit(node);
  return walk.Take();
}

std::vector<Diagnostic> RowWiseFindings(const Json& node, const SqlText& source) {
  return RowWiseWalk(source).Check(node);
}

Driver DriverOf(const Json& node) {
  const Json* table = &node["from_table"];
  while (TextOf(*table, "type") == "JOIN") table = &(*table)["left"];
  const std::string alias = TextOf(*table, "alias");
  const std::string name = TextOf(*table, "table_name");
  return {TextOf(*table, "schema_name") + "." + name, alias.empty() ? name : alias};
}
}  // namespace weirhouse::transform

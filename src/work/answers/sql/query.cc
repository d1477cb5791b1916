#include "work/answers/sql/query.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/ascii.h"
#include "ground/base/display/display_width.h"
#include "ground/base/text.h"
#include "ground/iceberg/type/schema.h"
#include "ground/platform/sql/sql.h"
#include "rules/transform/check/check.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

const std::string kQueryPath = "query";

struct Named {
  std::string name;
  std::int64_t offset = -1;  // in the query, if known
};

// Tables that the tree names, wherever; names of WITH clauses are left out.
void CollectTables(const json& node, std::vector<Named>* tables, std::set<std::string>* ctes) {
  if (node.is_array()) {
    for (const json& item : node) CollectTables(item, tables, ctes);
    return;
  }
  if (!node.is_object()) return;
  if (node.value("type", json()) == "BASE_TABLE") {
    const std::string schema = node.value("schema_name", "");
    const std::string table = node.value("table_name", "");
    Named named{schema.empty() ? table : schema + "." + table};
    const json location = node.value("query_location", json());
    if (location.is_number()) named.offset = static_cast<std::int64_t>(location.get<double>());
    tables->push_back(std::move(named));
  }
  if (const auto map = node.find("cte_map"); map != node.end() && map->is_object()) {
    for (const json& entry : map->value("map", json::array()))
      if (entry.is_object()) ctes->insert(entry.value("key", ""));
  }
  for (const auto& [key, value] : node.items()) CollectTables(value, tables, ctes);
}

// The place in the query, lines and columns counted from its start.
SourceSpan SpanAt(const std::string& query, std::size_t offset, std::size_t width) {
  offset = std::min(offset, query.size());
  const std::size_t begin = offset == 0 ? 0 : query.rfind('\n', offset - 1) + 1;
  SourceSpan span;
  span.path = kQueryPath;
  span.line = 1 + static_cast<int>(std::count(
                      query.begin(), query.begin() + static_cast<std::ptrdiff_t>(begin), '\n'));
  span.column = 1 + static_cast<int>(DisplayWidth(query.substr(begin, offset - begin)));
  span.width = static_cast<int>(std::max<std::size_t>(width, 1));
  span.source_line = query.substr(begin, query.find('\n', begin) - begin);
  return span;
}

std::size_t WordWidth(const std::string& query, std::size_t offset) {
  std::size_t end = offset;
  while (end < query.size() && (std::isalnum(static_cast<unsigned char>(query[end])) != 0 ||
                                query[end] == '_' || query[end] == '.'))
    ++end;
  return end - offset;
}

// DuckDB says the byte of the text it was given.
Status WithPlace(const std::string& query, Status status) {
  if (!status.span() || status.span()->line > 0 || status.span()->column <= 0) return status;
  const auto offset = static_cast<std::size_t>(status.span()->column - 1);
  return std::move(status).WithSpan(SpanAt(query, offset, WordWidth(query, offset)));
}

// A statement that would change something: says who changes tables instead.
Status NotASelect(const std::string& query) {
  const std::size_t first = std::min(query.find_first_not_of(" \t\r\n"), query.size());
  return Status(Code::kInvalidInput, "tables are read-only here: a query is one SELECT")
      .WithError(platform::kNotASelect)
      .WithSpan(SpanAt(query, first, WordWidth(query, first)))
      .WithHint(
          "read with SELECT (`wh sql --csv` exports rows); a processed table changes when its SQL "
          "or what landed does, and other engines write tables of `mode external`");
}

// DuckDB has a catalog named "system" of its own, so the project's system.* stand in another
// schema.
constexpr std::string_view kSystem = "system";
constexpr std::string_view kSystemSchema = "_system";

std::string RegisteredName(const std::string& name) {
  if (!name.starts_with("system.")) return name;
  return std::string(kSystemSchema) + name.substr(kSystem.size());
}

// Renames the schema in table and column references; true if there was one to rename.
bool RenameSystem(json& node) {
  bool renamed = false;
  if (node.is_object() && node.value("type", json()) == "BASE_TABLE" &&
      LowerCase(node.value("schema_name", "")) == kSystem) {
    node["schema_name"] = kSystemSchema;
    renamed = true;
  }
  if (node.is_object()) {
    const auto names = node.find("column_names");
    if (names != node.end() && names->is_array() && names->size() == 3 &&
        names->front().is_string() && LowerCase(names->front().get<std::string>()) == kSystem)
      names->front() = kSystemSchema;
  }
  if (!node.is_structured()) return renamed;
  for (json& child : node) renamed = RenameSystem(child) || renamed;
  return renamed;
}

// The names as the project spells them; SQL does not tell cases apart.
Result<std::vector<std::string>> ResolveTables(const std::vector<std::string>& known,
                                               const json& tree, const std::string& query) {
  std::vector<Named> named;
  std::set<std::string> ctes;
  CollectTables(tree, &named, &ctes);
  std::set<std::string> names;
  for (const Named& table : named) {
    if (ctes.count(table.name) != 0) continue;
    const auto found = std::find_if(known.begin(), known.end(), [&](const std::string& name) {
      return LowerCase(name) == LowerCase(table.name);
    });
    if (found != known.end()) {
      names.insert(*found);
      continue;
    }
    Status status(Code::kInvalidInput, fmt::format("no such table: \"{}\"", table.name));
    std::size_t offset = table.offset >= 0 ? static_cast<std::size_t>(table.offset)
                                           : LowerCase(query).find(LowerCase(table.name));
    if (offset == std::string::npos) offset = 0;
    std::string hint = DidYouMean(table.name, known);
    if (hint.empty()) hint = "`wh names table` lists them";
    return std::move(status)
        .WithError("WH2103")
        .WithSpan(SpanAt(query, offset, WordWidth(query, offset)))
        .WithHint(std::move(hint));
  }
  return std::vector<std::string>(names.begin(), names.end());
}

// Hidden columns are there for who asks for one by name, so that `*` gives the declared ones.
std::vector<std::string> ColumnsOffered(const arrow::Schema& schema, const std::string& query) {
  std::vector<std::string> columns;
  for (const std::string& name : schema.field_names()) {
    if (!iceberg::IsHidden(name) || LowerCase(query).find(LowerCase(name)) != std::string::npos)
      columns.push_back(name);
  }
  return columns;
}

std::shared_ptr<arrow::Schema> Narrowed(const arrow::Schema& schema,
                                        const std::vector<std::string>& columns) {
  arrow::FieldVector fields;
  for (const std::string& column : columns) fields.push_back(schema.GetFieldByName(column));
  return arrow::schema(std::move(fields));
}

// One query on its way: which tables and columns it needs, and how it is said to the engine.
class Query {
 public:
  Query(work::Workspace& workspace, platform::SqlSession& session, std::string text)
      : workspace_(workspace), session_(session), text_(std::move(text)), sql_(text_) {}

  Result<std::shared_ptr<arrow::Table>> Run(const AsOf& at) {
    auto tree = session_.ParseToJson(text_);
    if (tree.status().Is(platform::kNotASelect)) return NotASelect(text_);
    if (!tree.ok()) return WithPlace(text_, tree.status());
    json parsed = json::parse(*tree);
    WEIRHOUSE_TRY(const QueryTables tables,
                  QueryTables::Open(workspace_, at, [&](const std::vector<std::string>& known) {
                    return ResolveTables(known, parsed, text_);
                  }));
    if (RenameSystem(parsed)) {
      WEIRHOUSE_TRY(sql_, session_.JsonToSql(parsed.dump()));
    }
    WEIRHOUSE_TRY_STATUS(Check(tables));
    for (const std::string& name : tables.chosen()) {
      WEIRHOUSE_TRY(const auto rows, tables.Rows(name, columns_[name]));
      WEIRHOUSE_TRY_STATUS(session_.Register(RegisteredName(name), rows));
    }
    auto answer = session_.Query(sql_);
    if (answer.ok()) return answer;
    // What our own check found is said in the project's words, with a suggestion.
    if (!found_.ok() && sql_ == text_) return found_;
    return sql_ == text_ ? WithPlace(text_, answer.status()) : answer.status();
  }

 private:
  // Which columns of each table are needed; all that are offered where that cannot be told, since
  // the engine may know what the check does not.
  Status Check(const QueryTables& tables) {
    transform::SchemaCatalog schemas;
    for (const std::string& name : tables.chosen()) {
      WEIRHOUSE_TRY(const auto schema, tables.Schema(name));
      columns_[name] = ColumnsOffered(*schema, text_);
      schemas.Add(RegisteredName(name), Narrowed(*schema, columns_[name]), "table " + name);
    }
    transform::SelectRules rules;
    rules.deterministic = false;
    const auto checked = transform::CheckSelect(session_, {kQueryPath, sql_}, schemas, rules);
    found_ = checked.status();
    if (!checked.ok()) return Status();
    for (const std::string& name : tables.chosen()) {
      std::vector<std::string> needed;
      // `count(*)` needs rows and no column.
      if (!columns_[name].empty()) needed.push_back(columns_[name].front());
      for (const transform::TableReference& reference : checked->references) {
        if (reference.name == RegisteredName(name) && !reference.columns.empty())
          needed = reference.columns;
      }
      // A hidden column that one clause names is there for the stars of all others: the checked
      // text leaves it out of them.
      if (std::any_of(needed.begin(), needed.end(), iceberg::IsHidden)) sql_ = checked->sql;
      columns_[name] = std::move(needed);
    }
    return Status();
  }

  work::Workspace& workspace_;
  platform::SqlSession& session_;
  const std::string text_;
  std::string sql_;
  std::map<std::string, std::vector<std::string>> columns_;
  Status found_;
};
}  // namespace

Result<std::shared_ptr<arrow::Table>> AskSql(work::Workspace& workspace, const std::string& query,
                                             const AsOf& at, std::function<bool()> told_to_stop) {
  WEIRHOUSE_TRY(const auto session, workspace.sql().Connect());
  platform::SqlBounds bounds;
  bounds.told_to_stop = std::move(told_to_stop);
  session->SetBounds(std::move(bounds));
  return Query(workspace, *session, query).Run(at);
}
}  // namespace weirhouse::answers

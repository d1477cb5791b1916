// sql: one SELECT over the project's tables, in a session that reaches nothing else.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "command/cell.h"
#include "command/query_tables.h"
#include "command/verbs.h"
#include "transform/check.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

constexpr std::int64_t kTextRows = 200;
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
Status Placed(const std::string& query, Status status) {
  if (!status.span() || status.span()->line > 0 || status.span()->column <= 0) return status;
  const auto offset = static_cast<std::size_t>(status.span()->column - 1);
  return std::move(status).WithSpan(SpanAt(query, offset, WordWidth(query, offset)));
}

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// The names as the project spells them; SQL does not tell cases apart.
Result<std::vector<std::string>> ResolveTables(engine::Workspace& workspace,
                                               storage::SqlSession& session,
                                               const std::string& query) {
  auto tree = session.ParseToJson(query);
  if (!tree.ok()) return Placed(query, tree.status());
  std::vector<Named> named;
  std::set<std::string> ctes;
  CollectTables(json::parse(*tree), &named, &ctes);
  WEIRHOUSE_TRY(const std::vector<std::string> known, QueryTableNames(workspace));
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

// The columns that the query needs of each table; all of them where that cannot be told.
std::map<std::string, std::vector<std::string>> ColumnsNeeded(
    storage::SqlSession& session, const std::string& query,
    const transform::SchemaCatalog& schemas) {
  std::map<std::string, std::vector<std::string>> columns;
  transform::SelectRules rules;
  rules.deterministic = false;
  const auto checked = transform::CheckSelect(session, {kQueryPath, query}, schemas, rules);
  if (!checked.ok()) return columns;
  for (const transform::TableReference& reference : checked->references)
    columns[reference.name] = reference.columns;
  return columns;
}

Status RegisterTables(engine::Workspace& workspace, storage::SqlSession& session,
                      const std::string& query, std::optional<CommitSeq> at) {
  WEIRHOUSE_TRY(const std::vector<std::string> names, ResolveTables(workspace, session, query));
  transform::SchemaCatalog schemas;
  for (const std::string& name : names) {
    WEIRHOUSE_TRY(const auto schema, QueryTableSchema(workspace, name));
    schemas.Add(name, schema, "table " + name);
  }
  auto needed = ColumnsNeeded(session, query, schemas);
  for (const std::string& name : names) {
    std::vector<std::string> columns = needed[name];
    // `count(*)` needs rows and no column.
    if (columns.empty() && needed.size() == names.size())
      columns.push_back(schemas.Find(name)->schema->field(0)->name());
    WEIRHOUSE_TRY(const auto rows, QueryTableRows(workspace, name, columns, at));
    WEIRHOUSE_TRY_STATUS(session.Register(name, rows));
  }
  return Status();
}
}  // namespace

Result<int> RunSql(Context& context) {
  const std::string query = context.invocation().Word(0);
  WEIRHOUSE_TRY(const std::int64_t limit, context.IntOption("limit", kTextRows, 1, 1LL << 40));
  WEIRHOUSE_TRY(engine::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const auto at, CommitAt(*workspace, context.invocation().at));
  WEIRHOUSE_TRY(const auto session, workspace->sql().Connect());
  WEIRHOUSE_TRY_STATUS(RegisterTables(*workspace, *session, query, at));
  auto answer = session->Query(query);
  if (!answer.ok()) return Placed(query, answer.status());
  const std::shared_ptr<arrow::Table> rows = std::move(answer).value();
  if (context.invocation().Has("csv")) {
    context.streams().Out(ListingOf(*rows, "rows", -1).AsCsv());
    return kExitOk;
  }
  context.Print(ListingOf(*rows, "rows", context.wants_json() ? -1 : limit));
  if (!context.wants_json() && rows->num_rows() > limit) {
    context.Say(fmt::format("… and {} more rows: --limit N, --csv or --json",
                            WithThousands(rows->num_rows() - limit)));
  }
  return kExitOk;
}
}  // namespace weirhouse::command

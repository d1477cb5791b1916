#include "gate/sql_reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"
#include "storage/sql.h"

namespace weirhouse::gate {
namespace {
using nlohmann::json;

Status Refused(std::string message) {
  return Status(Code::kInvalidInput, std::move(message)).WithError("WH3006");
}

// Functions that answer differently when asked again, or that reach outside the query.
bool IsVolatile(const std::string& name) {
  static const std::set<std::string> names = {"now",
                                              "current_timestamp",
                                              "get_current_timestamp",
                                              "transaction_timestamp",
                                              "current_date",
                                              "today",
                                              "current_time",
                                              "get_current_time",
                                              "current_localtime",
                                              "current_localtimestamp",
                                              "localtime",
                                              "localtimestamp",
                                              "random",
                                              "rand",
                                              "setseed",
                                              "uuid",
                                              "gen_random_uuid",
                                              "uuidv4",
                                              "uuidv7",
                                              "nextval",
                                              "currval",
                                              "first",
                                              "any_value",
                                              "arbitrary",
                                              "last",
                                              "approx_count_distinct",
                                              "approx_quantile",
                                              "reservoir_quantile",
                                              "getenv",
                                              "current_setting",
                                              "current_user",
                                              "version",
                                              "txid_current",
                                              "query",
                                              "query_table",
                                              "sleep_ms"};
  return names.contains(name);
}
// Words that DuckDB reads as such a function though they look like a column.
bool IsVolatileWord(const std::string& name) {
  static const std::set<std::string> names = {"current_timestamp", "current_date",
                                              "current_time",      "localtime",
                                              "localtimestamp",    "current_user"};
  return names.contains(name);
}
bool IsKnownTableFunction(const std::string& name) {
  static const std::set<std::string> names = {"range", "generate_series", "unnest"};
  return names.contains(name);
}

std::string TextOf(const json& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
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
      if (ctes_.contains(name)) continue;
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
      for (const json& entry : map->value("map", json::array())) ctes_.insert(TextOf(entry, "key"));
    }
    if (const auto columns = node.find("using_columns"); columns != node.end()) {
      for (const json& column : *columns) columns_.insert(column.get<std::string>());
    }
    if (TextOf(node, "ref_type") == "NATURAL") star_ = true;  // any column may join
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
        starred_aliases_.insert(alias);
      }
    }
    if (kind == "FUNCTION" || kind == "WINDOW") {
      const std::string name = TextOf(node, "function_name");
      if (kind == "FUNCTION" && IsVolatile(name)) {
        return Refused(fmt::format("{}() does not give the same answer each time", name));
      }
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
    const std::string name = schema.empty() ? table : schema + "." + table;
    auto& aliases = tables_[name];
    aliases.insert(alias.empty() ? table : alias);
    return Status();
  }

  Status VisitColumn(const json& node) {
    const auto parts = node.find("column_names");
    if (parts == node.end()) return Status();
    for (const json& part : *parts) columns_.insert(part.get<std::string>());
    if (parts->size() == 1 && IsVolatileWord(parts->front().get<std::string>())) {
      return Refused(fmt::format("{} does not give the same answer each time",
                                 parts->front().get<std::string>()));
    }
    // A bare table name stands for the row.
    if (parts->size() == 1) starred_aliases_.insert(parts->front().get<std::string>());
    return Status();
  }

  std::map<std::string, std::set<std::string>> tables_;  // name → aliases
  std::set<std::string> ctes_;
  std::set<std::string> columns_;
  std::set<std::string> starred_aliases_;
  bool star_ = false;
};

// SQL is blind to case in names.
bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}
}  // namespace

void SqlReads::Resolve(TableRead& table, const std::vector<std::string>& available) const {
  table.columns.clear();
  if (table.all_columns) return;
  for (const std::string& name : available) {
    const bool named = std::any_of(columns.begin(), columns.end(),
                                   [&](const std::string& used) { return SameName(used, name); });
    if (named) table.columns.push_back(name);
  }
  if (table.columns.empty() && !available.empty()) table.columns.push_back(available.front());
}

Result<SqlReads> ReadSqlReferences(std::string_view sql, storage::SqlSession& session) {
  auto text = session.ParseToJson(sql);
  if (!text.ok()) {
    Status status = Refused("the SQL does not parse: " + text.status().message());
    if (text.status().span()) status = std::move(status).WithSpan(*text.status().span());
    return status;
  }
  try {
    const json tree = json::parse(*text);
    const json& statements = tree.is_array() ? tree : tree.at("statements");
    if (statements.size() != 1) return Refused("a gate's SQL is one SELECT");
    Walk walk;
    WEIRHOUSE_TRY_STATUS(walk.Visit(statements));
    return walk.Finish();
  } catch (const json::exception& error) {
    return Status(Code::kInternal,
                  fmt::format("DuckDB's syntax tree was not understood: {}", error.what()));
  }
}
}  // namespace weirhouse::gate

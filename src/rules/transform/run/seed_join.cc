#include "rules/transform/run/seed_join.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "rules/transform/check/resolve.h"
#include "rules/transform/sql_text.h"

namespace weirhouse::transform {
namespace {
using Json = nlohmann::json;

// `s.k`; both in lower case.
struct Name {
  std::string table;
  std::string column;
};

// Adds all columns that an expression names; false if one of them has no table.
bool AddNames(const Json& node, std::vector<Name>& names) {
  if (!node.is_structured()) return true;
  if (node.is_object() && TextOf(node, "class") == "COLUMN_REF") {
    const Json& parts = ListOf(node, "column_names");
    if (parts.size() != 2) return false;
    names.push_back(
        {LowerCase(parts[0].get<std::string>()), LowerCase(parts[1].get<std::string>())});
    return true;
  }
  return std::all_of(node.begin(), node.end(),
                     [&](const Json& child) { return AddNames(child, names); });
}

// One JOIN of the chain, and the columns it compares.
struct Link {
  const Json* table = nullptr;
  std::string alias;
  bool plain = true;  // nothing but equalities of two columns
  std::vector<std::pair<Name, Name>> equal;
  std::vector<std::string> shared;  // USING
};

void AddEqualities(const Json& condition, const std::string& driver, Link& link) {
  if (TextOf(condition, "type") == "CONJUNCTION_AND") {
    for (const Json& part : ListOf(condition, "children")) AddEqualities(part, driver, link);
    return;
  }
  std::vector<Name> names;
  const bool columns = TextOf(condition, "type") == "COMPARE_EQUAL" &&
                       TextOf(condition.value("left", Json()), "class") == "COLUMN_REF" &&
                       TextOf(condition.value("right", Json()), "class") == "COLUMN_REF";
  if (!columns || !AddNames(condition, names) || names.size() != 2) {
    link.plain = false;
    return;
  }
  if (names[0].table != link.alias) std::swap(names[0], names[1]);
  // A join through another seed may find nothing.
  if (names[0].table != link.alias || names[1].table != driver) {
    link.plain = false;
    return;
  }
  link.equal.emplace_back(names[0], names[1]);
}

std::string AliasOf(const Json& table) {
  const std::string alias = TextOf(table, "alias");
  return LowerCase(alias.empty() ? TextOf(table, "table_name") : alias);
}

// The joins of `from`, the first one last, valid while `from` lives; nothing if it is not a chain
// of tables.
std::vector<Link> LinksOf(const Json& from) {
  std::vector<Link> links;
  const Json* first = &from;
  while (TextOf(*first, "type") == "JOIN") first = &first->at("left");
  for (const Json* table = &from; table != first; table = &table->at("left")) {
    Link link;
    link.table = &table->at("right");
    if (TextOf(*link.table, "type") != "BASE_TABLE" || TextOf(*table, "ref_type") != "REGULAR")
      return {};
    link.alias = AliasOf(*link.table);
    for (const Json& name : ListOf(*table, "using_columns"))
      link.shared.push_back(LowerCase(name.get<std::string>()));
    if (IsSet(*table, "condition")) AddEqualities(table->at("condition"), AliasOf(*first), link);
    // The table of a USING column is certain if there is one table on the left.
    const bool one_left = link.shared.empty() || &table->at("left") == first;
    link.plain = link.plain && one_left && (link.equal.empty() != link.shared.empty());
    links.push_back(std::move(link));
  }
  return links;
}

// Whether `names`, or the columns `shared` of any table, include columns that `link` compares.
bool Touches(const Link& link, const std::vector<Name>& names,
             const std::vector<std::string>& shared) {
  const auto compares = [&](const std::string& column) {
    return std::count(link.shared.begin(), link.shared.end(), column) > 0 ||
           std::any_of(link.equal.begin(), link.equal.end(), [&](const auto& pair) {
             return pair.first.column == column || pair.second.column == column;
           });
  };
  const bool named = std::any_of(names.begin(), names.end(), [&](const Name& name) {
    return name.table == link.alias || compares(name.column);
  });
  return named || std::any_of(shared.begin(), shared.end(), compares);
}
}  // namespace

Result<std::vector<SeedJoin>> SureSeedJoins(platform::SqlSession& session,
                                            const TransformDefinition& definition) {
  std::vector<SeedJoin> joins;
  WEIRHOUSE_TRY(const std::string parsed, session.ParseToJson(definition.text));
  const Json tree = Json::parse(parsed, nullptr, false);
  const Json& select = tree["statements"][0]["node"];
  if (TextOf(select, "type") != "SELECT_NODE") return joins;
  const SqlText text(definition.path, definition.text);
  std::vector<Name> filtered;
  if (IsSet(select, "where_clause") && !AddNames(select.at("where_clause"), filtered)) return joins;
  const Json from = select.value("from_table", Json());
  const std::vector<Link> links = LinksOf(from);
  for (const Link& link : links) {
    if (!link.plain || LowerCase(TextOf(*link.table, "schema_name")) != "ref") continue;
    bool touched = Touches(link, filtered, {});
    for (const Link& other : links) {
      if (&other == &link) continue;
      std::vector<Name> names;
      for (const auto& [mine, theirs] : other.equal) names.insert(names.end(), {mine, theirs});
      touched = touched || !other.plain || Touches(link, names, other.shared);
    }
    if (touched) continue;
    SeedJoin join{"ref." + TextOf(*link.table, "table_name"), link.shared, {}};
    for (const auto& [mine, theirs] : link.equal) join.columns.push_back(mine.column);
    join.span = text.SpanAt(OffsetOf(*link.table, text), join.seed.size());
    joins.push_back(std::move(join));
  }
  return joins;
}
}  // namespace weirhouse::transform

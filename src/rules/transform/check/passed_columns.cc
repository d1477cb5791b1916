#include "rules/transform/check/passed_columns.h"

#include <algorithm>
#include <set>

#include "ground/base/text.h"

namespace weirhouse::transform {
namespace {
using Json = nlohmann::json;

bool HoldsStar(const Json& node) {
  if (node.is_object() && TextOf(node, "class") == "STAR") return true;
  return node.is_structured() && std::any_of(node.begin(), node.end(), HoldsStar);
}

bool IsPlainStar(const Json& item) {
  if (TextOf(item, "class") != "STAR") return false;
  if (item.contains("columns") && item["columns"].is_boolean() && item["columns"] == true)
    return false;  // COLUMNS(…)
  for (const char* changes : {"replace_list", "rename_list"}) {
    if (item.contains(changes) && !item[changes].empty()) return false;
  }
  return !IsSet(item, "expr");
}

std::string LastName(const Json& item) {
  const Json& names = ListOf(item, "column_names");
  return names.empty() ? std::string() : LowerCase(names.back().get<std::string>());
}

// Whether the item is `id` or `t.id`, and not a member of a structure or a name of the select list.
bool IsColumnOf(const Json& item, const std::string& alias, const std::set<std::string>& aliases) {
  const Json& names = ListOf(item, "column_names");
  if (names.size() == 2) return LowerCase(names[0].get<std::string>()) == LowerCase(alias);
  return names.size() == 1 && aliases.count(LastName(item)) == 0;
}
}  // namespace

std::map<std::string, std::string> PassedColumns(const Json& node, const Resolution& resolution,
                                                 const Driver& driver) {
  std::map<std::string, std::string> passed;
  if (!resolution.output_known) return passed;
  std::set<std::string> aliases;
  for (const Json& item : ListOf(node, "select_list"))
    aliases.insert(LowerCase(TextOf(item, "alias")));
  std::map<std::string, std::string> plain;  // output → the column that its item names
  std::set<std::string> computed;
  bool star = false;
  for (const Json& item : ListOf(node, "select_list")) {
    const std::string alias = LowerCase(TextOf(item, "alias"));
    if (IsPlainStar(item)) {
      star = true;
    } else if (TextOf(item, "class") == "COLUMN_REF" && IsColumnOf(item, driver.alias, aliases)) {
      plain[alias.empty() ? LastName(item) : alias] = LastName(item);
    } else if (HoldsStar(item)) {
      return passed;
    } else {
      computed.insert(alias.empty() ? LastName(item) : alias);
    }
  }
  for (const ResolvedColumn& column : resolution.output) {
    const std::string name = LowerCase(column.name);
    const auto named = plain.find(name);
    if (computed.count(name) != 0 || (named == plain.end() && !star)) continue;
    if (column.direct.size() != 1) continue;
    const Origin& origin = *column.direct.begin();
    const std::string wanted = named == plain.end() ? name : named->second;
    if (LowerCase(origin.table) == LowerCase(driver.table) && LowerCase(origin.column) == wanted)
      passed[column.name] = origin.column;
  }
  return passed;
}
}  // namespace weirhouse::transform

#include "rules/transform/check/run_time.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "rules/transform/check/resolve.h"
#include "rules/transform/sql_text.h"

namespace weirhouse::transform {
namespace {
using Json = nlohmann::json;

Json CastOfMark(const Json& call, bool named) {
  std::string alias = TextOf(call, "alias");
  if (alias.empty() && named) alias = "run_time";
  const Json location = call.value("query_location", Json(0));
  const Json constant = {{"class", "CONSTANT"},
                         {"type", "VALUE_CONSTANT"},
                         {"alias", ""},
                         {"query_location", location},
                         {"value",
                          {{"type", {{"id", "VARCHAR"}, {"type_info", nullptr}}},
                           {"is_null", false},
                           {"value", kRunTimeMark}}}};
  return {{"class", "CAST"},
          {"type", "OPERATOR_CAST"},
          {"alias", alias},
          {"query_location", location},
          {"child", constant},
          {"cast_type", {{"id", "TIMESTAMP WITH TIME ZONE"}, {"type_info", nullptr}}},
          {"try_cast", false}};
}

void Bind(Json& node, bool named) {
  if (node.is_object() && TextOf(node, "class") == "FUNCTION" &&
      LowerCase(TextOf(node, "function_name")) == "run_time") {
    node = CastOfMark(node, named);
    return;
  }
  if (node.is_object()) {
    for (auto& [key, child] : node.items()) {
      const bool selects = key == "select_list" && child.is_array();
      if (!selects) {
        Bind(child, false);
        continue;
      }
      for (Json& item : child) Bind(item, true);
    }
  } else if (node.is_array()) {
    for (Json& child : node) Bind(child, false);
  }
}
}  // namespace

void BindRunTimeInTree(Json& node) { Bind(node, false); }

std::string BindRunTime(std::string sql, ProcessTime run_time) {
  const std::string time = FormatTime(run_time);
  for (std::size_t at = sql.find(kRunTimeMark); at != std::string::npos;
       at = sql.find(kRunTimeMark, at + time.size())) {
    sql.replace(at, kRunTimeMark.size(), time);
  }
  return sql;
}
}  // namespace weirhouse::transform

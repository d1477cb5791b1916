#include "rules/transform/check/failing_constant.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "ground/base/text.h"
#include "rules/transform/check/resolve.h"
#include "rules/transform/cut_text.h"
#include "rules/transform/function_list.h"
#include "rules/transform/sql_text.h"

namespace weirhouse::transform {
namespace {
using Json = nlohmann::json;

constexpr std::size_t kConstantsMax = 500;
constexpr std::string_view kSelect = "SELECT ";
constexpr std::string_view kSaidByEngine = "SQL was refused: ";

std::string ClassOf(const Json& node) { return node.is_object() ? TextOf(node, "class") : ""; }

// Whether `node` by itself depends on rows or on the run.
bool IsOfRows(const Json& node) {
  const std::string kind = ClassOf(node);
  if (kind == "FUNCTION") {
    switch (RuleOfFunction(LowerCase(TextOf(node, "function_name"))).kind) {
      case FunctionKind::kScalar:
        return false;
      default:
        return true;
    }
  }
  static const std::vector<std::string> constant = {
      "CONSTANT", "CAST", "CASE", "BETWEEN", "COMPARISON", "CONJUNCTION", "OPERATOR"};
  return !kind.empty() && std::find(constant.begin(), constant.end(), kind) == constant.end();
}
bool HoldsRows(const Json& node) {
  if (node.is_object() && IsOfRows(node)) return true;
  if (!node.is_structured()) return false;
  return std::any_of(node.begin(), node.end(), [](const Json& child) { return HoldsRows(child); });
}

// Parts of `node` that are always evaluated.
std::vector<const Json*> PartsOf(const Json& node) {
  std::vector<const Json*> parts;
  if (ClassOf(node) == "LAMBDA" || TextOf(node, "type") == "OPERATOR_TRY") return parts;
  if (ClassOf(node) == "CASE") {
    const Json& checks = node.at("case_checks");
    if (!checks.empty()) parts.push_back(&checks.front().at("when_expr"));
    return parts;
  }
  if (TextOf(node, "type") == "OPERATOR_COALESCE") {
    const Json& children = node.at("children");
    if (!children.empty()) parts.push_back(&children.front());
    return parts;
  }
  for (const auto& [key, child] : node.items()) {
    if (child.is_structured() && key != "cast_type" && key != "value") parts.push_back(&child);
  }
  return parts;
}

// Adds computed constants, the outermost ones, in the order of the tree.
void AddConstants(const Json& node, std::vector<const Json*>& constants) {
  if (constants.size() >= kConstantsMax) return;
  if (node.is_array()) {
    for (const Json& child : node) AddConstants(child, constants);
    return;
  }
  if (!node.is_object()) return;
  const std::string kind = ClassOf(node);
  if (kind == "CONSTANT") return;
  if (!kind.empty() && TextOf(node, "type") != "OPERATOR_TRY" && !HoldsRows(node)) {
    constants.push_back(&node);
    return;
  }
  for (const Json* part : PartsOf(node)) AddConstants(*part, constants);
}

// Threads: one.
class Trial {
 public:
  static Result<Trial> Make(platform::SqlSession& session) {
    WEIRHOUSE_TRY(const std::string parsed, session.ParseToJson("SELECT 1"));
    return Trial(session, Json::parse(parsed, nullptr, false));
  }

  Result<std::string> TextOfNode(const Json& node) const {
    Json tree = plain_;
    Json bare = node;
    bare["alias"] = "";
    tree["statements"][0]["node"]["select_list"] = Json::array({std::move(bare)});
    WEIRHOUSE_TRY(const std::string sql, session_.JsonToSql(tree.dump()));
    if (!sql.starts_with(kSelect))
      return Status(Code::kInternal, "the SQL engine gave no SELECT").WithError("WH7038");
    std::string text(Trim(std::string_view(sql).substr(kSelect.size())));
    if (text.ends_with(';')) text.pop_back();
    return text;
  }

  // Whether one of `texts` fails; absent if that cannot be asked, for example because it is not a
  // value.
  Result<std::optional<bool>> Fails(const std::vector<std::string>& texts) const {
    std::vector<std::string> questions;
    for (const std::string& text : texts)
      questions.push_back(fmt::format("TRY(struct_pack(v := ({}))) IS NULL", text));
    const auto answer = session_.Query("SELECT " + Join(questions, " OR "));
    if (!answer.ok()) {
      if (answer.status().code() != Code::kInvalidInput) return answer.status();
      return std::optional<bool>();
    }
    const auto value = (*answer)->column(0)->GetScalar(0);
    return std::optional<bool>(value.ok() && (*value)->ToString() == "true");
  }

  Result<FailingConstant> Innermost(const Json& node, std::string text) const {
    std::vector<const Json*> parts;
    for (const Json* part : PartsOf(node)) AddConstants(*part, parts);
    for (const Json* part : parts) {
      WEIRHOUSE_TRY(std::string sql, TextOfNode(*part));
      WEIRHOUSE_TRY(const std::optional<bool> fails, Fails({sql}));
      if (fails.value_or(false)) return Innermost(*part, std::move(sql));
    }
    FailingConstant failing;
    const Json location = node.value("query_location", Json());
    if (location.is_number_unsigned() && location.get<std::uint64_t>() < INT32_MAX)
      failing.offset = location.get<std::int64_t>();
    const auto alone = session_.Query("SELECT (" + text + ")");
    if (!alone.ok()) {
      std::string words = alone.status().message();
      if (words.starts_with(kSaidByEngine)) words.erase(0, kSaidByEngine.size());
      failing.found = CutText(std::move(words), kFoundBytesMax);
    }
    failing.sql = CutText(std::move(text), kFoundBytesMax);
    return failing;
  }

 private:
  Trial(platform::SqlSession& session, Json plain) : session_(session), plain_(std::move(plain)) {}
  platform::SqlSession& session_;
  Json plain_;  // SELECT 1
};
}  // namespace

Result<std::optional<FailingConstant>> FindFailingConstant(platform::SqlSession& session,
                                                           const Json& tree) {
  std::vector<const Json*> constants;
  AddConstants(tree.at("statements"), constants);
  if (constants.empty()) return std::optional<FailingConstant>();
  WEIRHOUSE_TRY(const Trial trial, Trial::Make(session));
  std::vector<std::string> texts;
  for (const Json* constant : constants) {
    WEIRHOUSE_TRY(std::string text, trial.TextOfNode(*constant));
    texts.push_back(std::move(text));
  }
  WEIRHOUSE_TRY(const std::optional<bool> any, trial.Fails(texts));
  if (any && !*any) return std::optional<FailingConstant>();
  for (std::size_t i = 0; i < constants.size(); ++i) {
    WEIRHOUSE_TRY(const std::optional<bool> fails, trial.Fails({texts[i]}));
    if (!fails.value_or(false)) continue;
    WEIRHOUSE_TRY(FailingConstant failing, trial.Innermost(*constants[i], texts[i]));
    return std::optional<FailingConstant>(std::move(failing));
  }
  return std::optional<FailingConstant>();
}
}  // namespace weirhouse::transform

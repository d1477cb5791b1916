#include "rules/gate/parse/check_parser.h"

#include <fmt/format.h>

#include <map>

#include "ground/base/text.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/rule.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/kind/kinds.h"

namespace weirhouse::gate {
namespace {
constexpr int kWarmupMax = 10'000;
constexpr std::int64_t kSqlTimeoutMinUs = 1'000'000;
constexpr std::int64_t kSqlTimeoutMaxUs = 86'400'000'000;

// The table of kinds by their names.
const std::map<std::string, CheckKind>& Kinds() {
  static const std::map<std::string, CheckKind> kinds = [] {
    std::map<std::string, CheckKind> all;
    for (CheckKind (*kind)() : kCheckKinds) {
      const CheckKind one = kind();
      for (const std::string& name : one.names) WEIRHOUSE_CHECK(all.emplace(name, one).second);
    }
    return all;
  }();
  return kinds;
}

Status ReadAllowance(const CheckNode& at, Check& check) {
  const YamlNode* bad = at.Find("max_bad");
  const YamlNode* missing = at.Find("max_missing");
  if (bad != nullptr && missing != nullptr) {
    return missing->Error("WH3003", "max_missing and max_bad mean the same: give one");
  }
  if (bad == nullptr) bad = missing;
  if (bad != nullptr) {
    WEIRHOUSE_TRY(check.max_bad, gate::ReadAllowance(*bad, at.What("max_bad")));
  }
  WEIRHOUSE_TRY(const std::string of, Word(at, "of", {"rows", "values"}));
  check.max_bad.of_rows = of == "rows";
  return Status();
}

Status ReadCommonKeys(const CheckNode& at, Check& check) {
  if (const YamlNode* name = at.Find("name")) {
    WEIRHOUSE_TRY(check.name, name->AsString(at.What("name")));
  }
  WEIRHOUSE_TRY(const std::string severity, Word(at, "severity", {"error", "warn"}));
  if (severity == "warn") check.severity = Severity::kWarn;
  WEIRHOUSE_TRY(const std::string scope, Word(at, "scope", {"batch", "table"}));
  if (scope == "table") check.scope = Scope::kTable;
  WEIRHOUSE_TRY(const std::string too_few, Word(at, "too_few", {"fail", "skip"}));
  if (too_few == "skip") check.too_few = TooFew::kSkip;
  if (const YamlNode* timeout = at.Find("timeout")) {
    WEIRHOUSE_TRY(const std::int64_t us, Micros(at, *timeout, "timeout"));
    if (us < kSqlTimeoutMinUs || us > kSqlTimeoutMaxUs)
      return timeout->Error("WH3002", fmt::format("{} must be from 1s to 1d", at.What("timeout")));
    check.sql_timeout = std::chrono::milliseconds(us / 1000);
  }
  const YamlNode* warmup = at.Find("warmup");
  if (warmup == nullptr) return Status();
  WEIRHOUSE_TRY(const std::int64_t runs, warmup->AsInt(at.What("warmup")));
  if (runs < 0 || runs > kWarmupMax) {
    return warmup->Error("WH3002",
                         fmt::format("{} must be from 0 to {}", at.What("warmup"), kWarmupMax));
  }
  check.warmup = static_cast<int>(runs);
  return Status();
}

// A key that would change nothing beside the others of its check, and why.
Status RefuseUnusedKeys(const CheckNode& at, const Check& check) {
  if (at.Find("of") != nullptr) {
    if (!check.max_bad.is_share)
      return IdleKey(at, "of", "it says what a percentage in max_bad is of");
    const std::string_view why = check.rule->WhyOfIsIdle();
    if (!why.empty()) return IdleKey(at, "of", why);
  }
  return check.rule->RefuseIdleKeys(at, check);
}

// Keys that are fine by themselves but not together.
Status CheckTogether(const CheckNode& at, const Check& check) {
  const bool has_history = check.history.has_value();
  if (at.Find("warmup") != nullptr && !has_history) {
    return at.Find("warmup")->Error(
        "WH3003",
        fmt::format("warmup is for checks with a history, and this {} has none", check.kind));
  }
  if (has_history && check.scope == Scope::kTable) {
    return at.Find("scope")->Error("WH3003",
                                   "a history is of batches: scope: table cannot be judged by it");
  }
  if (has_history && check.history->window.count > 0 &&
      check.warmup > check.history->window.count) {
    return at.Find("warmup")->Error(
        "WH3003", fmt::format("{} never holds {} runs, so the check would warm for ever",
                              check.history->window.text, check.warmup));
  }
  return Status();
}
}  // namespace

const std::vector<std::string>& CheckKinds() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& [name, info] : Kinds()) all.push_back(name);
    return all;
  }();
  return names;
}

Result<Check> ParseCheck(const YamlNode& item) {
  if (!item.is_map() || item.entries().size() != 1) {
    return item.Error("WH3001", "a check is a map of one key, its kind")
        .WithHint("for example `- row_count: { min: 1 }`");
  }
  const YamlNode::Entry& entry = item.entries().front();
  const auto info = Kinds().find(entry.key);
  SourceSpan key_span = entry.key_span;
  key_span.width = static_cast<int>(entry.key.size());
  if (entry.key == "row_condition") {
    return Status(Code::kInvalidInput,
                  "row_condition needs a quarantine for processed rows, which is not there yet")
        .WithError("WH3001")
        .WithSpan(key_span)
        .WithHint("use pair, which stops the batch instead of leaving rows out");
  }
  if (info == Kinds().end()) {
    std::string hint = DidYouMean(entry.key, CheckKinds());
    if (hint.empty()) hint = "known kinds: " + Join(CheckKinds(), ", ");
    return Status(Code::kInvalidInput, fmt::format("unknown kind of check \"{}\"", entry.key))
        .WithError("WH3001")
        .WithSpan(key_span)
        .WithHint(std::move(hint));
  }
  const CheckNode at{entry.key, entry.value};
  if (!(info->second.bare_columns && !entry.value.is_map())) {
    std::vector<std::string> keys = info->second.keys;
    keys.insert(keys.end(), {"name", "severity"});
    if (info->second.judges_values) keys.insert(keys.end(), {"max_bad", "of"});
    WEIRHOUSE_TRY_STATUS(entry.value.CheckKeys(entry.key, keys));
  }
  Check check;
  check.kind = entry.key;
  check.span = key_span;
  check.parameters = entry.value.ToJson();
  WEIRHOUSE_TRY(check.rule, info->second.parse(at, check));
  WEIRHOUSE_TRY_STATUS(ReadCommonKeys(at, check));
  WEIRHOUSE_TRY_STATUS(ReadAllowance(at, check));
  WEIRHOUSE_TRY_STATUS(CheckTogether(at, check));
  WEIRHOUSE_TRY_STATUS(RefuseUnusedKeys(at, check));
  if (check.name.empty()) check.name = check.rule->DefaultName(check);
  return check;
}
}  // namespace weirhouse::gate

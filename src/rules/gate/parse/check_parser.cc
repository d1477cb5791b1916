#include "rules/gate/parse/check_parser.h"

#include <fmt/format.h>

#include <map>

#include "ground/base/text.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/value_parser.h"

namespace weirhouse::gate {
namespace {
constexpr int kWarmupMax = 10'000;
constexpr std::int64_t kSqlTimeoutMinUs = 1'000'000;
constexpr std::int64_t kSqlTimeoutMaxUs = 86'400'000'000;

// What a kind may say, besides `name` and `severity`.
struct KindInfo {
  Result<Rule> (*parse)(const CheckNode&, Check&);
  std::vector<std::string> keys;
  bool bare_columns = false;   // may be a list of columns instead of a map
  bool judges_values = false;  // has max_bad and of
};

const std::map<std::string, KindInfo>& Kinds() {
  static const std::map<std::string, KindInfo> kinds = [] {
    const std::vector<std::string> bounds = {"between", "min", "max", "min_exclusive",
                                             "max_exclusive"};
    auto with = [](std::vector<std::string> keys, const std::vector<std::string>& more) {
      keys.insert(keys.end(), more.begin(), more.end());
      return keys;
    };
    std::map<std::string, KindInfo> all;
    all["row_count"] = {ParseRowCount, with({"scope"}, bounds)};
    all["row_count_change"] = {ParseRowCountChange, {"vs", "within", "warmup"}};
    all["freshness"] = {ParseFreshness, {"column", "max", "skew", "scope"}};
    all["arrives"] = {ParseArrives, {"every"}};
    all["required"] = {ParseRequired, {"columns", "column", "missing", "scope"}, true, true};
    all["unique"] = {ParseUnique, {"columns", "column", "nulls", "scope"}, true, true};
    all["range"] = {ParseRange, with({"column", "allow_nan", "scope", "too_few"}, bounds), false,
                    true};
    for (const char* kind : {"accepted", "rejected"}) {
      all[kind] = {ParseSet, {"column", "values", "allow_nan", "scope", "too_few"}, false, true};
    }
    all["pattern"] = {ParsePattern, {"column", "regex", "match", "scope", "too_few"}, false, true};
    all["length"] = {ParseLength, with({"column", "scope", "too_few"}, bounds), false, true};
    all["type"] = {ParseType, {"column", "type", "allow_nan", "scope", "too_few"}, false, true};
    all["pair"] = {
        ParsePair, {"expr", "nulls", "null", "scope", "too_few", "timeout"}, false, true};
    all["references"] = {
        ParseReferences,
        {"column", "columns", "table", "parent", "max_missing", "scope", "too_few"},
        false,
        true};
    for (const char* kind : {"mean", "stddev", "sum", "min", "max", "median"}) {
      all[kind] = {ParseStatistic,
                   with({"column", "within", "warmup", "allow_nan", "scope", "too_few"}, bounds)};
    }
    all["quantile"] = {ParseQuantile,
                       with({"column", "q", "method", "allow_nan", "scope", "too_few"}, bounds)};
    all["distinct"] = {ParseDistinct, with({"column", "columns", "scope"}, bounds)};
    all["distinct_share"] = {ParseDistinct,
                             with({"column", "columns", "scope", "too_few"}, bounds)};
    all["distribution"] = {ParseDistribution,
                           {"column", "test", "baseline", "max", "min_p", "warmup", "min_rows",
                            "too_few", "bins", "width", "nulls", "scale"}};
    all["sql"] = {ParseSql, {"query", "rows", "timeout"}};
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
  auto idle = [&](std::string_view key, std::string_view why) {
    return at.Find(key)->Error("WH3003",
                               fmt::format("{} has no effect here: {}", at.What(key), why));
  };
  if (at.Find("of") != nullptr) {
    if (!check.max_bad.is_share) return idle("of", "it says what a percentage in max_bad is of");
    if (check.kind == "required") return idle("of", "its shares are of all rows");
    const auto* unique = std::get_if<UniqueRule>(&check.rule);
    const auto* pair = std::get_if<PairRule>(&check.rule);
    if ((unique != nullptr && unique->nulls_equal) || (pair != nullptr && pair->null_fails)) {
      return idle("of", "no row is left out as null");
    }
  }
  if (at.Find("allow_nan") != nullptr) {
    if (check.kind == "rejected") return idle("allow_nan", "NaN is never one of the values");
    const auto* type = std::get_if<TypeRule>(&check.rule);
    if (type != nullptr && type->type != "number") {
      return idle("allow_nan", fmt::format("NaN is no {}", type->type));
    }
  }
  const auto* drift = std::get_if<DistributionRule>(&check.rule);
  if (drift == nullptr) return Status();
  const bool binned = drift->test != DriftTest::kKs && drift->test != DriftTest::kWasserstein;
  for (const char* key : {"bins", "width", "nulls"}) {
    if (binned || at.Find(key) == nullptr) continue;
    const std::string test = check.parameters.at("test").get<std::string>();
    return idle(key, std::string_view(key) == "nulls"
                         ? fmt::format("the test {} compares values and leaves nulls out; bound "
                                       "them by `required`, or use psi",
                                       test)
                         : fmt::format("the test {} has no bins", test));
  }
  return Status();
}

// Keys that are fine by themselves but not together.
Status CheckTogether(const CheckNode& at, const Check& check) {
  const bool has_history = HistoryWindow(check) != nullptr;
  if (at.Find("warmup") != nullptr && !has_history) {
    return at.Find("warmup")->Error(
        "WH3003",
        fmt::format("warmup is for checks with a history, and this {} has none", check.kind));
  }
  if (has_history && check.scope == Scope::kTable) {
    return at.Find("scope")->Error("WH3003",
                                   "a history is of batches: scope: table cannot be judged by it");
  }
  if (has_history && HistoryWindow(check)->count > 0 &&
      check.warmup > HistoryWindow(check)->count) {
    return at.Find("warmup")->Error(
        "WH3003", fmt::format("{} never holds {} runs, so the check would warm for ever",
                              HistoryWindow(check)->text, check.warmup));
  }
  return Status();
}

std::string DefaultName(const Check& check) {
  if (const auto* pair = std::get_if<PairRule>(&check.rule)) {
    return fmt::format("pair({})", pair->expression);
  }
  std::vector<std::string> names;
  for (const ColumnUse& use : check.columns) names.push_back(use.name);
  if (names.empty()) return check.kind;
  std::string kind = check.kind;
  if (check.kind == "distribution") kind = check.parameters.at("test").get<std::string>();
  return fmt::format("{}({})", kind, Join(names, ", "));
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
  if (check.name.empty()) check.name = DefaultName(check);
  return check;
}
}  // namespace weirhouse::gate

#include "rules/transform/function_list.h"

#include <algorithm>
#include <map>

#include "ground/base/text.h"

namespace weirhouse::transform {
namespace {

// Operators, as the syntax tree names them.
constexpr std::string_view kOperators =
    "+ - * / // % ** ^ & | ~ << >> || ! @ ~~ !~~ ~~* !~~* ~~~ ^@ && @> <@ -> ->>";

constexpr std::string_view kNumeric =
    "abs acos acosh add asin asinh atan atan2 atanh bit_count cbrt ceil ceiling cos cosh cot "
    "degrees divide even exp factorial fdiv floor fmod gamma gcd greatest greatest_common_divisor "
    "hash isfinite isinf isnan lcm least least_common_multiple lgamma ln log log10 log2 mod "
    "multiply nextafter pi pow power radians round round_even roundbankers sign signbit sin sinh "
    "sqrt subtract tan tanh trunc xor";

constexpr std::string_view kText =
    "array_to_string ascii bar base64 bin bit_length char_length character_length chr concat "
    "concat_ws contains damerau_levenshtein decode editdist3 encode ends_with format "
    "from_base64 from_binary from_hex hamming hex ilike_escape instr jaccard jaro_similarity "
    "jaro_winkler_similarity lcase left left_grapheme len length length_grapheme levenshtein "
    "like_escape lower lpad ltrim md5 md5_number mismatches nfc_normalize not_ilike_escape "
    "not_like_escape nullif octet_length ord position prefix printf regexp_escape regexp_extract "
    "regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array "
    "repeat replace reverse right right_grapheme rpad rtrim sha1 sha256 split split_part "
    "starts_with str_split str_split_regex string_split string_split_regex string_to_array "
    "strip_accents strlen strpos substr substring substring_grapheme suffix to_base to_base64 "
    "to_binary to_hex translate trim ucase unbin unhex unicode upper url_decode url_encode";

constexpr std::string_view kTime =
    "century date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc "
    "day dayname dayofmonth dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_ns "
    "epoch_us era hour isodow isoyear julian last_day make_date make_time make_timestamp "
    "make_timestamp_ms make_timestamp_ns make_timestamptz microsecond millennium millisecond "
    "minute "
    "month monthname nanosecond normalized_interval quarter second strftime strptime time_bucket "
    "timezone timezone_hour timezone_minute to_centuries to_days to_decades to_hours "
    "to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds "
    "to_timestamp to_weeks to_years try_strptime week weekday weekofyear year yearweek";

// Lists, structs, maps and JSON. list_distinct and related functions are left out: their order is
// that of a hash.
constexpr std::string_view kNested =
    "apply array_append array_apply array_cat array_concat array_contains array_extract "
    "array_filter array_has array_has_all array_has_any array_indexof array_length array_position "
    "array_prepend array_reduce array_resize array_reverse array_reverse_sort array_select "
    "array_slice array_sort array_transform array_value array_where array_zip cardinality "
    "element_at filter flatten from_json generate_series grade_up json_array json_array_length "
    "json_contains json_exists json_extract json_extract_path json_extract_path_text "
    "json_extract_string json_keys json_merge_patch json_object json_quote json_type json_valid "
    "json_value list_append list_apply list_bool_and list_bool_or list_cat list_concat "
    "list_contains list_count list_element list_extract list_filter list_grade_up list_has "
    "list_has_all list_has_any list_indexof list_max list_min list_pack list_position list_prepend "
    "list_reduce list_resize list_reverse list_reverse_sort list_select list_slice list_sort "
    "list_transform list_unique list_value list_where list_zip map map_concat map_contains "
    "map_entries map_extract map_extract_value map_from_entries map_keys map_values range reduce "
    "row struct_concat struct_contains struct_extract struct_extract_at struct_has struct_insert "
    "struct_keys struct_pack struct_update struct_values switch to_json try_cast typeof enum_code "
    "error constant_or_null alias can_cast_implicitly";

constexpr std::string_view kRowSets = "unnest unpivot_list generate_subscripts json_each";

// Aggregates whose result does not depend on the order of rows.
constexpr std::string_view kAggregates =
    "bit_and bit_or bit_xor bitstring_agg bool_and bool_or count count_if count_star countif max "
    "min "
    "median quantile quantile_cont quantile_disc mad regr_count grouping grouping_id";

constexpr std::string_view kExactSums = "avg mean sum sum_no_overflow";

constexpr std::string_view kOrderedAggregates = "array_agg group_concat list listagg string_agg";

constexpr std::string_view kRankings =
    "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank "
    "rank_dense row_number";

// Functions that people try, with the reason why they are refused.
struct Refusal {
  std::string_view names;
  std::string_view reason;
  std::string_view hint;
};
constexpr std::string_view kAddsFloats = "adds floats in the order of rows";
constexpr Refusal kRefusals[] = {
    {"now current_timestamp current_date current_time current_localtime current_localtimestamp "
     "localtime localtimestamp today get_current_timestamp get_current_time transaction_timestamp "
     "age ago pg_postmaster_start_time pg_conf_load_time",
     "depends on the clock", "use run_time(), which is bound to the run"},
    {"random rand setseed", "gives another value at each call", "derive it from hash(key)"},
    {"uuid gen_random_uuid uuidv4 uuidv7", "gives another value at each call",
     "derive it from md5(key)"},
    {"nextval currval current_query_id current_transaction_id txid_current current_connection_id",
     "depends on what ran before", ""},
    {"current_user current_role session_user user current_catalog current_database current_schema "
     "current_schemas current_setting current_query getvariable getenv version in_search_path",
     "depends on the session", ""},
    {"first any_value arbitrary last argmax argmin arg_max arg_min max_by min_by arg_max_null "
     "arg_min_null arg_max_nulls_last arg_min_nulls_last mode",
     "depends on the order of rows, or on which of several equals comes first",
     "use min or max, or row_number() over (partition by … order by …) = 1"},
    {"stddev stddev_pop stddev_samp var_pop var_samp variance corr covar_pop covar_samp kurtosis "
     "kurtosis_pop skewness sem entropy regr_avgx regr_avgy regr_intercept regr_r2 regr_slope "
     "regr_sxx regr_sxy regr_syy favg fsum sumkahan kahan_sum product geomean geometric_mean wavg "
     "weighted_avg",
     kAddsFloats, "compute it in a feature view, whose sums are exact"},
    {"fill", "interpolates along one column, whose ties stand in no certain order", ""},
    {"approx_count_distinct approx_quantile approx_top_k reservoir_quantile",
     "is an estimate that depends on the order of rows", "use count(distinct …) or quantile_cont"},
    {"json_group_array json_group_object json_group_structure",
     "goes by the order of rows, and takes no ORDER BY", "write to_json(list(x ORDER BY …))"},
    {"histogram histogram_exact list_distinct array_distinct list_intersect array_intersect",
     "lists its result in no certain order", "use list(distinct x order by x)"},
    {"read_text read_blob read_csv read_parquet read_json glob query query_table write_log "
     "sleep_ms "
     "pg_sleep",
     "reaches outside the query", "land the file as a source, or declare it as a seed"},
};

using Rules = std::map<std::string_view, FunctionRule>;

void Insert(Rules& rules, std::string_view names, FunctionKind kind, std::string_view reason = {},
            std::string_view hint = {}) {
  for (std::string_view name : Split(names, ' ')) {
    if (!name.empty()) rules[name] = {kind, reason, hint};
  }
}

const Rules& AllRules() {
  static const Rules rules = [] {
    Rules all;
    for (std::string_view names : {kOperators, kNumeric, kText, kTime, kNested}) {
      Insert(all, names, FunctionKind::kScalar);
    }
    Insert(all, kRowSets, FunctionKind::kRowSet);
    Insert(all, kAggregates, FunctionKind::kAggregate);
    Insert(all, kExactSums, FunctionKind::kExactSum);
    Insert(all, kOrderedAggregates, FunctionKind::kOrderedAggregate);
    Insert(all, kRankings, FunctionKind::kRanking);
    Insert(all, "run_time", FunctionKind::kRunTime);
    Insert(all, "secret", FunctionKind::kSecret);
    for (const Refusal& refusal : kRefusals) {
      const bool floats = refusal.reason == kAddsFloats;
      Insert(all, refusal.names, floats ? FunctionKind::kFloatAggregate : FunctionKind::kRefused,
             refusal.reason, refusal.hint);
    }
    return all;
  }();
  return rules;
}

}  // namespace

FunctionRule RuleOfFunction(std::string_view name) {
  const auto found = AllRules().find(name);
  return found == AllRules().end() ? FunctionRule{} : found->second;
}

bool IsValueFunction(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "current_timestamp", "current_date", "current_time", "localtime", "localtimestamp",
      "current_user",      "current_role", "session_user", "user",      "current_catalog",
      "current_schema",
  };
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

const std::vector<std::string>& AllowedFunctions() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const auto& [name, rule] : AllRules()) {
      if (rule.kind != FunctionKind::kRefused && rule.kind != FunctionKind::kFloatAggregate &&
          rule.kind != FunctionKind::kSecret) {
        list.emplace_back(name);
      }
    }
    return list;
  }();
  return names;
}
}  // namespace weirhouse::transform

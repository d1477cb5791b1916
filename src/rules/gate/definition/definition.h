// Gates as people write them (gates/*.yaml), read, checked and ready to be judged.
//
// A gate is a list of checks on one table (`processed.X`) or on the valid records of a source
// (`records.X`, the ingestion gate). All keys are closed: an unknown one is an error with a
// suggestion.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "rules/gate/definition/sql_reference.h"

namespace arrow {
class Schema;
}  // namespace arrow
namespace weirhouse::platform {
class SqlSession;
}  // namespace weirhouse::platform

namespace weirhouse::gate {

enum class Severity : std::uint8_t { kError, kWarn };
enum class Scope : std::uint8_t { kBatch, kTable };
enum class TooFew : std::uint8_t { kFail, kSkip };

// A value as written, and whether it was quoted: 1 is a number, '1' is text.
struct Literal {
  std::string text;
  bool quoted = false;
  SourceSpan span;
};

// numerator / denominator, both ≥ 0: "0.1%" is 1/1000, never a double.
struct Ratio {
  std::int64_t numerator = 0;
  std::int64_t denominator = 1;
};

// How much may be bad: a count, or a share of the non-null values (`of: rows`: of all rows).
struct Allowance {
  bool is_share = false;
  bool of_rows = false;
  std::int64_t count = 0;
  Ratio share;
  std::string text = "0";  // as written
};

// Bounds include their ends unless `…_exclusive`.
struct CountBounds {
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
};
struct NumberBounds {
  std::optional<double> min;
  std::optional<double> max;
  std::string min_text;  // as written: integers and decimals are compared with it, not a double
  std::string max_text;
  bool min_exclusive = false;
  bool max_exclusive = false;
};
struct ValueBounds {
  std::optional<Literal> min;
  std::optional<Literal> max;
  bool min_exclusive = false;
  bool max_exclusive = false;
};

// Which published runs are history: `28d`, `same_weekday_4w`, `7d_same_hour`.
struct Window {
  enum class Kind : std::uint8_t { kSpan, kSameWeekday, kSameHour };
  Kind kind = Kind::kSpan;
  std::int64_t span_us = 0;  // how far back it reaches, the oldest end included
  int count = 0;             // weeks of kSameWeekday, days of kSameHour
  std::string text;
};
Result<Window> ParseWindow(std::string_view text);

// ---- What each kind of check asks. Definitions: the table of kinds in docs/reference/gate.md.
struct RowCountRule {
  CountBounds bounds;
};
struct RowCountChangeRule {
  Window window;
  Ratio within;
};
struct FreshnessRule {
  std::string column;
  std::int64_t max_us = 0;
  std::int64_t skew_us = 300'000'000;  // how far in the future a value may lie: 5 minutes
};
// A batch is published at least so often. A batch that is judged has arrived; what keeps out is
// seen by the project's clock (work::FindOverdue).
struct ArrivesRule {
  std::int64_t every_us = 0;
};
struct RequiredRule {
  std::vector<std::string> columns;
  std::vector<std::string> missing;  // texts that count as null too
};
struct UniqueRule {
  std::vector<std::string> columns;
  bool nulls_equal = false;
};
struct RangeRule {
  std::string column;
  ValueBounds bounds;
  bool allow_nan = false;
};
struct SetRule {
  std::string column;
  std::vector<Literal> values;
  bool rejected = false;  // the values that must not occur
  bool allow_nan = false;
};
struct PatternRule {
  std::string column;
  std::string regex;    // RE2
  bool search = false;  // a match anywhere is enough; default: the whole value
};
struct LengthRule {
  std::string column;
  CountBounds bounds;  // code points
};
struct TypeRule {
  std::string column;
  std::string type;  // integer number boolean date timestamp
  bool allow_nan = false;
};
struct PairRule {
  std::string expression;
  bool null_fails = false;
  SourceSpan span;
};
struct ReferencesRule {
  std::vector<std::string> columns;
  std::string table;
  std::vector<std::string> parent_columns;  // in the order of `columns`
  SourceSpan table_span;
};
enum class Statistic : std::uint8_t { kMean, kStddev, kSum, kMin, kMax, kMedian };
struct StatisticRule {
  std::string column;
  Statistic statistic = Statistic::kMean;
  NumberBounds bounds;
  std::optional<double> sigmas;  // `within: 8 sigma of 28d`
  Window window;
  bool allow_nan = false;
};
enum class QuantileMethod : std::uint8_t { kLinear, kLower, kHigher, kNearest, kMidpoint };
struct QuantileRule {
  std::string column;
  Ratio q;
  QuantileMethod method = QuantileMethod::kLinear;
  NumberBounds bounds;
  bool allow_nan = false;
};
struct DistinctRule {
  std::vector<std::string> columns;
  bool share = false;  // distinct_share: of the non-null rows
  NumberBounds bounds;
};
enum class DriftTest : std::uint8_t { kPsi, kKs, kJs, kJsDistance, kKl, kChi2, kWasserstein };
struct DistributionRule {
  std::string column;
  DriftTest test = DriftTest::kPsi;
  Window baseline;
  std::optional<double> max;
  std::optional<double> min_p;  // ks and chi2
  std::int64_t min_rows = 500;
  int bins = 10;                    // quantiles of the baseline …
  std::vector<double> edges;        // … or these edges …
  std::optional<int> equal_widths;  // … or so many bins of equal width over the baseline's range
  bool nulls_bin = true;            // nulls are one more bin; false: they are left out
  bool scale_by_deviation = false;  // wasserstein in baseline deviations
};
struct SqlRule {
  std::string query;
  CountBounds rows;
  SourceSpan span;
};
using Rule = std::variant<RowCountRule, RowCountChangeRule, FreshnessRule, ArrivesRule,
                          RequiredRule, UniqueRule, RangeRule, SetRule, PatternRule, LengthRule,
                          TypeRule, PairRule, ReferencesRule, StatisticRule, QuantileRule,
                          DistinctRule, DistributionRule, SqlRule>;

// How long the SQL of a check may run: a batch of millions of rows takes seconds.
inline constexpr std::chrono::milliseconds kSqlTimeoutDefault{300'000};
// What it may return; failing rows are kept.
inline constexpr std::int64_t kSqlResultBytesMax = 256 << 20;

// A column of the gated table that a check names, and where.
struct ColumnUse {
  std::string name;
  SourceSpan span;
};

struct Check {
  std::string kind;  // "row_count", "mean", …
  std::string name;  // its own `name`, or "mean(arr_delay)"
  Rule rule;
  Severity severity = Severity::kError;
  Scope scope = Scope::kBatch;
  TooFew too_few = TooFew::kFail;
  Allowance max_bad;  // value checks only
  int warmup = 0;     // history checks only: published runs before the check counts
  std::chrono::milliseconds sql_timeout = kSqlTimeoutDefault;  // `pair` and `sql` only
  nlohmann::json parameters;  // as written, stored with every verdict
  SourceSpan span;
  std::vector<ColumnUse> columns;
  // What the SQL of `pair` and `sql` reads; set by CheckGate, else found out when judged.
  std::optional<SqlReads> reads;
};
// The history window of a check, or nullptr.
const Window* HistoryWindow(const Check& check);
// The column whose values such a check keeps in the batch profile, or nullptr.
const std::string* HistoryColumn(const Check& check);

struct OnFail {
  bool halt = true;
  bool alert = true;
  std::int64_t keep_staging_us = 14LL * 86'400'000'000;
  bool names_keep_staging = false;
};

// One gate. A value; immutable once checked.
struct GateDefinition {
  std::string name;
  std::string table;  // "processed.arrival" or "records.arrival"
  std::string owner;  // its own `owner`; empty = the engine fills in the contract's
  std::vector<Check> checks;
  OnFail on_fail;
  Digest digest;  // of what is written, comments and layout aside
  SourceSpan span;

  // Columns of the gated table that the checks need, sorted. `sql` with a star needs all:
  // `needs_all_columns`. Known in full after CheckGate.
  std::vector<std::string> columns;
  bool needs_all_columns = false;
  // How far back the profiles of published batches are needed; 0 = no check has a history.
  std::int64_t history_span_us = 0;
  // Other tables that checks read: "processed.plane".
  std::vector<std::string> tables;
};

// Reads all gates of one file (several documents are allowed). All errors are collected as
// diagnostics of one kInvalidInput status: WH2001–WH2004 for YAML and keys, WH3001 unknown kind of
// check, WH3002 wrong value, WH3003 keys that do not go together, WH3008 pattern.
Result<std::vector<GateDefinition>> ParseGates(std::string_view yaml, const std::string& path);

// What CheckGate knows of the project.
struct GateSchemas {
  std::shared_ptr<arrow::Schema> table;  // of the gated table or records
  // The schema of another table by its name in SQL, or nullptr.
  std::function<std::shared_ptr<arrow::Schema>(const std::string& name)> other;
  std::vector<std::string> known_tables;  // for suggestions
};

// Checks `definition` against the schemas, binds its SQL, and fills in what it reads. Nothing is
// run. Errors, all collected: WH3004 unknown column, WH3005 value or check does not fit the
// column's type, WH3006 SQL that does not parse, bind or may not stand in a gate, WH3007 unknown
// table.
Status CheckGate(GateDefinition& definition, const GateSchemas& schemas,
                 platform::SqlSession& session);
}  // namespace weirhouse::gate

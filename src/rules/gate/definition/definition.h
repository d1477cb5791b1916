// Gates as people write them (gates/*.yaml): what is known of one once it was read, ready to be
// checked against schemas (parse/parse_gates.h) and judged (judge/judge.h).
//
// A gate is a list of checks on one table (`processed.X`) or on the valid records of a source
// (`records.X`, the ingestion gate). What a check asks is known to its kind alone (rule.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "rules/gate/definition/sql_reference.h"

namespace weirhouse::gate {

class Rule;

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

// How long the SQL of a check may run: a batch of millions of rows takes seconds.
inline constexpr std::chrono::milliseconds kSqlTimeoutDefault{300'000};
// What it may return; failing rows are kept.
inline constexpr std::int64_t kSqlResultBytesMax = 256 << 20;

// A column of the gated table that a check names, and where.
struct ColumnUse {
  std::string name;
  SourceSpan span;
};

// The published runs that a check is judged against.
struct HistoryUse {
  Window window;
  std::string column;  // whose values the profile of each run keeps; empty: its number of rows
};

// A check that says something of time is looked at by the project's clock as well, between batches
// (work/pipeline/feed_watch.cc): what it observes as "newest" may be so old.
struct TimeLimit {
  std::int64_t max_us = 0;
  std::string text;  // as written
};

struct Check {
  std::string kind;                  // "row_count", "mean", …
  std::string name;                  // its own `name`, or "mean(arr_delay)"
  std::shared_ptr<const Rule> rule;  // what it asks, by its kind; never null once it was read
  Severity severity = Severity::kError;
  Scope scope = Scope::kBatch;
  TooFew too_few = TooFew::kFail;
  Allowance max_bad;  // value checks only
  int warmup = 0;     // history checks only: published runs before the check counts
  std::chrono::milliseconds sql_timeout = kSqlTimeoutDefault;  // `pair` and `sql` only
  nlohmann::json parameters;  // as written, stored with every verdict
  SourceSpan span;
  std::vector<ColumnUse> columns;
  std::vector<std::string> tables;  // others that it names, outside of SQL
  std::optional<HistoryUse> history;
  std::optional<TimeLimit> time_limit;
  // What the SQL of `pair` and `sql` reads; set by CheckGate, else found out when judged.
  std::optional<SqlReads> reads;
};

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
}  // namespace weirhouse::gate

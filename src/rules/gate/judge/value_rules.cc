// The checks that look at each value: required, range, sets, patterns, lengths, types.
#include <arrow/api.h>
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>

#include "ground/base/time.h"
#include "rules/gate/definition/sql_reference.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/definition/value_predicate.h"
#include "rules/gate/judge/evaluation.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
// Marks the rows of one column whose value `holds` refuses.
template <typename Predicate>
Result<Finding> MarkRows(Evaluation& evaluation, const Check& check, const std::string& name,
                         std::string_view what, Predicate holds) {
  WEIRHOUSE_TRY(const RowsPtr rows, evaluation.Rows(check, {name}));
  WEIRHOUSE_TRY(const auto column, ColumnOf(*rows, name));
  std::vector<std::int64_t> bad;
  std::int64_t nulls = 0;
  WEIRHOUSE_TRY_STATUS(VisitColumn(
      *column, [&](std::int64_t) { ++nulls; },
      [&](std::int64_t row, const auto& value) {
        if (!holds(value)) bad.push_back(row);
      }));
  Finding finding = RowsFinding(check, rows->num_rows(), nulls, std::move(bad),
                                /*needs_value=*/true, what);
  if (check.scope == Scope::kTable) finding.judged = rows;
  return finding;
}

// Wraps a test of texts; a column of another type cannot be judged.
template <typename Test>
Result<Finding> MarkTexts(Evaluation& evaluation, const Check& check, const std::string& name,
                          std::string_view what, Test test) {
  WEIRHOUSE_TRY(const RowsPtr rows, evaluation.Rows(check, {name}));
  WEIRHOUSE_TRY(const auto column, ColumnOf(*rows, name));
  WEIRHOUSE_TRY(const Family family, FamilyOf(*column->type()));
  if (family != Family::kText) {
    return Status(Code::kInvalidInput, fmt::format("{} is for text, and \"{}\" is of type {}",
                                                   check.kind, name, FamilyName(family)))
        .WithError("WH3005");
  }
  return MarkRows(evaluation, check, name, what, [&](const auto& value) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) {
      return test(value);
    } else {
      return false;
    }
  });
}

std::int64_t CodePoints(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

bool ParsesAs(const TypeRule& rule, std::string_view text) {
  if (rule.type == "integer") {
    std::int64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  }
  if (rule.type == "number") {
    const auto value = ParseDouble(text);
    return value && (!std::isnan(*value) || rule.allow_nan);
  }
  if (rule.type == "boolean") return text == "true" || text == "false";
  const auto us = ParseTimeMicros(text, /*zoneless_is_utc=*/true);
  constexpr std::size_t kDateSize = 10;  // 2013-01-01
  return us.ok() && (rule.type == "timestamp" || text.size() == kDateSize);
}
}  // namespace

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const RequiredRule& rule) {
  WEIRHOUSE_TRY(const RowsPtr rows, evaluation.Rows(check, rule.columns));
  std::vector<std::int64_t> bad;
  nlohmann::json detail = nlohmann::json::object();
  for (const std::string& name : rule.columns) {
    WEIRHOUSE_TRY(const auto column, ColumnOf(*rows, name));
    if (column->null_count() == 0 && rule.missing.empty()) continue;
    const std::size_t before = bad.size();
    WEIRHOUSE_TRY_STATUS(VisitColumn(
        *column, [&](std::int64_t row) { bad.push_back(row); },
        [&](std::int64_t row, const auto& value) {
          if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) {
            const bool missing =
                std::find(rule.missing.begin(), rule.missing.end(), value) != rule.missing.end();
            if (missing) bad.push_back(row);
          } else {
            (void)row;
          }
        }));
    if (bad.size() > before) detail[name] = bad.size() - before;
  }
  std::sort(bad.begin(), bad.end());
  bad.erase(std::unique(bad.begin(), bad.end()), bad.end());
  Finding finding = RowsFinding(check, rows->num_rows(), 0, std::move(bad), /*needs_value=*/false,
                                "rows lack a value");
  finding.detail = std::move(detail);
  if (check.scope == Scope::kTable) finding.judged = rows;
  return finding;
}

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const RangeRule& rule) {
  WEIRHOUSE_TRY(const RowsPtr rows, evaluation.Rows(check, {rule.column}));
  WEIRHOUSE_TRY(const auto column, ColumnOf(*rows, rule.column));
  WEIRHOUSE_TRY(const RangeTest test, RangeTest::Bind(rule, *column->type()));
  return MarkRows(evaluation, check, rule.column, "values are out of bounds",
                  [&](const auto& value) { return test.Holds(value); });
}

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const SetRule& rule) {
  WEIRHOUSE_TRY(const RowsPtr rows, evaluation.Rows(check, {rule.column}));
  WEIRHOUSE_TRY(const auto column, ColumnOf(*rows, rule.column));
  WEIRHOUSE_TRY(const SetTest test, SetTest::Bind(rule, *column->type()));
  return MarkRows(evaluation, check, rule.column,
                  rule.rejected ? "values are rejected ones" : "values are not accepted ones",
                  [&](const auto& value) { return test.Holds(value); });
}

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const PatternRule& rule) {
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 regex(rule.regex, options);
  if (!regex.ok()) {
    return Status(Code::kInvalidInput, "the pattern does not compile: " + regex.error())
        .WithError("WH3008");
  }
  return MarkTexts(
      evaluation, check, rule.column, "values do not match", [&](std::string_view value) {
        const re2::StringPiece text(value.data(), value.size());
        return rule.search ? RE2::PartialMatch(text, regex) : RE2::FullMatch(text, regex);
      });
}

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const LengthRule& rule) {
  return MarkTexts(evaluation, check, rule.column, "values have another length",
                   [&](std::string_view value) { return Holds(rule.bounds, CodePoints(value)); });
}

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const TypeRule& rule) {
  const std::string what = fmt::format("values are not of type {}", rule.type);
  return MarkTexts(evaluation, check, rule.column, what,
                   [&](std::string_view value) { return ParsesAs(rule, value); });
}

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const PairRule& rule) {
  const auto asked = evaluation.PairColumn(check);
  if (!asked.ok()) {
    const char* rows = check.scope == Scope::kBatch ? "this" : "this_table";
    return evaluation.Blame(check, PairQuery(rule.expression, rows), asked.status());
  }
  const auto& column = *asked;
  std::vector<std::int64_t> bad;
  std::int64_t nulls = 0;
  WEIRHOUSE_TRY_STATUS(VisitColumn(
      *column,
      [&](std::int64_t row) {
        if (rule.null_fails) {
          bad.push_back(row);
        } else {
          ++nulls;
        }
      },
      [&](std::int64_t row, const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, bool>) {
          if (!value) bad.push_back(row);
        } else {
          (void)row;
        }
      }));
  Finding finding = RowsFinding(check, column->length(), nulls, std::move(bad),
                                /*needs_value=*/true, "rows do not hold");
  if (check.scope == Scope::kTable && !finding.bad_rows.empty()) {
    WEIRHOUSE_TRY(finding.judged, evaluation.OtherTable(evaluation.definition().table, {}));
  }
  return finding;
}
}  // namespace weirhouse::gate

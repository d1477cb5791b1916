#include "rules/gate/evaluation/value_rule.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>
#include <vector>

#include "ground/base/time.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/definition/value_set.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
// Marks the rows of one column whose value `holds` refuses.
template <typename Predicate>
Status MarkValues(const arrow::ChunkedArray& column, std::int64_t first_row, MarkedRows& marked,
                  Predicate holds) {
  return VisitColumn(
      column, [&](std::int64_t) { ++marked.nulls; },
      [&](std::int64_t row, const auto& value) {
        if (!holds(value)) marked.bad.push_back(first_row + row);
      });
}

// Wraps a test of texts; a column of another type cannot be judged.
template <typename Test>
Status MarkTexts(const Check& check, const std::string& name, const arrow::Table& rows,
                 std::int64_t first_row, MarkedRows& marked, Test test) {
  WEIRHOUSE_TRY(const auto column, ColumnOf(rows, name));
  WEIRHOUSE_TRY(const Family family, FamilyOf(*column->type()));
  if (family != Family::kText) {
    return Status(Code::kInvalidInput, fmt::format("{} is for text, and \"{}\" is of type {}",
                                                   check.kind, name, FamilyName(family)))
        .WithError("WH3005");
  }
  return MarkValues(*column, first_row, marked, [&](const auto& value) {
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

Status MarkRows(const Check&, const RequiredRule& rule, const arrow::Table& rows,
                std::int64_t first_row, MarkedRows& marked) {
  const std::size_t begin = marked.bad.size();
  for (const std::string& name : rule.columns) {
    WEIRHOUSE_TRY(const auto column, ColumnOf(rows, name));
    if (column->null_count() == 0 && rule.missing.empty()) continue;
    const std::size_t before = marked.bad.size();
    WEIRHOUSE_TRY_STATUS(VisitColumn(
        *column, [&](std::int64_t row) { marked.bad.push_back(first_row + row); },
        [&](std::int64_t row, const auto& value) {
          if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) {
            const bool missing =
                std::find(rule.missing.begin(), rule.missing.end(), value) != rule.missing.end();
            if (missing) marked.bad.push_back(first_row + row);
          } else {
            (void)row;
          }
        }));
    const std::size_t found = marked.bad.size() - before;
    if (found > 0) marked.of[name] += static_cast<std::int64_t>(found);
  }
  // A row that lacks several values is one bad row.
  const auto first = marked.bad.begin() + static_cast<std::ptrdiff_t>(begin);
  std::sort(first, marked.bad.end());
  marked.bad.erase(std::unique(first, marked.bad.end()), marked.bad.end());
  return Status();
}

Status MarkRows(const Check&, const RangeRule& rule, const arrow::Table& rows,
                std::int64_t first_row, MarkedRows& marked) {
  WEIRHOUSE_TRY(const auto column, ColumnOf(rows, rule.column));
  WEIRHOUSE_TRY(const RangeTest test, RangeTest::Bind(rule, *column->type()));
  return MarkValues(*column, first_row, marked,
                    [&](const auto& value) { return test.Holds(value); });
}

Status MarkRows(const Check&, const SetRule& rule, const arrow::Table& rows, std::int64_t first_row,
                MarkedRows& marked) {
  WEIRHOUSE_TRY(const auto column, ColumnOf(rows, rule.column));
  WEIRHOUSE_TRY(const SetTest test, SetTest::Bind(rule, *column->type()));
  return MarkValues(*column, first_row, marked,
                    [&](const auto& value) { return test.Holds(value); });
}

Status MarkRows(const Check& check, const PatternRule& rule, const arrow::Table& rows,
                std::int64_t first_row, MarkedRows& marked) {
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 regex(rule.regex, options);
  if (!regex.ok()) {
    return Status(Code::kInvalidInput, "the pattern does not compile: " + regex.error())
        .WithError("WH3008");
  }
  return MarkTexts(check, rule.column, rows, first_row, marked, [&](std::string_view value) {
    const re2::StringPiece text(value.data(), value.size());
    return rule.search ? RE2::PartialMatch(text, regex) : RE2::FullMatch(text, regex);
  });
}

Status MarkRows(const Check& check, const LengthRule& rule, const arrow::Table& rows,
                std::int64_t first_row, MarkedRows& marked) {
  return MarkTexts(check, rule.column, rows, first_row, marked, [&](std::string_view value) {
    const std::int64_t length = CodePoints(value);
    return (!rule.bounds.min || length >= *rule.bounds.min) &&
           (!rule.bounds.max || length <= *rule.bounds.max);
  });
}

Status MarkRows(const Check& check, const TypeRule& rule, const arrow::Table& rows,
                std::int64_t first_row, MarkedRows& marked) {
  return MarkTexts(check, rule.column, rows, first_row, marked,
                   [&](std::string_view value) { return ParsesAs(rule, value); });
}
}  // namespace weirhouse::gate

// Checks that look at each value by itself: required, range, sets, patterns, lengths, types.
// Includes Arrow, so only for .cc files.
#pragma once

#include <arrow/api.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "ground/base/status.h"
#include "rules/gate/evaluation/finding.h"
#include "rules/gate/evaluation/state_rule.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {

// The rows that break a check. Places are those of the whole batch, counted from 0.
struct MarkedRows {
  std::int64_t nulls = 0;         // left out of what is judged
  std::vector<std::int64_t> bad;  // ascending, each once
  std::map<std::string, std::int64_t>
      of;  // `required`: bad values by column, those without left out

  // As if both had been marked as one.
  Status Merge(const MarkedRows& other);
  nlohmann::json ToJson() const;
  Status Read(const nlohmann::json& json);
};

// Memory: 8 bytes for each bad row.
class ValueRule : public StateRuleOf<MarkedRows> {
 public:
  bool marks_rows() const final { return true; }

 protected:
  // Marks the bad ones of `rows`, whose first is row `first_row` of all, in `marked`, which is
  // empty.
  virtual Status Mark(const Check& check, const arrow::Table& rows, std::int64_t first_row,
                      MarkedRows& marked) const = 0;
  // "values are out of bounds"
  virtual std::string WhatIsBad() const = 0;

  Status Gather(const Check& check, const arrow::Table& rows, std::int64_t first_row,
                MarkedRows& state) const final;
  Result<Finding> Judge(const MarkedRows& marked, std::int64_t rows, const Check& check,
                        const Against& against) const override;
};

// WH3005 unless the column holds text.
Status NeedTexts(const Check& check, const arrow::ChunkedArray& column, std::string_view name);

// The same of a column of dictionaries: each of their texts is asked once.
template <typename Predicate>
Status MarkDictionaries(const arrow::ChunkedArray& column, std::int64_t first_row,
                        MarkedRows& marked, Predicate holds) {
  for (const auto& chunk : column.chunks()) {
    const auto& array = static_cast<const arrow::DictionaryArray&>(*chunk);
    WithTexts(array, [&](const auto& texts) {
      std::vector<char> bad(static_cast<std::size_t>(texts.length()));
      for (std::int64_t i = 0; i < texts.length(); ++i) {
        if (texts.IsValid(i))
          bad[static_cast<std::size_t>(i)] = holds(std::string_view(texts.GetView(i))) ? 0 : 1;
      }
      VisitIndices(
          array, [&](std::int64_t) { ++marked.nulls; },
          [&](std::int64_t row, std::int64_t index) {
            if (bad[static_cast<std::size_t>(index)] != 0) marked.bad.push_back(first_row + row);
          });
    });
    first_row += chunk->length();
  }
  return Status();
}

// Marks the rows of one column whose value `holds` refuses.
template <typename Predicate>
Status MarkValues(const arrow::ChunkedArray& column, std::int64_t first_row, MarkedRows& marked,
                  Predicate holds) {
  if (column.type()->id() == arrow::Type::DICTIONARY)
    return MarkDictionaries(column, first_row, marked, holds);
  return VisitColumn(
      column, [&](std::int64_t) { ++marked.nulls; },
      [&](std::int64_t row, const auto& value) {
        if (!holds(value)) marked.bad.push_back(first_row + row);
      });
}

// The same of texts.
template <typename Test>
Status MarkTexts(const Check& check, const std::string& name, const arrow::Table& rows,
                 std::int64_t first_row, MarkedRows& marked, Test test) {
  WEIRHOUSE_TRY(const auto column, ColumnOf(rows, name));
  WEIRHOUSE_TRY_STATUS(NeedTexts(check, *column, name));
  return MarkValues(*column, first_row, marked, [&](const auto& value) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) {
      return test(value);
    } else {
      return false;
    }
  });
}
}  // namespace weirhouse::gate

#include "rules/gate/evaluation/value_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace weirhouse::gate {
Status MarkedRows::Merge(const MarkedRows& other) {
  nulls += other.nulls;
  for (const auto& [column, count] : other.of) of[column] += count;
  const auto middle = static_cast<std::ptrdiff_t>(bad.size());
  const bool follows = bad.empty() || other.bad.empty() || bad.back() < other.bad.front();
  bad.insert(bad.end(), other.bad.begin(), other.bad.end());
  if (follows) return Status();
  std::inplace_merge(bad.begin(), bad.begin() + middle, bad.end());
  return Status();
}

nlohmann::json MarkedRows::ToJson() const { return {{"nulls", nulls}, {"bad", bad}, {"of", of}}; }

Status MarkedRows::Read(const nlohmann::json& json) {
  nulls = json.at("nulls").get<std::int64_t>();
  bad = json.at("bad").get<std::vector<std::int64_t>>();
  of = json.at("of").get<std::map<std::string, std::int64_t>>();
  return Status();
}

Status ValueRule::Gather(const Check& check, const arrow::Table& rows, std::int64_t first_row,
                         MarkedRows& state) const {
  // A part may come before another that was there earlier: the places stay in order.
  MarkedRows part;
  WEIRHOUSE_TRY_STATUS(Mark(check, rows, first_row, part));
  return state.Merge(part);
}

Result<Finding> ValueRule::Judge(const MarkedRows& marked, std::int64_t rows, const Check& check,
                                 const Against&) const {
  return RowsFinding(check, rows, marked.nulls, marked.bad, /*needs_value=*/true, WhatIsBad());
}

Status NeedTexts(const Check& check, const arrow::ChunkedArray& column, std::string_view name) {
  WEIRHOUSE_TRY(const Family family, FamilyOf(*column.type()));
  if (family == Family::kText) return Status();
  return Status(Code::kInvalidInput, fmt::format("{} is for text, and \"{}\" is of type {}",
                                                 check.kind, name, FamilyName(family)))
      .WithError("WH3005");
}
}  // namespace weirhouse::gate

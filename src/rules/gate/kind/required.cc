// `required`: no row lacks a value in any of the columns.
#include <arrow/api.h>

#include <algorithm>
#include <type_traits>
#include <vector>

#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/evaluation/row_source.h"
#include "rules/gate/evaluation/value_rule.h"
#include "rules/gate/kind/kinds.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
class RequiredRule final : public ValueRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    auto rule = std::make_shared<RequiredRule>();
    WEIRHOUSE_TRY(rule->columns_, Columns(at, check));
    if (const YamlNode* missing = at.Find("missing")) {
      WEIRHOUSE_TRY(rule->missing_, missing->AsStringList(at.What("missing")));
    }
    return RulePtr(std::move(rule));
  }

  std::string_view WhyOfIsIdle() const override { return "its shares are of all rows"; }

  // Where what is stored beside the values says that none is null, none is read.
  bool NeedsValues(const RowSource& rows) const override {
    return !missing_.empty() || std::any_of(columns_.begin(), columns_.end(),
                                            [&](const auto& name) { return !rows.IsWhole(name); });
  }

  Status CheckTypes(const Check& check, const arrow::Schema& schema) const override {
    WEIRHOUSE_TRY_STATUS(NeedKnownTypes(schema, columns_));
    if (AnyIs(check, schema, Family::kText)) return Status();
    return RefuseIdleKey(check, "missing", "none of the columns holds text");
  }

 protected:
  Status Mark(const Check&, const arrow::Table& rows, std::int64_t first_row,
              MarkedRows& marked) const override {
    for (const std::string& name : columns_) {
      WEIRHOUSE_TRY(const auto column, ColumnOf(rows, name));
      if (column->null_count() == 0 && missing_.empty()) continue;
      const std::size_t before = marked.bad.size();
      WEIRHOUSE_TRY_STATUS(VisitColumn(
          *column, [&](std::int64_t row) { marked.bad.push_back(first_row + row); },
          [&](std::int64_t row, const auto& value) {
            if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) {
              const bool missing =
                  std::find(missing_.begin(), missing_.end(), value) != missing_.end();
              if (missing) marked.bad.push_back(first_row + row);
            } else {
              (void)row;
            }
          }));
      const std::size_t found = marked.bad.size() - before;
      if (found > 0) marked.of[name] += static_cast<std::int64_t>(found);
    }
    // A row that lacks several values is one bad row.
    std::sort(marked.bad.begin(), marked.bad.end());
    marked.bad.erase(std::unique(marked.bad.begin(), marked.bad.end()), marked.bad.end());
    return Status();
  }
  std::string WhatIsBad() const override { return "rows lack a value"; }

  Result<Finding> Judge(const MarkedRows& marked, std::int64_t rows, const Check& check,
                        const Against&) const override {
    Finding finding = RowsFinding(check, rows, 0, marked.bad, /*needs_value=*/false, WhatIsBad());
    finding.detail = nlohmann::json::object();
    for (const auto& [column, bad] : marked.of) finding.detail[column] = bad;
    return finding;
  }

 private:
  std::vector<std::string> columns_;
  std::vector<std::string> missing_;  // texts that count as null too
};
}  // namespace

CheckKind RequiredKind() {
  return {.names = {"required"},
          .keys = {"columns", "column", "missing", "scope"},
          .bare_columns = true,
          .judges_values = true,
          .parse = RequiredRule::Parse};
}
}  // namespace weirhouse::gate

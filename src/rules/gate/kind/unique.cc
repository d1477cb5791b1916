// `unique`: no tuple occurs twice; all members of a group are bad.
#include <arrow/api.h>

#include <algorithm>
#include <string>
#include <vector>

#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/evaluation/tuples.h"
#include "rules/gate/kind/kinds.h"

namespace weirhouse::gate {
namespace {
bool SameSet(std::vector<std::string> a, std::vector<std::string> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

class UniqueRule final : public RowsRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    auto rule = std::make_shared<UniqueRule>();
    WEIRHOUSE_TRY(rule->columns_, Columns(at, check));
    WEIRHOUSE_TRY(const std::string nulls, Word(at, "nulls", {"skip", "equal"}));
    rule->nulls_equal_ = nulls == "equal";
    return RulePtr(std::move(rule));
  }

  std::string_view WhyOfIsIdle() const override {
    return nulls_equal_ ? "no row is left out as null" : "";
  }
  Status CheckTypes(const Check&, const arrow::Schema& schema) const override {
    return NeedKnownTypes(schema, columns_);
  }
  std::string_view WhyNeedsRows() const override { return kComparesKeys; }

  Result<Finding> Judge(Evaluation& evaluation, const Check& check) const override {
    const GateInput& input = evaluation.input();
    const bool by_index = check.scope == Scope::kTable && input.key_lookup != nullptr &&
                          SameSet(columns_, input.key_columns);
    RowSourcePtr rows = evaluation.batch();
    if (!by_index) {
      WEIRHOUSE_TRY(rows, evaluation.Source(check, columns_));
    }
    WEIRHOUSE_TRY(const Repeats repeats, RepeatsOf(*rows, columns_, nulls_equal_, input.scratch));
    std::vector<bool> elsewhere(repeats.shared.size(), false);
    if (by_index) {
      WEIRHOUSE_TRY(elsewhere, input.key_lookup());
      if (elsewhere.size() != repeats.shared.size()) {
        return Status(Code::kInternal, "key_lookup did not answer once per row");
      }
    }
    std::vector<std::int64_t> bad;
    for (std::size_t row = 0; row < repeats.shared.size(); ++row) {
      if (repeats.left_out[row]) continue;
      if (elsewhere[row] || repeats.shared[row]) bad.push_back(static_cast<std::int64_t>(row));
    }
    Finding finding = RowsFinding(check, rows->num_rows(), nulls_equal_ ? 0 : repeats.nulls,
                                  std::move(bad), /*needs_value=*/false, "rows share their key");
    if (check.scope == Scope::kTable && !by_index) {
      WEIRHOUSE_TRY(finding.judged, evaluation.Rows(check, columns_));
    }
    return finding;
  }

 private:
  std::vector<std::string> columns_;
  bool nulls_equal_ = false;
};
}  // namespace

CheckKind UniqueKind() {
  return {.names = {"unique"},
          .keys = {"columns", "column", "nulls", "scope"},
          .bare_columns = true,
          .judges_values = true,
          .parse = UniqueRule::Parse};
}
}  // namespace weirhouse::gate

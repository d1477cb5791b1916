// `sql`: a query returns so many rows, which are those that fail.
#include "ground/platform/sql/sql.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "ground/base/text.h"
#include "rules/gate/definition/binding.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/kind/kinds.h"

namespace weirhouse::gate {
namespace {
class SqlRule final : public RowsRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check&) {
    auto rule = std::make_shared<SqlRule>();
    WEIRHOUSE_TRY(const YamlNode* query, at.Require("query"));
    WEIRHOUSE_TRY(rule->query_, query->AsString(at.What("query")));
    rule->span_ = query->span();
    WEIRHOUSE_TRY(const YamlNode* rows, at.Require("rows"));
    if (rows->is_map()) {
      WEIRHOUSE_TRY_STATUS(rows->CheckKeys(at.What("rows"), WithBounds({})));
      WEIRHOUSE_TRY(rule->rows_, ReadCountBounds(*rows, at.What("rows")));
      WEIRHOUSE_TRY_STATUS(NeedBound(at, rule->rows_.min || rule->rows_.max));
    } else {
      WEIRHOUSE_TRY(const std::int64_t count, rows->AsInt(at.What("rows")));
      if (count < 0) return rows->Error("WH3002", "sql.rows must not be negative");
      rule->rows_ = {count, count};
    }
    return RulePtr(std::move(rule));
  }

  Status Bind(Check& check, Binding& binding) const override {
    const SqlPlace place{span_, query_, 0};
    auto reads = ReadSqlReferences(query_, binding.session());
    if (!reads.ok()) return RefuseSql(place, reads.status());
    WEIRHOUSE_TRY_STATUS(binding.RegisterTables(*reads, place));
    const auto described = binding.session().Describe(query_);
    if (!described.ok()) return RefuseSql(place, described.status());
    check.reads = std::move(*reads);
    return Status();
  }

  std::string_view WhyNeedsRows() const override { return "an SQL query runs over the rows"; }

  Result<Finding> Judge(Evaluation& evaluation, const Check& check) const override {
    const auto answer = evaluation.QueryOf(check, query_);
    if (!answer.ok()) return evaluation.Blame(check, query_, answer.status());
    const RowsPtr rows = *answer;
    const std::int64_t count = rows->num_rows();
    Finding finding;
    finding.population = evaluation.batch()->num_rows();
    finding.observed = count;
    finding.bound = ToJson(rows_);
    if (!Holds(rows_, count)) finding.state = State::kFailed;
    if (rows_.max && count > *rows_.max) {
      finding.bad = count;
      finding.returned = rows;
    }
    finding.reason =
        fmt::format("{} returned {} rows ({})", check.name, WithThousands(count), LimitText(rows_));
    return finding;
  }

 private:
  std::string query_;
  CountBounds rows_;
  SourceSpan span_;
};
}  // namespace

CheckKind SqlKind() {
  return {.names = {"sql"}, .keys = {"query", "rows", "timeout"}, .parse = SqlRule::Parse};
}
}  // namespace weirhouse::gate

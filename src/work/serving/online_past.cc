#include "work/serving/online_past.h"

#include <fmt/format.h>

#include "rules/feature/online/table_answer.h"
#include "work/records/trace_rows.h"

namespace weirhouse::work {

Result<feature::FeatureAnswer> AnswerOfPast(Workspace& workspace, const feature::ViewPlan& plan,
                                            std::span<const feature::Value> entity, EventTime at,
                                            CommitSeq seq) {
  WEIRHOUSE_TRY(const ViewRows rows, ReadViewRows(workspace, plan, seq, std::nullopt));
  if (!rows.exact) {
    return Status(Code::kUnavailable,
                  fmt::format("the online store is at commit {}, whose feature tables are no "
                              "longer kept: view \"{}\"",
                              seq.value(), plan.view.id()))
        .WithError("WH4025")
        .WithHint("`wh run` brings the online store up to date");
  }
  return feature::AnswerFromTable(plan, *rows.table, entity, Micros(at), Micros(at), seq);
}
}  // namespace weirhouse::work

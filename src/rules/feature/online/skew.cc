#include "rules/feature/online/skew.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/kernel.h"

namespace weirhouse::feature {
namespace {
constexpr std::size_t kLinesShown = 20;

void Note(const ViewPlan& plan, const SkewSample& sample, std::size_t output, const Value& online,
          const Value& offline, SkewReport* report) {
  ++report->differing;
  if (report->first.size() >= kLinesShown) return;
  report->first.push_back(
      {plan.outputs[output].column.qualified, sample.entity, sample.at, online, offline});
}

void NoteStatus(const ViewPlan& plan, const SkewSample& sample, std::size_t output,
                const Value& value, FeatureStatus online, FeatureStatus offline,
                SkewReport* report) {
  ++report->status_differing;
  if (report->first.size() >= kLinesShown) return;
  report->first.push_back({plan.outputs[output].column.qualified, sample.entity, sample.at, value,
                           value, std::string(StatusName(online)),
                           std::string(StatusName(offline))});
}

Status CompareOne(const ViewPlan& plan, const LoadedView& view, const SkewSample& sample,
                  const OnlineStore* online, SkewReport* report) {
  WEIRHOUSE_TRY(const auto key, EncodeEntity(plan.view.entity, sample.entity));
  const EntityRowsView rows = key ? view.Of(*key) : EntityRowsView{&view.rows(), 0, 0};
  std::vector<Cell> cells(plan.outputs.size());
  EvaluateEach(plan, rows, {sample.at, sample.known}, cells);
  std::vector<Value> served = sample.served;
  std::vector<FeatureStatus> statuses;
  if (served.empty()) {
    if (online == nullptr) {
      return Status(Code::kInternal, "no online store to ask, and no logged answer");
    }
    WEIRHOUSE_TRY(const FeatureAnswer answer,
                  online->Get(plan, sample.entity, sample.at, sample.known));
    served = answer.Vector();
    for (const FeatureValue& value : answer.values) statuses.push_back(value.status);
  }
  if (served.size() != cells.size()) {
    return Status(Code::kInvalidInput,
                  fmt::format("a logged answer of \"{}\" has {} values, the view has {}",
                              plan.view.id(), served.size(), cells.size()))
        .WithError("WH4013");
  }
  ++report->samples;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    ++report->values;
    const Value offline = cells[i].ToValue();
    if (!SameBits(served[i], offline)) {
      Note(plan, sample, i, served[i], offline, report);
    } else if (!statuses.empty() && statuses[i] != cells[i].status) {
      NoteStatus(plan, sample, i, offline, statuses[i], cells[i].status, report);
    }
  }
  return Status();
}
}  // namespace

Result<SkewReport> MeasureSkew(const std::vector<ViewPlan>& plans,
                               const std::vector<SkewSample>& samples, const OnlineStore* online,
                               const FeatureProvider& provider) {
  SkewReport report;
  std::size_t seen = 0;
  for (const ViewPlan& plan : plans) {
    const std::string id = plan.view.id();
    const auto mine = [&](const SkewSample& sample) { return sample.view_id == id; };
    const auto count = std::count_if(samples.begin(), samples.end(), mine);
    seen += static_cast<std::size_t>(count);
    if (count == 0 || plan.view.is_request()) continue;
    // One view at a time, so that only its rows are in memory.
    WEIRHOUSE_TRY(const auto table, provider(plan.view));
    WEIRHOUSE_TRY(const LoadedView view, LoadedView::Load(plan, *table));
    for (const SkewSample& sample : samples) {
      if (mine(sample)) {
        WEIRHOUSE_TRY_STATUS(CompareOne(plan, view, sample, online, &report));
      }
    }
  }
  if (seen == samples.size()) return report;
  return Status(Code::kNotFound, "a sample names a feature view that does not exist")
      .WithError("WH4009");
}
}  // namespace weirhouse::feature

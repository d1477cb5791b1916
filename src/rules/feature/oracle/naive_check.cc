#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ground/base/time.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/oracle/naive.h"
#include "rules/feature/training/label_frame.h"
#include "rules/feature/training/training_set.h"
#include "rules/feature/value/arrow_columns.h"

namespace weirhouse::feature {
namespace {
constexpr std::size_t kDifferencesShown = 10;

std::vector<std::int64_t> ChooseRows(std::int64_t rows, std::int64_t sample, Random& random) {
  std::set<std::int64_t> chosen;
  if (sample >= rows) {
    for (std::int64_t i = 0; i < rows; ++i) chosen.insert(i);
  }
  while (static_cast<std::int64_t>(chosen.size()) < std::min(sample, rows)) {
    chosen.insert(static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(rows))));
  }
  return {chosen.begin(), chosen.end()};
}

Status CheckView(const SelectedView& selected, const LabelFrame& sample, const arrow::Table& built,
                 const FeatureProvider& provider, NaiveReport* report) {
  WEIRHOUSE_TRY(const auto entities, EncodeLabelEntities(*selected.view, *sample.rows));
  WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> table, provider(*selected.view));
  WEIRHOUSE_TRY(const ViewPlan plan, PlanStored(*selected.view, *table->schema()));
  WEIRHOUSE_TRY(const NaiveInterpreter naive, NaiveInterpreter::Make(plan, std::move(table)));
  for (std::size_t row = 0; row < sample.labels.size(); ++row) {
    const Label& label = sample.labels[row];
    WEIRHOUSE_TRY(const auto answers, naive.Answer(entities[row], label.at, label.known,
                                                   NaiveInterpreter::Scope::kNear));
    for (const std::size_t column : selected.columns) {
      const std::string& name = plan.outputs[column].column.qualified;
      WEIRHOUSE_TRY(const auto values, RequireColumn(built, name, "the training set"));
      WEIRHOUSE_TRY(const Value value, ReadCell(*values, static_cast<std::int64_t>(row)));
      ++report->values;
      if (SameBits(value, answers[column].value)) continue;
      ++report->differing;
      if (report->first.size() < kDifferencesShown) {
        report->first.push_back(fmt::format("{} at {}: {} was built, {} is derived", name,
                                            FormatTime(label.at), ToText(value),
                                            ToText(answers[column].value)));
      }
    }
  }
  return Status();
}
}  // namespace

Result<NaiveReport> NaiveCheck(const TrainingSetDefinition& definition,
                               const std::vector<FeatureView>& views,
                               const TrainingSetResult& built, const FeatureProvider& provider,
                               std::int64_t sample, Random& random) {
  WEIRHOUSE_TRY(const std::vector<SelectedView> selected, SelectFeatures(definition, views));
  WEIRHOUSE_TRY(const auto rows,
                TakeRows(*built.rows, ChooseRows(built.rows->num_rows(), sample, random)));
  WEIRHOUSE_TRY(const LabelFrame frame, ReadLabels(definition, rows));
  NaiveReport report;
  report.rows = rows->num_rows();
  for (const SelectedView& view : selected) {
    if (view.view->is_request()) continue;
    WEIRHOUSE_TRY_STATUS(CheckView(view, frame, *rows, provider, &report));
  }
  return report;
}
}  // namespace weirhouse::feature

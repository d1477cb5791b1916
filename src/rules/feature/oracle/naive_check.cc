#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

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

// The rows of a piece that belong to entities of the sample, or have one of `keys`.
Result<std::vector<std::int64_t>> RowsOf(const FeaturePieces& pieces, std::size_t piece,
                                         const LabelOrder& sample,
                                         const std::set<std::string, std::less<>>& keys) {
  std::vector<std::string> columns = sample.entity_columns();
  if (!keys.empty()) columns.emplace_back("row_key");
  WEIRHOUSE_TRY(const auto rows, pieces.Read(piece, columns));
  WEIRHOUSE_TRY(const std::vector<std::uint32_t> entities, sample.NumbersOf(*rows));
  std::vector<std::string_view> row_keys(entities.size());
  if (!keys.empty()) {
    WEIRHOUSE_TRY(row_keys, ReadBytes(*rows->GetColumnByName("row_key"), "row_key"));
  }
  std::vector<std::int64_t> found;
  for (std::size_t i = 0; i < entities.size(); ++i) {
    if (entities[i] != kNoEntity || (!keys.empty() && keys.contains(row_keys[i])))
      found.push_back(static_cast<std::int64_t>(i));
  }
  return found;
}

// All that can matter to the sample: the rows of its entities, and all versions of their keys.
Result<std::shared_ptr<arrow::Table>> SampledRows(const FeaturePieces& pieces,
                                                  const LabelOrder& sample) {
  const std::vector<std::string> columns = pieces.schema()->field_names();
  std::set<std::string, std::less<>> keys;
  for (std::size_t p = 0; p < pieces.count() && !pieces.unique_keys(); ++p) {
    if (!sample.MayHold(pieces, p)) continue;
    WEIRHOUSE_TRY(const auto found, RowsOf(pieces, p, sample, {}));
    if (found.empty()) continue;
    WEIRHOUSE_TRY(const auto rows, pieces.Read(p, {"row_key"}));
    WEIRHOUSE_TRY(const auto row_keys, ReadBytes(*rows->column(0), "row_key"));
    for (const std::int64_t row : found) keys.emplace(row_keys[static_cast<std::size_t>(row)]);
  }
  std::vector<std::shared_ptr<arrow::Table>> parts;
  for (std::size_t p = 0; p < pieces.count(); ++p) {
    if (pieces.unique_keys() && !sample.MayHold(pieces, p)) continue;
    WEIRHOUSE_TRY(const auto found, RowsOf(pieces, p, sample, keys));
    if (found.empty()) continue;
    WEIRHOUSE_TRY(const auto rows, pieces.Read(p, columns));
    WEIRHOUSE_TRY(auto taken, TakeRows(*rows, found));
    parts.push_back(std::move(taken));
  }
  const auto around =
      parts.empty() ? arrow::Table::MakeEmpty(pieces.schema()) : arrow::ConcatenateTables(parts);
  if (!around.ok()) return Status(Code::kInternal, around.status().ToString());
  return *around;
}

Status CheckView(const SelectedView& selected, const LabelFrame& sample, const arrow::Table& built,
                 const FeatureProvider& provider, const PiecesProvider& pieces_provider,
                 NaiveReport* report) {
  WEIRHOUSE_TRY(const auto entities, EncodeLabelEntities(*selected.view, *sample.rows));
  std::shared_ptr<arrow::Table> table;
  if (pieces_provider) {
    WEIRHOUSE_TRY(const auto pieces, pieces_provider(*selected.view));
    WEIRHOUSE_TRY(const LabelOrder order, OrderLabels(*selected.view, sample));
    WEIRHOUSE_TRY(table, SampledRows(*pieces, order));
  } else {
    WEIRHOUSE_TRY(table, provider(*selected.view));
  }
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
                               std::int64_t sample, Random& random, const PiecesProvider& pieces) {
  WEIRHOUSE_TRY(const std::vector<SelectedView> selected, SelectFeatures(definition, views));
  WEIRHOUSE_TRY(const auto rows,
                TakeRows(*built.rows, ChooseRows(built.rows->num_rows(), sample, random)));
  WEIRHOUSE_TRY(const LabelFrame frame, ReadLabels(definition, rows));
  NaiveReport report;
  report.rows = rows->num_rows();
  for (const SelectedView& view : selected) {
    if (view.view->is_request()) continue;
    WEIRHOUSE_TRY_STATUS(CheckView(view, frame, *rows, provider, pieces, &report));
  }
  return report;
}
}  // namespace weirhouse::feature

#include "rules/feature/online/table_answer.h"

#include <arrow/api.h>

#include <string_view>
#include <unordered_set>

#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/online/online_store.h"
#include "rules/feature/value/arrow_columns.h"

namespace weirhouse::feature {
namespace {
// The rows of one entity, with all versions of their keys: a version under another entity can hide
// one under this entity.
Result<std::shared_ptr<arrow::Table>> RowsAround(const ViewPlan& plan, const arrow::Table& rows,
                                                 const std::optional<std::string>& entity) {
  WEIRHOUSE_TRY(const auto entities, EncodeEntities(plan.view.entity, rows));
  WEIRHOUSE_TRY(const auto column, RequireColumn(rows, "row_key", "the feature table"));
  WEIRHOUSE_TRY(const auto keys, ReadBytes(*column, "row_key"));
  std::unordered_set<std::string_view> wanted;
  for (std::size_t i = 0; i < entities.size(); ++i) {
    if (entity && entities[i] == entity) wanted.insert(keys[i]);
  }
  std::vector<std::int64_t> around;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (wanted.contains(keys[i])) around.push_back(static_cast<std::int64_t>(i));
  }
  return TakeRows(rows, around);
}
}  // namespace

Result<FeatureAnswer> AnswerFromTable(const ViewPlan& plan, const arrow::Table& rows,
                                      std::span<const Value> entity, std::int64_t at,
                                      std::int64_t known, CommitSeq seq) {
  WEIRHOUSE_TRY(const std::optional<std::string> key, EncodeEntity(plan.view.entity, entity));
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> around, RowsAround(plan, rows, key));
  WEIRHOUSE_TRY(const LoadedView view, LoadedView::Load(plan, *around));
  const EntityRowsView one = key ? view.Of(*key) : EntityRowsView{&view.rows(), 0, 0};
  return AnswerFromRows(plan, one, at, known, seq);
}
}  // namespace weirhouse::feature

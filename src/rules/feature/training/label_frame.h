// The spine of a training set, read and checked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/definition/definition.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/kernel/label_order.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::feature {

struct LabelFrame {
  std::shared_ptr<arrow::Table> rows;
  std::vector<Label> labels;  // for each row its time and what was known
};
// Finds the time and known columns. Errors WH4008.
Result<LabelFrame> ReadLabels(const TrainingSetDefinition& definition,
                              std::shared_ptr<arrow::Table> spine);
// Positions of the rows by time, then by all columns; the order of equal rows does not matter.
Result<std::vector<std::int64_t>> CanonicalOrder(const LabelFrame& frame);
// The view's entity of each label row; absent = NULL. Error WH4008.
Result<std::vector<std::optional<std::string>>> EncodeLabelEntities(const FeatureView& view,
                                                                    const arrow::Table& spine);
// The labels by the view's entity and time. Error WH4008.
Result<LabelOrder> OrderLabels(const FeatureView& view, const LabelFrame& frame);
}  // namespace weirhouse::feature

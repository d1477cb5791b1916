#include "rules/feature/training/label_frame.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "ground/base/text.h"
#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/type/key_encoding.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/value/arrow_columns.h"

namespace weirhouse::feature {
namespace {
Status BadSpine(const std::string& message, std::string hint) {
  return Status(Code::kInvalidInput, message).WithError("WH4008").WithHint(std::move(hint));
}

Status NoColumn(const arrow::Table& spine, const std::string& name, std::string_view role) {
  std::string hint = DidYouMean(name, spine.ColumnNames());
  if (hint.empty()) hint = "the spine has: " + Join(spine.ColumnNames(), ", ");
  return BadSpine(fmt::format("the spine has no column \"{}\", its {}", name, role),
                  std::move(hint));
}

Result<std::vector<std::int64_t>> ReadSpineTimes(const arrow::Table& spine, const std::string& name,
                                                 std::string_view role) {
  const auto column = spine.GetColumnByName(name);
  if (column == nullptr) return NoColumn(spine, name, role);
  if (column->type()->id() != arrow::Type::TIMESTAMP) {
    return BadSpine(fmt::format("the {} of the spine is not a time: \"{}\" is {}", role, name,
                                column->type()->ToString()),
                    "cast it to timestamptz");
  }
  Result<IntColumn> times = ReadIntegers(*column, fmt::format("the {} \"{}\"", role, name));
  if (!times.ok()) return BadSpine(times.status().message(), times.status().hint());
  for (const std::uint8_t valid : times->valid) {
    if (valid == 0) {
      return BadSpine(fmt::format("a row of the spine has no {}: \"{}\" is null", role, name),
                      "leave such rows out of the spine");
    }
  }
  return std::move(times->values);
}
}  // namespace

Result<LabelFrame> ReadLabels(const TrainingSetDefinition& definition,
                              std::shared_ptr<arrow::Table> spine) {
  LabelFrame frame;
  WEIRHOUSE_TRY(const std::vector<std::int64_t> times,
                ReadSpineTimes(*spine, definition.time, "time"));
  std::vector<std::int64_t> known = times;
  if (definition.known) {
    WEIRHOUSE_TRY(known, ReadSpineTimes(*spine, *definition.known, "known time"));
  }
  if (!definition.label.empty() && spine->GetColumnByName(definition.label) == nullptr) {
    return NoColumn(*spine, definition.label, "label");
  }
  frame.labels.reserve(times.size());
  for (std::size_t i = 0; i < times.size(); ++i) {
    frame.labels.push_back({times[i], definition.as_of_latest ? kLatest : known[i]});
  }
  frame.rows = std::move(spine);
  return frame;
}

Result<std::vector<std::int64_t>> CanonicalOrder(const LabelFrame& frame) {
  std::vector<std::pair<std::int64_t, std::int64_t>> times;  // with their rows
  times.reserve(frame.labels.size());
  for (const Label& label : frame.labels)
    times.emplace_back(label.at, static_cast<std::int64_t>(times.size()));
  std::sort(times.begin(), times.end());
  std::vector<std::int64_t> order;
  order.reserve(times.size());
  for (const auto& [at, row] : times) order.push_back(row);
  // Only rows of one time are compared by their columns.
  std::vector<std::size_t> tied;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const bool before = i > 0 && times[i - 1].first == times[i].first;
    const bool after = i + 1 < times.size() && times[i + 1].first == times[i].first;
    if (before || after) tied.push_back(i);
  }
  if (tied.empty()) return order;
  std::vector<std::int64_t> rows;
  for (const std::size_t i : tied) rows.push_back(order[i]);
  WEIRHOUSE_TRY(const auto table, TakeRows(*frame.rows, rows));
  WEIRHOUSE_TRY(const auto keys, iceberg::EncodeKeys(*table, table->ColumnNames()));
  std::vector<std::size_t> sorted(tied.size());
  std::iota(sorted.begin(), sorted.end(), 0);
  std::sort(sorted.begin(), sorted.end(), [&](std::size_t a, std::size_t b) {
    if (times[tied[a]].first != times[tied[b]].first)
      return times[tied[a]].first < times[tied[b]].first;
    return keys[a] < keys[b];
  });
  for (std::size_t i = 0; i < tied.size(); ++i) order[tied[i]] = rows[sorted[i]];
  return order;
}

namespace {
Status CheckHasEntity(const FeatureView& view, const arrow::Table& spine) {
  for (const TypedName& part : view.entity) {
    if (spine.GetColumnByName(part.name) == nullptr) {
      return BadSpine(fmt::format("the spine has no column \"{}\", the entity of view \"{}\"",
                                  part.name, view.id()),
                      "select it in the spine, under this name");
    }
  }
  return Status();
}

Status BadEntity(const Status& status) {
  return BadSpine(status.message(), "cast it in the spine to the entity's type");
}
}  // namespace

Result<std::vector<std::optional<std::string>>> EncodeLabelEntities(const FeatureView& view,
                                                                    const arrow::Table& spine) {
  WEIRHOUSE_TRY_STATUS(CheckHasEntity(view, spine));
  auto keys = EncodeEntities(view.entity, spine);
  if (keys.ok()) return keys;
  return BadEntity(keys.status());
}

Result<LabelOrder> OrderLabels(const FeatureView& view, const LabelFrame& frame) {
  WEIRHOUSE_TRY_STATUS(CheckHasEntity(view, *frame.rows));
  auto order = LabelOrder::Sort(view.entity, *frame.rows, frame.labels);
  if (order.ok()) return order;
  return BadEntity(order.status());
}
}  // namespace weirhouse::feature

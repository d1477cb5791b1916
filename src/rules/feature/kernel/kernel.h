// The kernel: the only code that computes a feature, offline and online (in rules/feature/window).
//
// Semantics (worked examples: kernel_test.cc):
//   known     rows with known time <= k, whatever their event time
//   collapse  per table key the version with the greatest (known time, content digest) stays; if
//             that is a delete, the key is hidden
//   range     event time <= t for `latest`; [t - w, t) for windows, (t - w, t] if the view says so;
//             aggregates without a window (last, seconds_since_last) end where windows end
//   chosen    the greatest (event time, known time, table key, digest)
//   status    of `latest` and its kin: not_found, not_yet_known, expired (older than ttl), null,
//             present. A count is always present. Other aggregates of an empty window, or of NULLs
//             alone, are NULL: `null` if the entity has an older row, else as above.
// Aggregates ignore NULL as SQL does; `last` and `latest` do not look back past one. min and max
// order NaN above +infinity and give zero as +0.0. Decimals are summed as they are written and
// rounded once, to a number; so are those that min, max, last and latest choose.
//
// Evaluate, EvaluateMany and ColumnEvaluation share the rules of an answer (entity_rules.h); they
// differ in how they get from label to label. Their sums are exact and rounded once, so their results
// agree bit for bit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/value/value.h"

namespace weirhouse::feature {

// The point of a question: t, and k = what was known (kLatest: everything).
struct Label {
  std::int64_t at = 0;
  std::int64_t known = 0;
};

// One answer. Valid while the rows live.
struct Cell {
  FeatureStatus status = FeatureStatus::kNotFound;
  ValueType type = ValueType::kInt64;
  std::uint64_t bits = 0;  // as in ValueColumn; meaningful only if present
  std::string_view text;
  bool has_event_time = false;
  std::int64_t event_time = 0;  // of the chosen row, or of the newest row in the window

  Value ToValue() const;  // NULL unless present
};

// Computes every output of `plan` for one entity at one label. `cells` has plan.outputs.size()
// elements. Cost: rows in the longest window. Error WH4012: an integer sum does not fit 64 bits.
Status Evaluate(const ViewPlan& plan, const EntityRowsView& rows, Label label,
                std::span<Cell> cells);
// The same for whoever does not ask for all outputs: one whose sum does not fit has the status
// kOverflow, and the others are answered.
void EvaluateEach(const ViewPlan& plan, const EntityRowsView& rows, Label label,
                  std::span<Cell> cells);

// Computes many labels of one entity, which must ascend in `at`. Calls `take` once for each label,
// in order; the cells are valid during the call. Costs as ColumnEvaluation.
Status EvaluateMany(const ViewPlan& plan, const EntityRowsView& rows, std::span<const Label> labels,
                    const std::function<void(std::size_t, std::span<const Cell>)>& take);

// Where the answers of one output go: arrays with an element for each label. Those that may be null
// are then not computed. `texts` is needed for strings; its views live as long as the rows.
struct AnswerColumn {
  std::size_t output = 0;         // index into ViewPlan::outputs
  std::uint64_t* bits = nullptr;  // as in ValueColumn; 0 where not present
  std::uint8_t* valid = nullptr;  // 1 = present
  std::string_view* texts = nullptr;
  FeatureStatus* status = nullptr;
  std::uint8_t* has_event_time = nullptr;  // with event_time, or neither
  std::int64_t* event_time = nullptr;
};

// Computes some outputs for many entities, one after the other, into columns.
//
// Threads: one; several may fill different rows of the same columns. Memory: about 80 bytes (of
// decimals 200) for each of at most a million rows that are taken at once, and 13 bytes for each row
// of an entity that has replaced or late rows.
// Cost: linear in rows and answers where rows become known in their order and few versions are
// replaced or deleted (0.6 CPU-s for ten million rows and a million labels of 12 outputs).
// Otherwise amortised O(log n) for each row and window if `known` never decreases, and that of
// Evaluate for each label if it does.
class ColumnEvaluation {
 public:
  // Refers to `plan`, which must outlive it.
  ColumnEvaluation(const ViewPlan& plan, std::vector<AnswerColumn> columns);
  ~ColumnEvaluation();
  ColumnEvaluation(ColumnEvaluation&&) noexcept;

  // Answers `labels` of one entity, which must ascend in `at`. The answers of label i go to
  // places[i], or to i if `places` is empty. WH4012 as Evaluate, of the asked outputs only.
  Status Answer(const EntityRowsView& rows, std::span<const Label> labels,
                std::span<const std::size_t> places);

 private:
  struct State;
  std::unique_ptr<State> state_;
};
}  // namespace weirhouse::feature

// Windows of one entity column by column: where they begin and end is found once for each label,
// then each column is a pass over running sums.
//
// Rows are plain or exceptions. The plain ones become known in their order and stay visible, so that
// those a label can see are a prefix of them, and a window is a difference of two running sums or a
// look-up in a table of extremes. Exceptions (versions that were replaced, rows known later than
// some that follow them) are looked at one by one, at each label whose longest window holds them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/value/decimal_sum.h"
#include "rules/feature/window/entity_rules.h"
#include "rules/feature/window/range_extreme.h"
#include "rules/feature/window/slot_groups.h"

namespace weirhouse::feature {

// Writes `cell` as the answer of label `place`.
void PutCell(const AnswerColumn& column, std::size_t place, const Cell& cell);

// Answers one entity after the other and keeps its memory between them. Threads: one.
class ColumnSweep {
 public:
  // Rows taken at once, so that memory stays below 100 bytes for each of them: 100 MB.
  static constexpr std::size_t kRowsAtOnceMax = std::size_t{1} << 20;
  static constexpr std::size_t kLabelsAtOnceMax = std::size_t{1} << 14;

  // Refers to `plan`. `rows_max`: at once; tests make it small.
  ColumnSweep(const ViewPlan& plan, std::vector<AnswerColumn> columns,
              std::size_t rows_max = kRowsAtOnceMax);

  // Goes to an entity. `known_from_at`: no label will be asked with known < at. False if it has so
  // many exceptions that a sweep row by row is better.
  bool Begin(const EntityRowsView& rows, bool known_from_at);
  // Answers labels of the entity, which ascend in `at` over all calls since Begin; label i goes to
  // row places[i] of the columns, or i if there are none. Returns how many it answered: all, unless
  // the longest window of the next one holds too many rows. WH4012 as Evaluate.
  Result<std::size_t> Answer(std::span<const Label> labels, std::span<const std::size_t> places);

 private:
  // What the columns of one expression have in common.
  struct Job {
    SlotGroup group;
    std::vector<std::size_t> columns;  // indexes into columns_
  };

  bool plain(std::size_t row) const { return marks_.empty() || marks_[row] == 0; }
  std::int64_t KnownFrom(std::size_t row) const;
  void FindKnownOrder();
  std::size_t VisiblePrefix(std::size_t end, std::int64_t known);
  std::size_t NewestBefore(std::size_t end, std::size_t prefix, std::int64_t known) const;
  std::size_t FindWindows(std::span<const Label> labels);
  void FindStanding(std::size_t longest_begin, std::size_t high, std::int64_t known);
  Status AnswerPiece(std::span<const std::size_t> places);
  void AnswerByRow(const AnswerColumn& column, const PlannedOutput& output);
  Status RunJob(const Job& job);
  void CountRows(const SlotGroup& group);
  bool AddNumbers(const Job& job);
  void AddIntegers(const Job& job);
  bool AddDecimals(const Job& job);
  void AnswerCounts(const Job& job);
  void AnswerMoved(const Job& job);
  template <typename T, typename KeyOf, typename BitsOf>
  void AnswerOrdered(const Job& job, const KeyOf& key_of, const BitsOf& bits_of);
  void AnswerOrderedJob(const Job& job);
  template <typename ValueOf>
  void AddUp(const ValueColumn& values, const ValueOf& value_of);
  template <typename ValueOf, typename BitsOf>
  void AnswerSums(const Job& job, const ValueOf& value_of, const BitsOf& bits_of);
  template <typename Compute>
  void Emit(const AnswerColumn& column, const Compute& compute);
  template <typename Act>
  void ForStanding(std::size_t label, std::size_t from, const Act& act) const;
  void FailAt(std::size_t label, std::size_t output, Status status);

  const ViewPlan& plan_;
  std::vector<AnswerColumn> columns_;
  std::size_t rows_max_;
  std::vector<Job> jobs_;
  bool any_unslotted_ = false;

  // The entity. Rows are counted from its first.
  const FeatureRows* rows_ = nullptr;
  std::optional<EntityRules> rules_;
  std::size_t first_row_ = 0;
  std::size_t row_count_ = 0;
  bool known_from_at_ = false;
  bool late_ = false;                      // not all rows are known when labels reach them
  std::vector<std::uint8_t> marks_;        // 1: an exception or a delete; empty: none
  std::vector<std::uint32_t> exceptions_;  // rows, ascending
  std::vector<std::uint32_t> plain_ends_;  // by row end: one past the last plain row before it
  std::vector<std::int64_t> known_order_;  // of the plain rows; of others that of the one before
  std::size_t prefix_ = 0;                 // where the last visible prefix ended
  std::size_t high_ = 0;                   // as event times go: where the last windows ended
  std::size_t at_end_ = 0;                 // and one past the last row at or before t
  std::vector<std::size_t> cursors_;       // where they began

  // The labels that are answered at once.
  std::vector<Label> labels_;
  std::vector<std::uint32_t> ends_;    // of the plain rows that each can see
  std::vector<std::uint32_t> newest_;  // one past the greatest row that counts; 0: none
  std::vector<std::uint32_t> chosen_;  // the same at t, for `latest`
  std::vector<std::vector<std::uint32_t>> begins_;  // by window
  std::vector<std::uint32_t> standing_;             // rows of exceptions that stand
  std::vector<std::uint32_t> standing_ends_;        // by label
  std::size_t base_ = 0;                            // the first row in any window
  std::size_t top_ = 0;                             // one past the last
  std::span<const std::size_t> places_;
  std::size_t first_label_ = 0;
  std::optional<Status> failure_;
  std::size_t failed_label_ = 0;
  std::size_t failed_output_ = 0;

  // By row from base_ on, of the job at hand.
  bool counted_ = false;               // false: every row counts
  std::vector<std::uint32_t> counts_;  // running
  std::vector<WideInt> sums_;          // running
  std::vector<std::int64_t> keys_;
  std::vector<WideInt> wide_keys_;
  RangeExtreme<std::int64_t, false> least_;
  RangeExtreme<std::int64_t, true> greatest_;
  RangeExtreme<WideInt, false> wide_least_;
  RangeExtreme<WideInt, true> wide_greatest_;
};
}  // namespace weirhouse::feature

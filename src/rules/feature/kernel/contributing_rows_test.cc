#include "rules/feature/kernel/contributing_rows.h"

#include <arrow/api.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "ground/base/random.h"
#include "rules/feature/oracle/sample_rows_test.h"
#include "testing/testing.h"

namespace weirhouse::feature {
namespace {
// The rows at `kept` alone, as an entity's whole history.
FeatureRows Only(const ViewPlan& plan, const FeatureRows& all,
                 const std::vector<std::size_t>& kept) {
  FeatureRows rows;
  rows.values = EmptyValues(plan);
  for (const std::size_t row : kept) {
    rows.event_time.push_back(all.event_time[row]);
    rows.known_time.push_back(all.known_time[row]);
    rows.hidden_at.push_back(all.hidden_at[row]);
    rows.deleted.push_back(all.deleted[row]);
    rows.row_key.Append(all.row_key[row]);
    rows.digest.push_back(all.digest[row]);
    for (std::size_t i = 0; i < all.values.size(); ++i) {
      const ValueColumn& column = all.values[i];
      if (column.valid[row] == 0) {
        rows.values[i].AppendNull();
      } else if (column.is_text()) {
        rows.values[i].AppendText(column.texts[row]);
      } else {
        rows.values[i].AppendBits(column.bits[row]);
      }
    }
  }
  return rows;
}

std::vector<Cell> Answer(const ViewPlan& plan, const EntityRowsView& rows, Label label) {
  std::vector<Cell> cells(plan.outputs.size());
  EXPECT_OK(Evaluate(plan, rows, label, cells));
  return cells;
}

// Random histories: the kernel answers the same from the contributing rows alone, so nothing that
// counts is left out; and it counts each of them, so nothing else is among them.
void CompareWithKernel(const std::string& extra, std::uint64_t seed) {
  ViewPlan plan = EveryAggregate(extra);
  // A sum that does not fit ends the whole answer.
  std::erase_if(plan.outputs, [](const PlannedOutput& output) {
    return output.aggregate == Aggregate::kSum && output.type == ValueType::kInt64;
  });
  std::vector<std::size_t> outputs(plan.outputs.size());
  std::iota(outputs.begin(), outputs.end(), std::size_t{0});
  SeededRandom random(seed);
  std::set<std::size_t> sizes_seen;
  for (int history = 0; history < 40; ++history) {
    ASSERT_OK_AND(const LoadedView loaded,
                  LoadedView::Load(plan, *SampleTable(plan, RandomRows(random, 60))));
    for (int question = 0; question < 60; ++question) {
      const EntityRowsView all = loaded.Group(random.Below(loaded.group_count()));
      const auto at = static_cast<std::int64_t>(random.Below(40)) - 4;
      const Label label{
          at, random.Below(4) == 0 ? kLatest : at + static_cast<std::int64_t>(random.Below(5)) - 2};
      const std::vector<Cell> cells = Answer(plan, all, label);
      std::set<std::size_t> told;
      for (const ContributingRows& group : FindContributingRows(plan, all, label, outputs)) {
        sizes_seen.insert(group.rows.size());
        ASSERT_TRUE(std::is_sorted(group.rows.rbegin(), group.rows.rend()));
        std::vector<std::size_t> ascending(group.rows.rbegin(), group.rows.rend());
        const FeatureRows rows = Only(plan, loaded.rows(), ascending);
        const std::vector<Cell> alone = Answer(plan, {&rows, 0, rows.size()}, label);
        for (const std::size_t output : group.outputs) {
          ASSERT_TRUE(told.insert(output).second) << "in two groups";
          const PlannedOutput& planned = plan.outputs[output];
          const std::string where = planned.column.qualified + " at " + std::to_string(label.at) +
                                    " known " + std::to_string(label.known);
          EXPECT_TRUE(SameBits(alone[output].ToValue(), cells[output].ToValue())) << where;
          if (planned.aggregate == Aggregate::kCount && !planned.expression) {
            EXPECT_EQ(cells[output].ToValue(), Value(static_cast<std::int64_t>(group.rows.size())))
                << where;
          }
          if (group.chosen && cells[output].has_event_time) {
            ASSERT_EQ(group.rows.size(), 1u) << where;
            EXPECT_EQ(cells[output].event_time, loaded.rows().event_time[group.rows[0]]) << where;
          }
        }
      }
      EXPECT_EQ(told.size(), outputs.size());
    }
  }
  EXPECT_GT(sizes_seen.size(), 4u) << "windows of several rows were met";
}

TEST(ContributingRows, AreThoseTheKernelCounts) { CompareWithKernel("", 71); }
TEST(ContributingRows, AreThoseTheKernelCountsWhereWindowsAreClosed) {
  CompareWithKernel("boundary: closed_end,", 72);
}
TEST(ContributingRows, AreThoseTheKernelCountsAsOfLatest) {
  CompareWithKernel("as_of: latest,", 73);
}

// A window that would begin before all time begins with it.
TEST(ContributingRows, ReachNoFurtherThanTimeDoes) {
  const ViewPlan plan = EveryAggregate();
  std::vector<std::size_t> outputs(plan.outputs.size());
  std::iota(outputs.begin(), outputs.end(), std::size_t{0});
  const FeatureRows none = Only(plan, FeatureRows(), {});
  constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
  for (const std::int64_t at : {kFirst, kFirst + 1, kFirst + 5}) {
    for (const ContributingRows& group :
         FindContributingRows(plan, {&none, 0, 0}, {at, at}, outputs)) {
      EXPECT_LE(group.from, at);
      EXPECT_LE(group.to, at);
    }
  }
}
}  // namespace
}  // namespace weirhouse::feature

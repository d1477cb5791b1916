#include "work/lineage/row_difference.h"

#include <arrow/api.h>

#include <algorithm>
#include <numeric>
#include <tuple>

#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/table.h"
#include "ground/iceberg/type/key_encoding.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;
using Indexes = std::vector<std::int64_t>;

Result<std::vector<Digest>> DigestsOf(const arrow::Table& rows) {
  std::vector<int> all(static_cast<std::size_t>(rows.num_columns()));
  std::iota(all.begin(), all.end(), 0);
  return iceberg::RowDigests(rows, all);
}

Indexes SortedBy(const std::vector<Digest>& digests) {
  Indexes order(digests.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return digests[static_cast<std::size_t>(a)] < digests[static_cast<std::size_t>(b)];
  });
  return order;
}

// Rows of each side without an equal on the other; equal rows cancel one by one.
std::pair<Indexes, Indexes> Unmatched(const std::vector<Digest>& left,
                                      const std::vector<Digest>& right) {
  const Indexes a = SortedBy(left);
  const Indexes b = SortedBy(right);
  std::pair<Indexes, Indexes> alone;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (j == b.size()) {
      alone.first.push_back(a[i++]);
      continue;
    }
    if (i == a.size()) {
      alone.second.push_back(b[j++]);
      continue;
    }
    const auto order =
        left[static_cast<std::size_t>(a[i])] <=> right[static_cast<std::size_t>(b[j])];
    if (order < 0) alone.first.push_back(a[i]);
    if (order > 0) alone.second.push_back(b[j]);
    if (order <= 0) ++i;
    if (order >= 0) ++j;
  }
  return alone;
}

struct KeyedRow {
  std::string key;
  std::int64_t row = 0;
};
// Rows of `rows` at `indexes`, sorted by key.
Result<std::vector<KeyedRow>> ByKey(const arrow::Table& rows, const Indexes& indexes,
                                    const std::vector<std::string>& key) {
  std::vector<KeyedRow> keyed;
  if (indexes.empty()) return keyed;
  WEIRHOUSE_TRY(const iceberg::KeyList keys, iceberg::EncodeKeys(rows, key));
  for (const std::int64_t row : indexes)
    keyed.push_back({std::string(keys[static_cast<std::size_t>(row)]), row});
  std::sort(keyed.begin(), keyed.end(), [](const KeyedRow& a, const KeyedRow& b) {
    return std::tie(a.key, a.row) < std::tie(b.key, b.row);
  });
  return keyed;
}
}  // namespace

Result<RowsPtr> ShapedLike(const RowsPtr& rows, const arrow::Table& like,
                           const std::vector<std::string>& columns) {
  arrow::FieldVector fields;
  std::vector<std::shared_ptr<arrow::ChunkedArray>> data;
  for (const std::string& name : columns) {
    const auto wanted = like.GetColumnByName(name);
    WEIRHOUSE_CHECK(wanted != nullptr);
    std::shared_ptr<arrow::ChunkedArray> column = rows->GetColumnByName(name);
    if (column == nullptr) {
      auto nulls = arrow::MakeArrayOfNull(wanted->type(), rows->num_rows());
      if (!nulls.ok()) return Status(Code::kInternal, nulls.status().ToString());
      column = std::make_shared<arrow::ChunkedArray>(*nulls);
    }
    fields.push_back(arrow::field(name, column->type()));
    data.push_back(std::move(column));
  }
  return arrow::Table::Make(arrow::schema(fields), std::move(data), rows->num_rows());
}

Result<TableDifference> CompareTables(const std::string& table, const RowsPtr& stored,
                                      const RowsPtr& rebuilt,
                                      const std::vector<std::string>& columns,
                                      const std::vector<std::string>& key, std::size_t shown_max) {
  TableDifference difference;
  difference.table = table;
  difference.key = key;
  difference.stored_rows = stored->num_rows();
  difference.rebuilt_rows = rebuilt->num_rows();
  WEIRHOUSE_TRY(const RowsPtr left, ShapedLike(stored, *rebuilt, columns));
  WEIRHOUSE_TRY(const RowsPtr right, ShapedLike(rebuilt, *rebuilt, columns));
  WEIRHOUSE_TRY(const std::vector<Digest> left_digests, DigestsOf(*left));
  WEIRHOUSE_TRY(const std::vector<Digest> right_digests, DigestsOf(*right));
  const auto [left_alone, right_alone] = Unmatched(left_digests, right_digests);
  WEIRHOUSE_TRY(const std::vector<KeyedRow> a, ByKey(*left, left_alone, key));
  WEIRHOUSE_TRY(const std::vector<KeyedRow> b, ByKey(*right, right_alone, key));
  for (std::size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    const bool takes_left = j == b.size() || (i < a.size() && a[i].key <= b[j].key);
    const bool takes_right = i == a.size() || (j < b.size() && b[j].key <= a[i].key);
    if (difference.first.size() < shown_max) {
      difference.first.push_back({takes_left ? left->Slice(a[i].row, 1) : nullptr,
                                  takes_right ? right->Slice(b[j].row, 1) : nullptr});
    }
    ++difference.differing;
    if (takes_left) ++i;
    if (takes_right) ++j;
  }
  return difference;
}
}  // namespace weirhouse::work

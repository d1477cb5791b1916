// Rows of feature tables in memory, by column, grouped by entity and in the full order.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/value/value.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::feature {

// Known times are less than kNever; "as of latest" asks at kLatest.
inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kLatest = kNever - 1;
// The event time of facts without one, and of delete rows without one.
inline constexpr std::int64_t kTimeless = std::numeric_limits<std::int64_t>::min();

// Strings stored one after the other.
class BytesColumn {
 public:
  std::string_view operator[](std::size_t i) const {
    return std::string_view(data_).substr(ends_[i], ends_[i + 1] - ends_[i]);
  }
  std::size_t size() const { return ends_.size() - 1; }
  void Append(std::string_view bytes) {
    data_ += bytes;
    ends_.push_back(data_.size());
  }
  void Clear() {
    data_.clear();
    ends_.assign(1, 0);
  }

 private:
  std::string data_;
  std::vector<std::size_t> ends_{0};
};

// Values of one row expression. NaN has a single form.
struct ValueColumn {
  ValueType type = ValueType::kInt64;
  int scale = 0;                    // of decimals
  std::vector<std::uint64_t> bits;  // boolean 0 or 1, integer, number's bits, timestamp; else 0
  BytesColumn texts;                // strings; decimals as Arrow holds them, 16 bytes each
  std::vector<std::uint8_t> valid;

  bool is_text() const { return type == ValueType::kString || type == ValueType::kDecimal; }
  void AppendNull();
  void AppendBits(std::uint64_t value_bits);
  void AppendText(std::string_view text);
};

// Columns for the row expressions of `plan`, without rows.
std::vector<ValueColumn> EmptyValues(const ViewPlan& plan);

// A row is visible for known times from its own until `hidden_at`, the known time of the next
// version of its table key: the collapse, computed once. `hidden_at` counts versions under other
// entities too, so a correction may move a row from one entity to another.
struct FeatureRows {
  std::vector<std::int64_t> event_time;
  std::vector<std::int64_t> known_time;
  std::vector<std::int64_t> hidden_at;
  std::vector<std::uint8_t> deleted;  // 1 = a delete version: hides its key and carries no value
  BytesColumn row_key;
  std::vector<Digest> digest;
  std::vector<ValueColumn> values;  // by ViewPlan::expressions

  std::size_t size() const { return event_time.size(); }
  void Clear();  // keeps `values` and their types
};

// The rows of one entity, a slice of FeatureRows ascending in (event time, known time, table key,
// digest): a greater index is a greater row. Valid while the FeatureRows live. Empty for an unknown
// or NULL entity.
struct EntityRowsView {
  const FeatureRows* rows = nullptr;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The bytes of an entity: equal tuples give equal bytes, ordered as the tuples are. Absent if any
// part is NULL: such an entity matches nothing, not even itself. The values must have the view's
// types (an integer may stand for a number); otherwise WH4013.
Result<std::optional<std::string>> EncodeEntity(std::span<const TypedName> entity,
                                                std::span<const Value> values);
// The same for each row of a table that has the entity's columns.
Result<std::vector<std::optional<std::string>>> EncodeEntities(std::span<const TypedName> entity,
                                                               const arrow::Table& rows);

// A feature table's rows in stored order, with `hidden_at` computed.
struct UnsortedRows {
  FeatureRows rows;
  std::vector<std::optional<std::string>> entities;  // per row; absent = NULL
};
Result<UnsortedRows> ReadUnsorted(const ViewPlan& plan, const arrow::Table& rows);

// All rows of a view, indexed by entity.
class LoadedView {
 public:
  // `rows`: the feature table's columns, rows in any order. Cost: O(n log n), about 0.3 µs a row;
  // memory about 120 bytes a row. Rows of a NULL entity are left out, because they match nothing.
  static Result<LoadedView> Load(const ViewPlan& plan, const arrow::Table& rows);

  EntityRowsView Of(std::string_view entity) const;
  // The group number of an entity; absent if it has no rows.
  std::optional<std::size_t> GroupOf(std::string_view entity) const;
  EntityRowsView Group(std::size_t group) const;
  std::size_t group_count() const { return starts_.empty() ? 0 : starts_.size() - 1; }
  const FeatureRows& rows() const { return *rows_; }

 private:
  std::shared_ptr<const FeatureRows> rows_;
  std::vector<std::size_t> starts_;
  std::unordered_map<std::string, std::size_t> groups_;
};
}  // namespace weirhouse::feature

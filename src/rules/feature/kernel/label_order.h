// Labels sorted by entity and time: once for all views that share the entity.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/kernel/feature_pieces.h"
#include "rules/feature/kernel/kernel.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::feature {

inline constexpr std::uint32_t kNoEntity = std::numeric_limits<std::uint32_t>::max();

// Labels with an entity, ascending in (entity, time). An entity has a number: its place among the
// distinct entities of the labels. Entities of one integer, boolean or time are held as integers,
// any other as bytes. Immutable. Threads: any.
class LabelOrder {
 public:
  // `spine` has the entity's columns, a row for each label. Errors: as EncodeEntities. At most 2^32
  // − 2 labels. Cost: O(n log n), about 0.1 µs a label.
  static Result<LabelOrder> Sort(std::span<const TypedName> entity, const arrow::Table& spine,
                                 std::span<const Label> labels);

  std::size_t size() const { return row_.size(); }
  std::int64_t at(std::size_t i) const { return at_[i]; }
  std::int64_t known(std::size_t i) const { return known_[i]; }
  std::uint32_t row(std::size_t i) const { return row_[i]; }  // of the spine
  // The labels of an entity: [begin, end).
  std::size_t begin(std::uint32_t entity) const { return starts_[entity]; }
  std::size_t end(std::uint32_t entity) const { return starts_[entity + 1]; }
  std::int64_t first_at() const { return first_at_; }  // the least time of all; size() > 0
  std::int64_t last_at() const { return last_at_; }

  // For each row of a piece the number of its entity, or kNoEntity if no label asks for it.
  Result<std::vector<std::uint32_t>> NumbersOf(const arrow::Table& piece) const;
  // False only if no label asks for an entity of the piece, by its bounds.
  bool MayHold(const FeaturePieces& pieces, std::size_t piece) const;
  std::vector<std::string> entity_columns() const;

 private:
  void Group(std::vector<std::uint32_t> numbers, std::span<const Label> labels);

  std::vector<TypedName> entity_;
  bool integers_ = false;
  std::vector<std::int64_t> integer_keys_;  // by number, ascending
  std::vector<std::string> byte_keys_;      // by number, ascending
  std::vector<std::size_t> starts_;         // by number
  std::vector<std::int64_t> at_;
  std::vector<std::int64_t> known_;
  std::vector<std::uint32_t> row_;
  std::int64_t first_at_ = 0;
  std::int64_t last_at_ = 0;
};
}  // namespace weirhouse::feature

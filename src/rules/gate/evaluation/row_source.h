// The rows that a gate judges, as checks go over them: by column, in pieces, as often as asked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/columnar/row_store.h"

namespace arrow {
class Schema;
class Table;
}  // namespace arrow
namespace weirhouse::platform {
class ObjectStore;
}  // namespace weirhouse::platform

namespace weirhouse::gate {

// How texts that repeat may come: as they are, or also as dictionary arrays of texts.
enum class Texts : std::uint8_t { kPlain, kDictionaries };

// Threads: one at a time.
class RowSource {
 public:
  // Of some consecutive rows; `first_row`: the place of their first among all.
  using Each =
      std::function<Status(const std::shared_ptr<arrow::Table>& piece, std::int64_t first_row)>;

  virtual ~RowSource() = default;
  // The types of the columns, without dictionaries.
  virtual std::shared_ptr<arrow::Schema> schema() const = 0;
  virtual std::int64_t num_rows() const = 0;
  // Calls `each` for pieces of the rows in order, at least once, with the named columns (some sources
  // give more). Names that are not there are left out. The first error ends it. Pieces that are not
  // `wanted` are not read.
  using Wanted = std::function<bool(std::int64_t first_row, std::int64_t rows)>;
  Status Read(const std::vector<std::string>& columns, Texts texts, const Each& each) const {
    return ReadWanted(columns, texts, [](std::int64_t, std::int64_t) { return true; }, each);
  }
  virtual Status ReadWanted(const std::vector<std::string>& columns, Texts texts,
                            const Wanted& wanted, const Each& each) const = 0;
  // Whether no row is known to lack a value in `column`, by what is stored beside the values. False
  // if it is not known.
  virtual bool IsWhole(const std::string& column) const = 0;
  // Between which two the values of a column of 32 or 64-bit integers, dates or times in
  // microseconds lie, by what is stored beside the values, or else by a pass over them where they
  // are in memory and `look` allows it. Absent if it is not known.
  struct Bounds {
    std::int64_t least = 0;
    std::int64_t greatest = 0;
  };
  enum class Look : std::uint8_t { kBesideValues, kAtValues };
  virtual std::optional<Bounds> BoundsOf(const std::string& column, Look look) const = 0;
};
using RowSourcePtr = std::shared_ptr<const RowSource>;

// The rows of a table in memory or of a file that is mapped (platform::RowStore).
RowSourcePtr RowsOfTable(std::shared_ptr<arrow::Table> rows, const platform::Scratch& scratch);
// The rows of Parquet files, one after the other; equal columns. Reads only what is asked for, a row
// group at a time. `store` must outlive it.
Result<RowSourcePtr> RowsOfParquet(platform::ObjectStore& store,
                                   const std::vector<std::string>& paths);

// Some rows of a source as a table, by their places, ascending. All columns, plain.
Result<std::shared_ptr<arrow::Table>> TakeRows(const RowSource& source,
                                               std::span<const std::int64_t> rows);
// The named columns of all rows (empty: all columns), plain; in a file beyond what `scratch` holds in memory.
Result<std::shared_ptr<arrow::Table>> ReadAll(const RowSource& source,
                                              const std::vector<std::string>& columns,
                                              const platform::Scratch& scratch);
}  // namespace weirhouse::gate

// Builds Arrow tables row by row, and opens or creates tables.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/transform/definition.h"
#include "work/workspace/workspace.h"

namespace arrow {
class Schema;
class Table;
}  // namespace arrow

namespace weirhouse::work {

// Builds a table of a fixed schema (utf8, binary, int64, double, boolean, timestamp) from single
// values; a column that is not set in a row is null there. Threads: one. For small tables.
class RowBuilder {
 public:
  explicit RowBuilder(std::shared_ptr<arrow::Schema> schema);
  ~RowBuilder();
  void Text(int column, std::string_view value);
  void Int(int column, std::int64_t value);  // timestamps too, in µs
  void Double(int column, double value);
  void Bool(int column, bool value);
  void EndRow();
  std::int64_t row_count() const;
  Result<std::shared_ptr<arrow::Table>> Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The current state of `name`, or a new table of this schema. Hidden columns of `schema` are kept
// as optional columns.
Result<iceberg::TablePtr> TableOrNew(Workspace& workspace, const std::string& name,
                                     const arrow::Schema& schema,
                                     const std::vector<std::string>& partition,
                                     const std::vector<std::string>& sort);
// `rows` without hidden columns.
std::shared_ptr<arrow::Table> DeclaredColumns(const std::shared_ptr<arrow::Table>& rows);
// `rows` with all columns nullable and no metadata, so that tables from files and from memory can
// be concatenated.
std::shared_ptr<arrow::Table> PlainRows(const std::shared_ptr<arrow::Table>& rows);
// `rows` whose int64 `column` lies outside [from, to).
Result<std::shared_ptr<arrow::Table>> RowsOutside(const std::shared_ptr<arrow::Table>& rows,
                                                  const std::string& column, std::int64_t from,
                                                  std::int64_t to);
Result<std::shared_ptr<arrow::Table>> Concatenate(
    const std::vector<std::shared_ptr<arrow::Table>>& tables);
// The greatest known (else event) time among `rows`, µs.
std::optional<std::int64_t> NewestTime(const arrow::Table& rows,
                                       const transform::TransformDefinition& definition);

// The named columns of `rows` in this order (empty: all), in the form of PlainRows. WH8012: there
// is no such column.
Result<std::shared_ptr<arrow::Table>> Selected(const std::shared_ptr<arrow::Table>& rows,
                                               const std::vector<std::string>& columns);
// No rows of a table that does not exist yet, with the columns its transform will give it.
Result<std::shared_ptr<arrow::Table>> MakeEmptyRows(Workspace& workspace, const std::string& table,
                                                    const std::vector<std::string>& columns);
}  // namespace weirhouse::work

// Checks SQL before anything runs: every table, column and function it names must exist, its result
// must not depend on time, chance or row order, and an incremental transform must be row-wise.
//
// Codes: WH2102 syntax, WH2103 table, WH2104 column, WH2105 function, WH2106 not deterministic,
// WH2107 not one plain SELECT, WH2108 needs mode full, WH2109 header and output disagree, WH2113
// types do not fit.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"
#include "rules/transform/definition.h"

namespace arrow {
class Schema;
}  // namespace arrow

namespace weirhouse::transform {

// The tables that SQL may name: "records.arrival", "processed.arrival_history", "ref.airline",
// "feature.carrier_delay_v1", "this". A value.
class SchemaCatalog {
 public:
  struct Entry {
    std::string name;
    // The schema as registered for reading, with hidden columns (`_record`, …).
    std::shared_ptr<arrow::Schema> schema;
    // "contract arrival 1.0.0 (contracts/arrival.odcs.yaml:5)": completes "not in …".
    std::string declared_in;
    std::vector<std::string> key;  // columns that are unique together and never null
  };
  // Replaces the entry of `name`.
  void Add(const std::string& name, std::shared_ptr<arrow::Schema> schema, std::string declared_in,
           std::vector<std::string> key = {});
  // Case-insensitive. nullptr if absent.
  const Entry* Find(std::string_view name) const;
  std::vector<std::string> names() const;

 private:
  std::map<std::string, Entry> entries_;  // by lower-case name
};

enum class TableKind : std::uint8_t { kRecords, kProcessed, kSeed, kOther };
TableKind KindOfTable(std::string_view name);  // by the part before the dot

// A base table that a query reads, at any depth.
struct TableReference {
  std::string name;  // as in the catalog
  TableKind kind = TableKind::kOther;
  SourceSpan span;  // where it is first named
  // The columns that the query needs, in the table's order: only these need to be registered.
  std::vector<std::string> columns;
};

// One output column ← one column of a base table.
struct ColumnEdge {
  enum class Kind : std::uint8_t {
    kDirect,    // its value is part of the value
    kIndirect,  // it decides which row, group or branch (OpenLineage's INDIRECT)
  };
  std::string output;
  std::string table;
  std::string column;
  Kind kind = Kind::kDirect;
  friend auto operator<=>(const ColumnEdge&, const ColumnEdge&) = default;
};

// A transform that may run. A value; valid as long as the catalog's schemas do not change.
struct CheckedTransform {
  TransformDefinition definition;
  std::vector<TableReference> references;  // by name
  // The one table whose new rows drive it (records.X or processed.X); absent if there are several.
  std::optional<std::string> driver;
  // One row in gives at most one row out, and the driver's rows have a `_record`, which is the
  // output's too. Otherwise `_record` of the output is null.
  bool row_wise = false;
  bool depends_on_arrival = false;  // `order arrival`
  // Declared columns, then `_record` and `_ingested_at`; for an external table only the declared
  // ones.
  std::shared_ptr<arrow::Schema> output;
  std::vector<std::string> declared;  // the declared columns, in output order
  std::vector<ColumnEdge> lineage;    // sorted
  // Output column → the driver's column that it equals unchanged, if that is certain.
  std::map<std::string, std::string> passed;
  std::string sql;  // what RunTransform executes, with run_time() not filled in yet
  bool uses_run_time = false;
};

// Checks `definition` against `schemas`. Reports all findings together, each with its place.
// Registers empty tables in `session` under the names that the SQL uses, and removes them again.
// Cost: a few ms; reads no data.
Result<CheckedTransform> CheckTransform(platform::SqlSession& session,
                                        const TransformDefinition& definition,
                                        const SchemaCatalog& schemas);

// Checks a table of mode external with `columns` (nullable unless required) of `contract`
// ("contract trips 1.0.0 (contracts/trips.odcs.yaml:4)"): storable names and types, a key of
// required columns, event and known times, partitions (WH2109). It has no SQL and no references.
Result<CheckedTransform> CheckExternal(const TransformDefinition& definition,
                                       const arrow::Schema& columns, const std::string& contract);

// A query in another file: a gate's SQL, a spine, `wh sql`.
struct SelectSource {
  std::string path;
  std::string text;
  int line = 1;  // where the text begins in the file
  int column = 1;
};
struct SelectRules {
  bool deterministic = true;    // refuse SQL that is not deterministic (WH2106)
  bool resolve_columns = true;  // false: the engine resolves columns, and all columns are needed
};
struct CheckedSelect {
  std::vector<TableReference> references;  // by name
  std::shared_ptr<arrow::Schema> output;
  std::vector<ColumnEdge> lineage;
  std::string sql;  // what to execute
};
// As CheckTransform, without a header: accepts only one SELECT over tables in `schemas` with known
// columns and functions. Hidden columns may be read by name; a star leaves them out.
Result<CheckedSelect> CheckSelect(platform::SqlSession& session, const SelectSource& source,
                                  const SchemaCatalog& schemas, const SelectRules& rules = {});
}  // namespace weirhouse::transform

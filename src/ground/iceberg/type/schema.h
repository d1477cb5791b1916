// Iceberg schemas, partition specs and their JSON (Apache Iceberg table spec, "Schemas and Data
// Types", "Partitioning"). Value types. Threads: any.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/type/type.h"

namespace arrow {
class Schema;
class DataType;
}  // namespace arrow

namespace weirhouse::iceberg {

struct Field {
  int id = 0;
  std::string name;
  Type type;
  bool required = false;
  std::string doc;
  // Format version 3: the value of a column in rows written before it existed, and in rows that
  // omit it. JSON text; empty = none.
  std::string initial_default = {};
  std::string write_default = {};
  // Members that are not in the specification, as the text of one JSON object; empty = none. They
  // are written back unchanged and are not part of a field's equality.
  std::string other_members = {};
  friend bool operator==(const Field& a, const Field& b) {
    return a.id == b.id && a.name == b.name && a.type == b.type && a.required == b.required &&
           a.doc == b.doc && a.initial_default == b.initial_default &&
           a.write_default == b.write_default;
  }
};

inline constexpr int kColumnIdMax = 2'147'483'447;  // greater ids are metadata columns
inline constexpr int kPartitionFieldIdMin = 1000;

// Hidden columns, stored beside the declared ones and excluded from every content digest.
inline constexpr std::string_view kRecordColumn = "_record";  // long: the raw record behind the row
inline constexpr std::string_view kIngestedAtColumn = "_ingested_at";  // timestamptz
inline constexpr std::string_view kCommitSeqColumn =
    "_commit_seq";  // long; null = the file's own commit
inline constexpr std::string_view kUnknownColumn = "_unknown";  // string: JSON of unknown fields
inline bool IsHidden(std::string_view column) { return !column.empty() && column[0] == '_'; }

struct Schema {
  int schema_id = 0;
  std::vector<Field> fields;
  std::vector<int> identifier_field_ids;

  const Field* Find(std::string_view name) const;
  const Field* FindById(int id) const;
  nlohmann::json ToJson() const;
  static Result<Schema> FromJson(const nlohmann::json& json);
  // The Arrow schema, with "PARQUET:field_id" in each field's metadata, as parquet.h requires.
  Result<std::shared_ptr<arrow::Schema>> ToArrow() const;
  // Assigns the ids 1, 2, … in order. timestamp[us, UTC] becomes timestamptz. kInvalidInput
  // (WH7055) for types that Iceberg version 2 lacks.
  static Result<Schema> FromArrow(const arrow::Schema& schema);
};
// The field with `id` at any depth.
std::optional<Field> FindAtAnyDepth(const Schema& schema, int id);
Result<Type> TypeOfArrow(const arrow::DataType& type);
Result<std::shared_ptr<arrow::DataType>> ArrowTypeOf(const Type& type);

// Evolves `current` to `proposed`, with field ids matched by name. Allowed changes: a new optional
// field, int→long, float→double, a wider decimal of equal scale, doc. Anything else is
// kContractRefused naming the field. Returns `current` evolved: old ids kept, new ids from
// `last_column_id` + 1, a new schema_id.
Result<Schema> EvolveSchema(const Schema& current, const Schema& proposed, int last_column_id);

struct PartitionField {
  int source_id = 0;
  int field_id = 0;  // from 1000
  std::string name;  // "arrived_at_month"
  // identity | bucket[N] | truncate[W] | year | month | day | hour | void; any other transform is
  // kept as it is, and its values are read but not written.
  std::string transform;
  friend bool operator==(const PartitionField&, const PartitionField&) = default;
};
struct PartitionSpec {
  int spec_id = 0;
  std::vector<PartitionField> fields;
  friend bool operator==(const PartitionSpec&, const PartitionSpec&) = default;
};
// Parses partition expressions ("month(arrived_at)", "day(x)", "origin") into a spec over `schema`.
// kInvalidInput (WH7056) naming the expression.
Result<PartitionSpec> ParsePartitioning(const std::vector<std::string>& expressions,
                                        const Schema& schema);

struct SortField {
  int source_id = 0;
  bool ascending = true;
  bool nulls_first = true;
  std::string transform = "identity";
  friend bool operator==(const SortField&, const SortField&) = default;
};
struct SortOrder {
  int order_id = 0;  // 0 = unsorted
  std::vector<SortField> fields;
  friend bool operator==(const SortOrder&, const SortOrder&) = default;
};
}  // namespace weirhouse::iceberg

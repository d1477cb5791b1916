// Iceberg schemas, partition specs and their JSON (Iceberg spec, "Schemas and Data Types",
// "Partitioning").
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
  // Format version 3: what a column has in rows written before it existed, and in rows that leave
  // it out. JSON text; empty = none.
  std::string initial_default = {};
  std::string write_default = {};
  // Members that the specification we know does not name, as one JSON object's text; empty = none. They
  // are written back as they were read, and tell nothing about the field: no part of its equality.
  std::string other_members = {};
  friend bool operator==(const Field& a, const Field& b) {
    return a.id == b.id && a.name == b.name && a.type == b.type && a.required == b.required &&
           a.doc == b.doc && a.initial_default == b.initial_default &&
           a.write_default == b.write_default;
  }
};

inline constexpr int kColumnIdMax = 2'147'483'447;  // above it lie the ids of metadata columns
inline constexpr int kPartitionFieldIdMin = 1000;

// Columns kept beside the declared ones; outside every content digest.
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
  // With "PARQUET:field_id" in each field's metadata, as ground/platform/columnar/parquet.h wants
  // it.
  Result<std::shared_ptr<arrow::Schema>> ToArrow() const;
  // Ids 1, 2, … in order. timestamp[us, UTC] → timestamptz. Refuses types Iceberg v2 does not know.
  static Result<Schema> FromArrow(const arrow::Schema& schema);
};
// The field with `id` at any depth.
std::optional<Field> FindAtAnyDepth(const Schema& schema, int id);
Result<Type> TypeOfArrow(const arrow::DataType& type);
Result<std::shared_ptr<arrow::DataType>> ArrowTypeOf(const Type& type);

// How `proposed` differs from `current`, field ids aligned by name: additive changes pass (new
// optional field, int→long, float→double, wider decimal of equal scale, doc); anything else is
// kContractRefused naming the field. On success returns `current` evolved: old ids kept, new ids
// from `last_column_id` + 1, a new schema_id.
Result<Schema> EvolveSchema(const Schema& current, const Schema& proposed, int last_column_id);

struct PartitionField {
  int source_id = 0;
  int field_id = 0;  // from 1000
  std::string name;  // "arrived_at_month"
  // identity | bucket[N] | truncate[W] | year | month | day | hour | void; another word is kept as
  // it is, and its values are read but not written.
  std::string transform;
  friend bool operator==(const PartitionField&, const PartitionField&) = default;
};
struct PartitionSpec {
  int spec_id = 0;
  std::vector<PartitionField> fields;
  friend bool operator==(const PartitionSpec&, const PartitionSpec&) = default;
};
// "month(arrived_at)", "day(x)", "origin" → fields of a spec over `schema`.
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

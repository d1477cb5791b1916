#include "ground/iceberg/write/reshape.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace weirhouse::iceberg {
namespace {

Schema InPlaceOf(const Schema& current, const Schema& proposed, int last_column_id) {
  Schema made;
  for (const Field& wanted : proposed.fields) {
    const Field* now = current.Find(wanted.name);
    Field field = wanted;
    bool keeps = false;
    if (now != nullptr) {
      const auto evolved = EvolveSchema({0, {*now}, {}}, {0, {wanted}, {}}, last_column_id);
      keeps = evolved.ok();
      if (keeps) field = evolved->fields.front();
    }
    if (!keeps) field.id = ++last_column_id;
    made.fields.push_back(std::move(field));
  }
  return made;
}

void TakeSchema(TableMetadata& next, Schema schema) {
  int greatest_id = 0;
  for (const Schema& known : next.schemas) {
    greatest_id = std::max(greatest_id, known.schema_id);
    if (known.fields != schema.fields) continue;
    next.current_schema_id = known.schema_id;
    return;
  }
  schema.schema_id = greatest_id + 1;
  for (const Field& field : schema.fields)
    next.last_column_id = std::max(next.last_column_id, field.id);
  next.current_schema_id = schema.schema_id;
  next.schemas.push_back(std::move(schema));
}

bool SameField(const PartitionField& a, const PartitionField& b) {
  return a.source_id == b.source_id && a.transform == b.transform && a.name == b.name;
}

bool SameSpec(const PartitionSpec& a, const PartitionSpec& b) {
  return std::equal(a.fields.begin(), a.fields.end(), b.fields.begin(), b.fields.end(), SameField);
}

// Adds the spec under the id of an equal one if there is one, and each field under the id of an
// equal field.
void TakeSpec(TableMetadata& next, PartitionSpec spec) {
  int greatest_id = 0;
  for (const PartitionSpec& known : next.specs) {
    greatest_id = std::max(greatest_id, known.spec_id);
    if (!SameSpec(known, spec)) continue;
    next.default_spec_id = known.spec_id;
    return;
  }
  for (PartitionField& field : spec.fields) {
    const PartitionField* like = nullptr;
    for (const PartitionSpec& known : next.specs) {
      for (const PartitionField& other : known.fields) {
        if (SameField(field, other)) like = &other;
      }
    }
    field.field_id = like != nullptr ? like->field_id : ++next.last_partition_id;
  }
  spec.spec_id = greatest_id + 1;
  next.default_spec_id = spec.spec_id;
  next.specs.push_back(std::move(spec));
}
}  // namespace

Result<TablePtr> Reshape(const TablePtr& base, const Schema& proposed,
                         const std::vector<std::string>& partition) {
  const int count = static_cast<int>(proposed.fields.size() + partition.size());
  if (std::max(base->last_column_id, base->last_partition_id) > kColumnIdMax - count) {
    return Status(Code::kContractRefused,
                  fmt::format("table \"{}\" has no ids left for new columns or partitions: its "
                              "last ids are {} and {}",
                              base->name, base->last_column_id, base->last_partition_id))
        .WithError("WH7054")
        .WithHint("another engine used ids at the end of the range: create the table again");
  }
  Schema schema = InPlaceOf(base->schema(), proposed, base->last_column_id);
  WEIRHOUSE_TRY(PartitionSpec spec, ParsePartitioning(partition, schema));
  if (schema.fields == base->schema().fields && SameSpec(spec, base->spec())) return base;
  auto next = std::make_shared<TableMetadata>(*base);
  TakeSchema(*next, std::move(schema));
  TakeSpec(*next, std::move(spec));
  return TablePtr(std::move(next));
}
}  // namespace weirhouse::iceberg

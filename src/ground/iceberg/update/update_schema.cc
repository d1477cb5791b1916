// Updates of schemas, partition specs and sort orders: metadata_builder.h.
#include <fmt/format.h>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/iceberg/update/metadata_builder.h"

namespace weirhouse::iceberg {
namespace {

// Clients number new columns from the last id on. Skipping more ids than this would leave none for
// the table's owner.
constexpr int kIdsSkippedMax = 1000;

// Whether a request that adds `count` columns or partition fields may name `id`.
bool IsNear(int id, int last_id, std::size_t count) {
  return id <= std::int64_t{last_id} + kIdsSkippedMax + static_cast<std::int64_t>(count);
}

// The index of the element whose id (given by `id_of`) is `id`, or -1.
template <typename T, typename IdOf>
const T* FindById(const std::vector<T>& list, int id, IdOf id_of) {
  for (const T& item : list) {
    if (id_of(item) == id) return &item;
  }
  return nullptr;
}

int IdOfSchema(const Schema& schema) { return schema.schema_id; }
int IdOfSpec(const PartitionSpec& spec) { return spec.spec_id; }
int IdOfOrder(const SortOrder& order) { return order.order_id; }

template <typename T, typename IdOf>
int NextId(const std::vector<T>& list, int first, IdOf id_of) {
  int next = first;
  for (const T& item : list) next = std::max(next, id_of(item) + 1);
  return next;
}

// Whether the specs are equal apart from the ids of spec and fields.
bool HasSameFields(const PartitionSpec& a, const PartitionSpec& b) {
  return std::equal(a.fields.begin(), a.fields.end(), b.fields.begin(), b.fields.end(),
                    [](const PartitionField& x, const PartitionField& y) {
                      return x.source_id == y.source_id && x.name == y.name &&
                             LowerCase(x.transform) == LowerCase(y.transform);
                    });
}

// `id`, the value of `key`, or, for -1, the last one added.
std::optional<int> WantedId(int id, std::string_view key, const std::optional<int>& last_added,
                            std::string_view what, RequestPlace& place) {
  if (id != kLastAdded) return id;
  if (!last_added)
    place.Refuse(key, fmt::format("is -1, but no {} was added in this request", what));
  return last_added;
}

template <typename T, typename IdOf>
bool EraseIds(std::vector<T>& list, const std::set<int>& ids, IdOf id_of) {
  return std::erase_if(list, [&](const T& item) { return ids.contains(id_of(item)); }) > 0;
}

// A partition may have a column's name only if that column is its source.
std::string WhyNotName(const PartitionField& field, const SchemaIndex& schema) {
  const IndexedColumn* column = schema.ByName(field.name);
  if (column == nullptr || column->id == field.source_id) return "";
  if (schema.ById(field.source_id) == nullptr) return "";  // of a column that is gone
  return fmt::format("partition \"{}\" has the name of a column that is not its source",
                     field.name);
}
}  // namespace

std::string WhyNotPartition(const PartitionSpec& spec, const SchemaIndex& schema) {
  for (const PartitionField& field : spec.fields) {
    if (std::string why = WhyNotName(field, schema); !why.empty()) return why;
    if (LowerCase(field.transform) == "void") continue;
    const IndexedColumn* source = schema.ById(field.source_id);
    if (source == nullptr) {
      return fmt::format("the source of partition \"{}\" is column {}, which is not in the schema",
                         field.name, field.source_id);
    }
    const std::string transform = KnownTransform(field.transform);
    // Another engine's transform is kept as it is.
    if (!transform.empty() && !CanTransform(transform, source->type)) {
      return fmt::format("partition \"{}\": {} cannot be applied to column \"{}\" of type {}",
                         field.name, field.transform, source->name, NameOf(source->type));
    }
    if (!source->only_in_structs) {
      return fmt::format(
          "the source of partition \"{}\" is column \"{}\", which is inside a list or map",
          field.name, source->name);
    }
  }
  return "";
}

std::string WhyNotSort(const SortOrder& order, const SchemaIndex& schema) {
  for (const SortField& field : order.fields) {
    const IndexedColumn* source = schema.ById(field.source_id);
    if (source == nullptr) {
      return fmt::format("the sort order names column {}, which is not in the schema",
                         field.source_id);
    }
    const std::string transform = KnownTransform(field.transform);
    if (source->type.is_nested() ||
        (!transform.empty() && !CanTransform(transform, source->type))) {
      return fmt::format("the sort order's {} cannot be applied to column \"{}\" of type {}",
                         field.transform, source->name, NameOf(source->type));
    }
  }
  return "";
}

std::string WhyNotInVersion(const Schema& schema, int format_version) {
  const SchemaIndex index(schema);
  for (const IndexedColumn& column : index.columns()) {
    if (column.type.is_nested()) continue;
    const int since = FirstVersionOf(column.type);
    if (format_version < since) {
      return fmt::format("invalid type for {}: {} is not supported until v{}", column.name,
                         NameOf(column.type), since);
    }
    if (format_version < 3 && !column.initial_default.empty()) {
      return fmt::format(
          "invalid initial default for {}: non-null default ({}) is not supported until v3",
          column.name, column.initial_default);
    }
  }
  return "";
}

const Schema* MetadataBuilder::current_schema() const {
  return FindById(next_.schemas, next_.current_schema_id, IdOfSchema);
}

void MetadataBuilder::Apply(const AddSchema& update, RequestPlace& place) {
  Schema schema = update.schema;
  if (const std::string why = WhyNotInVersion(schema, next_.format_version); !why.empty()) {
    place.Refuse("schema", why);
    return;
  }
  const SchemaIndex index(schema);
  if (!IsNear(index.greatest_id(), next_.last_column_id, index.columns().size())) {
    place.Refuse(
        "schema",
        fmt::format(
            "has the column id {}, but the last assigned id is {}: number new columns from {}",
            index.greatest_id(), next_.last_column_id, next_.last_column_id + 1));
    return;
  }
  const int greatest_id = std::max(next_.last_column_id, index.greatest_id());
  if (greatest_id != next_.last_column_id) {
    next_.last_column_id = greatest_id;
    changed_ = true;
  }
  for (const Schema& known : next_.schemas) {
    if (!SameSchema(known, schema)) continue;
    last_schema_id_ = known.schema_id;
    return;
  }
  schema.schema_id = NextId(next_.schemas, next_.current_schema_id, IdOfSchema);
  last_schema_id_ = schema.schema_id;
  next_.schemas.push_back(std::move(schema));
  changed_ = true;
}

void MetadataBuilder::Apply(const SetCurrentSchema& update, RequestPlace& place) {
  const std::optional<int> id =
      WantedId(update.schema_id, "schema-id", last_schema_id_, "schema", place);
  if (!id) return;
  const Schema* schema = FindById(next_.schemas, *id, IdOfSchema);
  if (schema == nullptr) {
    place.Refuse("schema-id", fmt::format("is {}, but the table has no such schema", *id));
    return;
  }
  if (next_.current_schema_id == *id) return;
  // Old specs need not match the new schema, but a new column must not take a partition's name.
  const SchemaIndex index(*schema);
  for (const PartitionSpec& spec : next_.specs) {
    for (const PartitionField& field : spec.fields) {
      if (const std::string why = WhyNotName(field, index); !why.empty()) {
        place.Refuse("schema-id", why);
        return;
      }
    }
  }
  next_.current_schema_id = *id;
  changed_ = true;
}

void MetadataBuilder::Apply(const RemoveSchemas& update, RequestPlace& place) {
  const std::set<int> ids(update.schema_ids.begin(), update.schema_ids.end());
  if (ids.contains(next_.current_schema_id)) {
    place.Refuse("schema-ids", "names the current schema");
  }
  for (const Snapshot& snapshot : next_.snapshots) {
    if (!ids.contains(snapshot.schema_id)) continue;
    place.Refuse("schema-ids", fmt::format("names schema {}, which snapshot {} uses",
                                           snapshot.schema_id, snapshot.id.value()));
    break;
  }
  if (!place.ok()) return;
  changed_ = EraseIds(next_.schemas, ids, IdOfSchema) || changed_;
}

void MetadataBuilder::Apply(const AddSpec& update, RequestPlace& place) {
  PartitionSpec spec = update.spec;
  const Schema* schema = current_schema();
  if (schema == nullptr) {
    place.Refuse("spec", "needs a current schema to refer to");
    return;
  }
  if (const std::string why = WhyNotPartition(spec, SchemaIndex(*schema)); !why.empty()) {
    place.Refuse("spec", why);
    return;
  }
  for (const PartitionSpec& known : next_.specs) {
    if (!HasSameFields(known, spec)) continue;
    last_spec_id_ = known.spec_id;
    return;
  }
  // Fields without ids: a field that some spec already has keeps its id, the others get new ones.
  std::map<std::pair<int, std::string>, int> known_ids;
  for (const PartitionSpec& known : next_.specs) {
    for (const PartitionField& field : known.fields) {
      known_ids[{field.source_id, LowerCase(field.transform)}] = field.field_id;
    }
  }
  for (std::size_t i = 0; i < spec.fields.size(); ++i) {
    PartitionField& field = spec.fields[i];
    if (field.field_id == 0) {
      const auto it = known_ids.find({field.source_id, field.transform});
      field.field_id = it != known_ids.end() ? it->second : next_.last_partition_id + 1;
      if (it != known_ids.end()) known_ids.erase(it);
    }
    if (!IsNear(field.field_id, next_.last_partition_id, spec.fields.size())) {
      place.Refuse("spec", fmt::format("has the field id {}, but the last assigned id is {}: omit "
                                       "the ids, or continue from there",
                                       field.field_id, next_.last_partition_id));
      return;
    }
    next_.last_partition_id = std::max(next_.last_partition_id, field.field_id);
    if (next_.format_version == 1 && field.field_id != kPartitionFieldIdMin + static_cast<int>(i)) {
      place.Refuse("spec", "must number its fields from 1000 on, as tables of version 1 require");
    }
    if (next_.last_partition_id >= kColumnIdMax) {
      place.Refuse("spec", "has field ids at the end of their range");
    }
  }
  spec.spec_id = NextId(next_.specs, 0, IdOfSpec);
  last_spec_id_ = spec.spec_id;
  next_.specs.push_back(std::move(spec));
  changed_ = true;
}

void MetadataBuilder::Apply(const SetDefaultSpec& update, RequestPlace& place) {
  const std::optional<int> id =
      WantedId(update.spec_id, "spec-id", last_spec_id_, "partition spec", place);
  if (!id) return;
  if (FindById(next_.specs, *id, IdOfSpec) == nullptr) {
    place.Refuse("spec-id", fmt::format("is {}, but the table has no such partition spec", *id));
    return;
  }
  if (next_.default_spec_id == *id) return;
  next_.default_spec_id = *id;
  changed_ = true;
}

void MetadataBuilder::Apply(const RemovePartitionSpecs& update, RequestPlace& place) {
  const std::set<int> ids(update.spec_ids.begin(), update.spec_ids.end());
  if (ids.contains(next_.default_spec_id)) {
    place.Refuse("spec-ids", "names the default partition spec");
  }
  if (!place.ok()) return;
  changed_ = EraseIds(next_.specs, ids, IdOfSpec) || changed_;
}

void MetadataBuilder::Apply(const AddSortOrder& update, RequestPlace& place) {
  SortOrder order = update.order;
  const Schema* schema = current_schema();
  if (schema == nullptr) {
    place.Refuse("sort-order", "needs a current schema to refer to");
    return;
  }
  if (const std::string why = WhyNotSort(order, SchemaIndex(*schema)); !why.empty()) {
    place.Refuse("sort-order", why);
    return;
  }
  for (const SortOrder& known : next_.sort_orders) {
    if (known.fields != order.fields) continue;
    last_order_id_ = known.order_id;
    return;
  }
  order.order_id = order.fields.empty() ? 0 : NextId(next_.sort_orders, 1, IdOfOrder);
  last_order_id_ = order.order_id;
  next_.sort_orders.push_back(std::move(order));
  changed_ = true;
}

void MetadataBuilder::Apply(const SetDefaultSortOrder& update, RequestPlace& place) {
  const std::optional<int> id =
      WantedId(update.order_id, "sort-order-id", last_order_id_, "sort order", place);
  if (!id) return;
  if (FindById(next_.sort_orders, *id, IdOfOrder) == nullptr) {
    place.Refuse("sort-order-id", fmt::format("is {}, but the table has no such sort order", *id));
    return;
  }
  if (next_.default_sort_order_id == *id) return;
  next_.default_sort_order_id = *id;
  changed_ = true;
}

// The default spec and order must match the current schema, or no one could write.
void MetadataBuilder::CheckDefaults(RequestPlace& place) const {
  const Schema* schema = current_schema();
  const PartitionSpec* spec = FindById(next_.specs, next_.default_spec_id, IdOfSpec);
  const SortOrder* order = FindById(next_.sort_orders, next_.default_sort_order_id, IdOfOrder);
  if (schema == nullptr) place.Refuse("", "no schema is current: set-current-schema is missing");
  if (spec == nullptr)
    place.Refuse("",
                 "no partition spec is the default: set-default-spec is "
                 "missing");
  if (order == nullptr)
    place.Refuse("",
                 "no sort order is the default: set-default-sort-order is "
                 "missing");
  if (!place.ok()) return;
  const SchemaIndex index(*schema);
  std::string why = WhyNotPartition(*spec, index);
  if (why.empty()) why = WhyNotSort(*order, index);
  if (!why.empty()) place.Refuse("", why);
}
}  // namespace weirhouse::iceberg

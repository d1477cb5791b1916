// The metadata of a new table: metadata_update.h.
#include <fmt/format.h>

#include <charconv>

#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/update/metadata_builder.h"

namespace weirhouse::iceberg {
namespace {

constexpr int kCreatedVersionMax = 3;
constexpr std::string_view kColumnMetrics = "write.metadata.metrics.column.";

// Properties that a client may have copied from another table; the metadata holds these values
// elsewhere.
constexpr std::string_view kReserved[] = {"format-version",
                                          "uuid",
                                          "snapshot-count",
                                          "current-snapshot-id",
                                          "current-snapshot-summary",
                                          "current-schema",
                                          "default-partition-spec",
                                          "default-sort-order",
                                          "current-snapshot-timestamp-ms"};
constexpr std::string_view kWholeNumbers[] = {
    "commit.retry.num-retries", "commit.retry.min-wait-ms", "commit.retry.max-wait-ms",
    "commit.retry.total-timeout-ms"};

std::optional<int> WholeNumber(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

// Assigns new ids to all columns in the order of the reference implementation: the fields of a
// struct first, then the columns inside each of them.
class FreshIds {
 public:
  Schema Renumber(const Schema& schema) {
    Schema fresh;
    fresh.schema_id = 0;
    fresh.fields = schema.fields;
    RenumberAll(fresh.fields);
    for (const int id : schema.identifier_field_ids) {
      fresh.identifier_field_ids.push_back(of_old_.at(id));
    }
    return fresh;
  }
  // The new id of a column.
  std::optional<int> Of(int old_id) const {
    const auto it = of_old_.find(old_id);
    return it == of_old_.end() ? std::nullopt : std::optional(it->second);
  }
  int last() const { return last_; }

 private:
  int Next(int old_id) { return of_old_[old_id] = ++last_; }

  void RenumberAll(std::vector<Field>& fields) {
    for (Field& field : fields) field.id = Next(field.id);
    for (Field& field : fields) RenumberInside(field.type);
  }

  void RenumberInside(Type& type) {
    if (!type.is_nested()) return;
    std::vector<Field> fields = type.fields();
    RenumberAll(fields);
    if (type.kind() == TypeKind::kStruct) {
      type = Type::Struct(std::move(fields));
    } else if (type.kind() == TypeKind::kList) {
      type = Type::List(std::move(fields[0]));
    } else {
      type = Type::Map(std::move(fields[0]), std::move(fields[1]));
    }
  }

  std::map<int, int> of_old_;
  int last_ = 0;
};

int FormatVersionIn(const std::map<std::string, std::string>& properties, RequestPlace& place) {
  const auto it = properties.find("format-version");
  if (it == properties.end()) return 2;
  const std::optional<int> version = WholeNumber(it->second);
  if (!version || *version < 1) {
    place.Refuse("properties.format-version", "must be 1, 2 or 3");
  } else if (*version > kCreatedVersionMax) {
    place.Fail(
        Status(Code::kInvalidInput, fmt::format("{}: tables of format version {} are not supported",
                                                place.context, *version))
            .WithError("WH7068")
            .WithHint("use format version 2"));
  }
  return version.value_or(2);
}

void CheckProperties(RequestPlace& place, const std::map<std::string, std::string>& properties,
                     const Schema& schema) {
  for (const std::string_view key : kWholeNumbers) {
    const auto it = properties.find(std::string(key));
    if (it == properties.end() || WholeNumber(it->second)) continue;
    place.Refuse(fmt::format("properties.{}", key), "must be a whole number that is not negative");
  }
  if (properties.contains("encryption.key-id")) {
    place.Fail(NotEncryptedHere(place));
  }
  const SchemaIndex index(schema);
  for (const auto& [key, value] : properties) {
    if (key.substr(0, kColumnMetrics.size()) != kColumnMetrics) continue;
    const std::string column = key.substr(kColumnMetrics.size());
    if (index.ByName(column) == nullptr) {
      place.Refuse(fmt::format("properties.{}", key), "names a column that is not in the schema");
    }
  }
}

void RemapSources(RequestPlace& place, const FreshIds& ids, PartitionSpec& spec, SortOrder& order) {
  int field_id = kPartitionFieldIdMin;
  for (PartitionField& field : spec.fields) {
    const std::optional<int> source = ids.Of(field.source_id);
    if (!source) {
      place.Refuse("partition-spec",
                   fmt::format("names column {}, which is not in the schema", field.source_id));
    }
    field.source_id = source.value_or(0);
    field.field_id = field_id++;
  }
  for (SortField& field : order.fields) {
    const std::optional<int> source = ids.Of(field.source_id);
    if (!source) {
      place.Refuse("write-order",
                   fmt::format("names column {}, which is not in the schema", field.source_id));
    }
    field.source_id = source.value_or(0);
  }
}

// Sets the wanted schema, spec and order with new ids.
void NumberShape(const WantedTable& wanted, TableMetadata& metadata, RequestPlace& place) {
  PartitionSpec spec = wanted.spec;
  SortOrder order = wanted.order;
  CheckProperties(place, metadata.properties, wanted.schema);
  FreshIds ids;
  Schema schema = ids.Renumber(wanted.schema);
  RemapSources(place, ids, spec, order);
  if (const std::string why = WhyNotInVersion(schema, metadata.format_version); !why.empty()) {
    place.Refuse("schema", why);
  }
  if (!place.ok()) return;
  const SchemaIndex index(schema);
  if (const std::string why = WhyNotPartition(spec, index); !why.empty()) {
    place.Refuse("partition-spec", why);
  }
  if (const std::string why = WhyNotSort(order, index); !why.empty()) {
    place.Refuse("write-order", why);
  }
  spec.spec_id = 0;
  order.order_id = order.fields.empty() ? 0 : 1;
  metadata.last_column_id = ids.last();
  metadata.schemas = {std::move(schema)};
  metadata.last_partition_id = kPartitionFieldIdMin + static_cast<int>(spec.fields.size()) - 1;
  metadata.specs = {std::move(spec)};
  metadata.default_sort_order_id = order.order_id;
  metadata.sort_orders = {std::move(order)};
}
}  // namespace

Result<TableMetadata> MakeTableMetadata(const WantedTable& wanted, const std::string& name,
                                        Random& random, ProcessTime now) {
  WEIRHOUSE_CHECK(wanted.location.has_value());
  RequestPlace place(kTableWords, fmt::format("new table \"{}\"", name));
  TableMetadata metadata;
  metadata.name = name;
  metadata.location = LocalPath(*wanted.location);
  while (metadata.location.size() > 1 && metadata.location.back() == '/') {
    metadata.location.pop_back();
  }
  metadata.properties["write.parquet.compression-codec"] = "zstd";
  for (const auto& [key, value] : wanted.properties) metadata.properties[key] = value;
  metadata.format_version = FormatVersionIn(metadata.properties, place);
  if (place.ok()) NumberShape(wanted, metadata, place);
  WEIRHOUSE_TRY_STATUS(place.status);
  for (const std::string_view key : kReserved) metadata.properties.erase(std::string(key));
  if (metadata.format_version >= 3) metadata.other_keys["next-row-id"] = "0";
  metadata.uuid = random.Uuid4();
  metadata.last_updated_ms = Micros(now) / 1000;
  return metadata;
}
}  // namespace weirhouse::iceberg

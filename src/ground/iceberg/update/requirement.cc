// What a client wants to be true of a table before its updates apply: metadata_update.h.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/iceberg/type/update_json.h"
#include "ground/iceberg/update/metadata_update.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;

// Says that a requirement does not hold, in the words that Java's clients and their tests look for.
void NotMet(JsonPlace& place, std::string_view why) {
  place.Fail(Status(Code::kConflict, Clipped(fmt::format("Requirement failed: {}", why)))
                 .WithError("WH7066")
                 .WithHint("load the table again and repeat the change on its new state"));
}

void CheckUuid(const TableMetadata& table, JsonFields& json) {
  const std::string uuid = json.Text("uuid");
  if (json.place().ok() && LowerCase(uuid) != LowerCase(table.uuid)) {
    NotMet(json.place(),
           fmt::format("UUID does not match: expected {}, the table's is {}", uuid, table.uuid));
  }
}

void CheckRef(const TableMetadata& table, JsonFields& json) {
  const std::string name = json.Text("ref");
  const std::optional<std::int64_t> id =
      json.OptionalLong("snapshot-id", std::numeric_limits<std::int64_t>::min());
  if (!json.place().ok()) return;
  const auto it = table.refs.find(name);
  if (it == table.refs.end()) {
    if (!id) return;
    NotMet(json.place(), fmt::format("branch or tag {} is missing, expected {}", name, *id));
    return;
  }
  const SnapshotRef& ref = it->second;
  if (!id) {
    NotMet(json.place(), fmt::format("{} {} was created concurrently", ref.type, name));
  } else if (*id != ref.snapshot.value()) {
    NotMet(json.place(), fmt::format("{} {} has changed: expected id {}, it is at {}", ref.type,
                                     name, *id, ref.snapshot.value()));
  }
}

struct NumberRequirement {
  std::string_view type;
  const char* key;
  std::string_view what;
  int TableMetadata::* member;
};
constexpr NumberRequirement kNumbers[] = {
    {"assert-last-assigned-field-id", "last-assigned-field-id", "last assigned field id",
     &TableMetadata::last_column_id},
    {"assert-last-assigned-partition-id", "last-assigned-partition-id",
     "last assigned partition id", &TableMetadata::last_partition_id},
    {"assert-current-schema-id", "current-schema-id", "current schema",
     &TableMetadata::current_schema_id},
    {"assert-default-spec-id", "default-spec-id", "default partition spec",
     &TableMetadata::default_spec_id},
    {"assert-default-sort-order-id", "default-sort-order-id", "default sort order",
     &TableMetadata::default_sort_order_id},
};

void CheckNumber(const TableMetadata& table, const NumberRequirement& requirement,
                 JsonFields& json) {
  const int wanted = json.Int(requirement.key, std::numeric_limits<int>::min());
  if (!json.place().ok() || wanted == table.*requirement.member) return;
  NotMet(json.place(), fmt::format("{} changed: expected id {}, it is {}", requirement.what, wanted,
                                   table.*requirement.member));
}

void CheckMember(const TableMetadata& table, const std::string& type, JsonFields& json) {
  if (type == "assert-table-uuid") return CheckUuid(table, json);
  if (type == "assert-ref-snapshot-id") return CheckRef(table, json);
  for (const NumberRequirement& requirement : kNumbers) {
    if (requirement.type == type) return CheckNumber(table, requirement, json);
  }
  json.place().Refuse("type", fmt::format("is no requirement of a table: \"{}\"", type));
}

void CheckOne(const TableMetadata* current, const std::string& type, std::size_t count,
              JsonFields& json) {
  JsonPlace& place = json.place();
  if (type == "assert-create") {
    if (count > 1) {
      place.Refuse("type", "is assert-create, which must be the only requirement");
    } else if (current != nullptr) {
      NotMet(place, "table already exists");
    }
    return;
  }
  if (current != nullptr) return CheckMember(*current, type, json);
  // A malformed one is refused even so; of a table that is not there nothing else holds.
  CheckMember(TableMetadata{}, type, json);
  if (!place.ok() && place.status.code() != Code::kConflict) return;
  place.status = Status::Ok();
  NotMet(place, "table does not exist");
}
}  // namespace

Status CheckRequirements(const TableMetadata* current, const Json& requirements) {
  try {
    JsonPlace list{"requirements"};
    if (!requirements.is_array()) list.Refuse("", "must be an array");
    if (requirements.size() > static_cast<std::size_t>(kRequestItemsMax)) {
      list.Refuse("", fmt::format("there are more than {}", kRequestItemsMax));
    }
    WEIRHOUSE_TRY_STATUS(list.status);
    int ordinal = 0;
    Status unmet;
    for (const Json& requirement : requirements) {
      JsonPlace place{fmt::format("requirement {}", ++ordinal)};
      JsonFields fields(place, requirement, "");
      const std::string type = LowerCase(fields.Text("type"));
      if (place.ok()) CheckOne(current, type, requirements.size(), fields);
      // A malformed one further on is said first: repeating such a request is of no use.
      if (!place.ok() && place.status.code() != Code::kConflict) return place.status;
      if (unmet.ok()) unmet = place.status;
    }
    return unmet;
  } catch (const Json::exception& error) {
    return Status(Code::kInternal,
                  fmt::format("a requirement could not be read: {}", error.what()));
  }
}
}  // namespace weirhouse::iceberg

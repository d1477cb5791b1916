#include "ground/iceberg/update/requirement_json.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "ground/base/ascii.h"
#include "ground/base/request/json_members.h"
#include "ground/base/text.h"

namespace weirhouse::iceberg {
namespace {

int AnyId(JsonFields& json, const char* key) {
  return json.Int(key, std::numeric_limits<int>::min());
}

Requirement ReadRequirement(JsonFields& json, const std::string& type, std::size_t count) {
  if (type == "assert-create") {
    if (count > 1)
      json.place().Refuse("type", "is assert-create, which must be the only requirement");
    return AssertCreate{};
  }
  if (type == "assert-table-uuid") return AssertTableUuid{json.Text("uuid")};
  if (type == "assert-ref-snapshot-id") {
    AssertRefSnapshotId ref{json.Text("ref"), {}};
    if (const auto id =
            json.OptionalLong("snapshot-id", std::numeric_limits<std::int64_t>::min())) {
      ref.snapshot = SnapshotId(*id);
    }
    return ref;
  }
  if (type == "assert-last-assigned-field-id") {
    return AssertLastAssignedFieldId{AnyId(json, "last-assigned-field-id")};
  }
  if (type == "assert-current-schema-id") {
    return AssertCurrentSchemaId{AnyId(json, "current-schema-id")};
  }
  if (type == "assert-last-assigned-partition-id") {
    return AssertLastAssignedPartitionId{AnyId(json, "last-assigned-partition-id")};
  }
  if (type == "assert-default-spec-id") return AssertDefaultSpecId{AnyId(json, "default-spec-id")};
  if (type == "assert-default-sort-order-id") {
    return AssertDefaultSortOrderId{AnyId(json, "default-sort-order-id")};
  }
  json.place().Refuse("type", fmt::format("is not a requirement of a table: \"{}\"", type));
  return AssertCreate{};  // refused
}
}  // namespace

Result<std::vector<Requirement>> ParseRequirements(const nlohmann::json& requirements) {
  RequestPlace list(kTableWords, "requirements");
  if (!requirements.is_array()) list.Refuse("", "must be an array");
  if (requirements.size() > static_cast<std::size_t>(kRequestItemsMax)) {
    list.Refuse("", fmt::format("must have at most {} elements", kRequestItemsMax));
  }
  WEIRHOUSE_TRY_STATUS(list.status);
  std::vector<Requirement> read;
  for (const nlohmann::json& requirement : requirements) {
    RequestPlace place(kTableWords, fmt::format("requirement {}", read.size() + 1));
    JsonFields fields(place, requirement, "");
    const std::string type = LowerCase(fields.Text("type"));
    if (place.ok()) read.push_back(ReadRequirement(fields, type, requirements.size()));
    WEIRHOUSE_TRY_STATUS(place.status);
  }
  return read;
}
}  // namespace weirhouse::iceberg

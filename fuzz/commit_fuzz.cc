// What a REST client sends to change a table: no bytes may crash its reading, and metadata that
// came of it can be written and read again. The first byte chooses the table: none (a creation by
// updates), one with some history, or the request that creates one.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "ground/base/random.h"
#include "ground/iceberg/table.h"
#include "ground/iceberg/update/metadata_update.h"
#include "ground/iceberg/update/requirement_json.h"
#include "ground/iceberg/update/update_json.h"

namespace {

using Json = nlohmann::json;
using weirhouse::Code;
using weirhouse::iceberg::TableMetadata;
using weirhouse::iceberg::UpdatedMetadata;

constexpr auto kNow = weirhouse::ProcessTimeOfMicros(1'700'000'000'000'000);

weirhouse::Result<UpdatedMetadata> Apply(const TableMetadata* base, const Json& updates) {
  WEIRHOUSE_TRY(const auto read, weirhouse::iceberg::ParseUpdates(updates));
  return weirhouse::iceberg::ApplyUpdates(base, "a.b", read, kNow);
}

weirhouse::Status Check(const TableMetadata* base, const Json& requirements) {
  WEIRHOUSE_TRY(const auto read, weirhouse::iceberg::ParseRequirements(requirements));
  return weirhouse::iceberg::CheckRequirements(base, read);
}

weirhouse::Result<TableMetadata> Make(const Json& request) {
  WEIRHOUSE_TRY(auto wanted, weirhouse::iceberg::ParseWantedTable(request, "a.b"));
  if (!wanted.location) wanted.location = "/t";
  weirhouse::SeededRandom random(1);
  return weirhouse::iceberg::MakeTableMetadata(wanted, "a.b", random, kNow);
}

const TableMetadata& Lived() {
  static const TableMetadata table = [] {
    const Json updates = Json::parse(R"([
      {"action": "assign-uuid", "uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1"},
      {"action": "add-schema", "schema": {"type": "struct", "fields": [
        {"id": 1, "name": "id", "required": true, "type": "long"},
        {"id": 2, "name": "at", "required": false, "type": "timestamptz"},
        {"id": 3, "name": "l", "required": false, "type": {"type": "list", "element-id": 4,
          "element-required": false, "element": "string"}}]}},
      {"action": "set-current-schema", "schema-id": -1},
      {"action": "add-spec", "spec": {"fields": [
        {"source-id": 2, "field-id": 1000, "name": "m", "transform": "month"}]}},
      {"action": "set-default-spec", "spec-id": -1},
      {"action": "set-location", "location": "/t"},
      {"action": "add-snapshot", "snapshot": {"snapshot-id": 1, "sequence-number": 1,
        "timestamp-ms": 1, "manifest-list": "/m", "summary": {"operation": "append"}}},
      {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 1},
      {"action": "add-snapshot", "snapshot": {"snapshot-id": 2, "parent-snapshot-id": 1,
        "sequence-number": 2, "timestamp-ms": 2, "manifest-list": "/m2",
        "summary": {"operation": "append"}}},
      {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 2}
    ])");
    return Apply(nullptr, updates).value().metadata;
  }();
  return table;
}

void CheckWritable(const TableMetadata& metadata) {
  const std::string text = weirhouse::iceberg::SerializeTableMetadata(metadata);
  const auto again = weirhouse::iceberg::ParseTableMetadata(text, "a.b", "/m.metadata.json");
  WEIRHOUSE_CHECK(again.ok());
  WEIRHOUSE_CHECK(weirhouse::iceberg::SerializeTableMetadata(*again) == text);
}

void CheckRefusal(const weirhouse::Status& status) {
  WEIRHOUSE_CHECK(status.code() == Code::kInvalidInput || status.code() == Code::kConflict);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return 0;
  if (data[0] % 3 == 2) {
    const auto made = Make(json);
    made.ok() ? CheckWritable(*made) : CheckRefusal(made.status());
    return 0;
  }
  const TableMetadata* base = data[0] % 3 == 1 ? &Lived() : nullptr;
  const auto member = [&json](const char* key) {
    return json.is_object() && json.contains(key) ? json[key] : json;
  };
  if (const auto status = Check(base, member("requirements")); !status.ok()) CheckRefusal(status);
  const auto updated = Apply(base, member("updates"));
  updated.ok() ? CheckWritable(updated->metadata) : CheckRefusal(updated.status());
  return 0;
}

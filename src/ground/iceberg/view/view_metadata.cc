#include "ground/iceberg/view/view_metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/iceberg/type/schema.h"
#include "ground/iceberg/view/view_update_json.h"

namespace weirhouse::iceberg {
namespace {
using Json = nlohmann::json;

Status Invalid(std::string message) {
  return Status(Code::kInvalidInput, std::move(message)).WithError("WH7108");
}

std::vector<std::string> DialectsOf(const Json& version) {
  std::set<std::string> dialects;
  for (const Json& one : version.at("representations")) {
    dialects.insert(LowerCase(one.at("dialect").get<std::string>()));
  }
  return {dialects.begin(), dialects.end()};
}

bool HasFieldsOf(const Schema& a, const Schema& b) {
  return a.fields == b.fields && a.identifier_field_ids == b.identifier_field_ids;
}

// Whether the versions are equal apart from id, time and the schema's index in its list.
bool SameVersion(const Json& a, const Json& b) {
  const auto part = [](const Json& version, const char* key) {
    const auto value = version.find(key);
    return value == version.end() ? Json() : *value;
  };
  for (const char* key :
       {"summary", "representations", "default-catalog", "default-namespace", "schema-id"}) {
    if (part(a, key) != part(b, key)) return false;
  }
  return true;
}

// ---- Building
class ViewBuilder {
 public:
  ViewBuilder(Json base, ProcessTime now) : view_(std::move(base)), now_ms_(Micros(now) / 1000) {
    for (const char* list : {"schemas", "versions", "version-log"}) {
      if (!view_.contains(list)) view_[list] = Json::array();
    }
    if (!view_.contains("properties")) view_["properties"] = Json::object();
    if (const Json* current = FindVersion(view_.value("current-version-id", kLastAdded))) {
      former_ = *current;
    }
  }

  Status Apply(const ViewUpdate& update) {
    return std::visit([this](const auto& one) { return Apply(one); }, update);
  }

  // Adds a schema unless an equal one exists; returns its id.
  Result<int> AddSchema(const ViewSchema& wanted);
  Status Apply(const AddViewVersion& update);
  Status Apply(const SetCurrentViewVersion& update);
  Result<Json> Finish();

 private:
  Status Apply(const AssignUuid& update);
  Status Apply(const UpgradeFormatVersion& update);
  Status Apply(const SetLocation& update);
  Status Apply(const SetProperties& update);
  Status Apply(const RemoveProperties& update);
  Status Apply(const AddViewSchema& update) { return AddSchema(update.schema).status(); }
  Status CheckDialects() const;
  Status Expire();

  const Json* FindVersion(int id) const {
    for (const Json& version : view_["versions"]) {
      if (version.value("version-id", 0) == id) return &version;
    }
    return nullptr;
  }
  bool HasSchema(int id) const {
    return std::any_of(view_["schemas"].begin(), view_["schemas"].end(),
                       [&](const Json& schema) { return schema.value("schema-id", 0) == id; });
  }

  Json view_;
  std::int64_t now_ms_;
  Json former_;  // the current version before this request; null for a new view
  std::optional<int> last_schema_;
  std::optional<int> last_version_;
  std::set<int> added_versions_;
  Json log_entry_;  // one entry for the whole request: its final version
};

Status ViewBuilder::Apply(const AssignUuid& update) {
  if (view_.contains("view-uuid") && view_["view-uuid"] != update.uuid) {
    return Invalid("Cannot reassign uuid");
  }
  view_["view-uuid"] = update.uuid;
  return Status();
}

Status ViewBuilder::Apply(const UpgradeFormatVersion& update) {
  const std::int64_t version = update.format_version;
  const std::int64_t now = view_.value("format-version", kViewFormatVersion);
  if (version < now) return Invalid(fmt::format("Cannot downgrade v{} view to v{}", now, version));
  if (version > kViewFormatVersion) {
    return Invalid(fmt::format("format version {} of views is not supported: the latest one is {}",
                               version, kViewFormatVersion));
  }
  return Status();
}

Status ViewBuilder::Apply(const SetLocation& update) {
  view_["location"] = update.location;
  return Status();
}

Status ViewBuilder::Apply(const SetProperties& update) {
  for (const auto& [key, value] : update.updates) view_["properties"][key] = value;
  return Status();
}

Status ViewBuilder::Apply(const RemoveProperties& update) {
  for (const std::string& key : update.removals) view_["properties"].erase(key);
  return Status();
}

Result<int> ViewBuilder::AddSchema(const ViewSchema& wanted) {
  int id = 0;
  for (const Json& known : view_["schemas"]) {
    WEIRHOUSE_TRY(const Schema schema, ParseViewSchema(known));
    if (HasFieldsOf(schema, wanted.schema)) {
      last_schema_ = schema.schema_id;
      return schema.schema_id;
    }
    id = std::max(id, schema.schema_id + 1);
  }
  Json schema = Json::parse(wanted.json, nullptr, /*allow_exceptions=*/false);
  schema["schema-id"] = id;
  view_["schemas"].push_back(std::move(schema));
  last_schema_ = id;
  return id;
}

Status ViewBuilder::Apply(const AddViewVersion& update) {
  Json version = JsonOf(update.version);
  if (update.version.schema_id == kLastAdded) {
    if (!last_schema_) return Invalid("Cannot set last added schema: no schema has been added");
    version["schema-id"] = *last_schema_;
  }
  if (!HasSchema(version["schema-id"].get<int>())) {
    return Invalid(
        fmt::format("Cannot add version with unknown schema: {}", version["schema-id"].get<int>()));
  }
  int id = std::max(update.version.version_id, 1);
  for (const Json& known : view_["versions"]) {
    const int known_id = known.at("version-id").get<int>();
    if (SameVersion(known, version)) {
      last_version_ = known_id;
      return Status();
    }
    id = std::max(id, known_id + 1);
  }
  if (view_["versions"].size() >= kViewVersionsMax) {
    return Invalid(fmt::format("a view has at most {} versions", kViewVersionsMax));
  }
  version["version-id"] = id;
  view_["versions"].push_back(std::move(version));
  added_versions_.insert(id);
  last_version_ = id;
  return Status();
}

Status ViewBuilder::Apply(const SetCurrentViewVersion& update) {
  int id = update.version_id;
  if (id == kLastAdded) {
    if (!last_version_) {
      return Invalid("Cannot set last version id: no current version id has been set");
    }
    id = *last_version_;
  }
  const Json* version = FindVersion(id);
  if (version == nullptr) {
    return Invalid(fmt::format("Cannot set current version to unknown version: {}", id));
  }
  if (view_.value("current-version-id", kLastAdded) == id) return Status();
  view_["current-version-id"] = id;
  // A version that was current before becomes current again now.
  const std::int64_t at =
      added_versions_.contains(id) ? version->at("timestamp-ms").get<std::int64_t>() : now_ms_;
  log_entry_ = {{"timestamp-ms", at}, {"version-id", id}};
  return Status();
}

Status ViewBuilder::CheckDialects() const {
  if (former_.is_null()) return Status();
  const Json& properties = view_["properties"];
  const auto allowed = properties.find("replace.drop-dialect.allowed");
  if (allowed != properties.end() && LowerCase(allowed->get<std::string>()) == "true")
    return Status();
  const auto before = DialectsOf(former_);
  const auto after = DialectsOf(*FindVersion(view_["current-version-id"].get<int>()));
  if (std::includes(after.begin(), after.end(), before.begin(), before.end())) return Status();
  return Invalid(
      fmt::format("Cannot replace view due to loss of view dialects "
                  "(replace.drop-dialect.allowed=false):\nPrevious dialects: [{}]\nNew dialects: "
                  "[{}]",
                  Join(before, ", "), Join(after, ", ")));
}

// Keeps the latest versions by id, those of this request and the current one; the log is cut before
// its last entry that names a removed version.
Status ViewBuilder::Expire() {
  int kept_max = kViewVersionsKept;
  const auto set = view_["properties"].find("version.history.num-entries");
  if (set != view_["properties"].end()) {
    const std::string text = set->get<std::string>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), kept_max);
    if (error != std::errc() || end != text.data() + text.size() || kept_max <= 0) {
      return Invalid(fmt::format("version.history.num-entries must be positive but was {}", text));
    }
  }
  std::set<int> must = added_versions_;
  const int current = view_["current-version-id"].get<int>();
  must.insert(current);
  const std::size_t keep = std::max(must.size(), static_cast<std::size_t>(kept_max));
  if (view_["versions"].size() <= keep) return Status();
  std::vector<int> ids;
  for (const Json& version : view_["versions"]) ids.push_back(version.at("version-id").get<int>());
  std::sort(ids.rbegin(), ids.rend());
  std::set<int> kept{current};
  for (const int id : ids) {
    if (kept.size() == keep) break;
    kept.insert(id);
  }
  Json versions = Json::array();
  for (Json& version : view_["versions"]) {
    if (kept.contains(version.at("version-id").get<int>())) versions.push_back(std::move(version));
  }
  view_["versions"] = std::move(versions);
  Json log = Json::array();
  for (const Json& entry : view_["version-log"]) {
    if (!kept.contains(entry.at("version-id").get<int>())) {
      log.clear();
    } else {
      log.push_back(entry);
    }
  }
  view_["version-log"] = std::move(log);
  return Status();
}

Result<Json> ViewBuilder::Finish() {
  view_["format-version"] = kViewFormatVersion;
  if (!view_.contains("location")) return Invalid("Invalid location: null");
  if (view_["versions"].empty()) return Invalid("Invalid view: no versions were added");
  if (!view_.contains("current-version-id")) return Invalid("a view has no current version");
  if (!log_entry_.is_null()) view_["version-log"].push_back(log_entry_);
  WEIRHOUSE_TRY_STATUS(CheckDialects());
  WEIRHOUSE_TRY_STATUS(Expire());
  if (view_["properties"].empty()) view_.erase("properties");
  return std::move(view_);
}
}  // namespace

Result<Json> NewViewMetadata(const WantedView& wanted, const std::string& location,
                             const std::string& uuid, ProcessTime now) {
  ViewBuilder builder({{"view-uuid", uuid},
                       {"location", location},
                       {"format-version", kViewFormatVersion},
                       {"properties", wanted.properties}},
                      now);
  AddViewVersion first{wanted.version};
  WEIRHOUSE_TRY(first.version.schema_id, builder.AddSchema(wanted.schema));
  WEIRHOUSE_TRY_STATUS(builder.Apply(first));
  WEIRHOUSE_TRY_STATUS(builder.Apply(SetCurrentViewVersion{}));
  return builder.Finish();
}

Status CheckViewRequirements(const Json& base, std::span<const AssertViewUuid> requirements) {
  for (const AssertViewUuid& requirement : requirements) {
    const std::string standing = base.value("view-uuid", "");
    if (LowerCase(requirement.uuid) == LowerCase(standing)) continue;
    return Status(Code::kConflict,
                  fmt::format("Requirement failed: view UUID does not match: expected {} != {}",
                              EscapeControl(requirement.uuid), standing))
        .WithError("WH7109")
        .WithHint("load the view again");
  }
  return Status();
}

Result<Json> ApplyViewUpdates(const Json& base, std::span<const ViewUpdate> updates,
                              ProcessTime now) {
  ViewBuilder builder(base, now);
  for (const ViewUpdate& update : updates) WEIRHOUSE_TRY_STATUS(builder.Apply(update));
  return builder.Finish();
}
}  // namespace weirhouse::iceberg

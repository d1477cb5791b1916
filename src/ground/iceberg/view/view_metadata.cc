#include "ground/iceberg/view/view_metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {
namespace {
using nlohmann::json;

constexpr int kLastAddedView = -1;
constexpr int kFormatVersion = 1;
constexpr std::size_t kTextBytesMax = 1 << 20;  // of one query

Status Invalid(std::string message) {
  return Status(Code::kInvalidInput, std::move(message)).WithError("WH7108");
}

// ---- Members, typed
const json* Member(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}
Result<std::string> TextIn(const json& object, const char* key) {
  const json* value = Member(object, key);
  if (value == nullptr || !value->is_string()) {
    return Invalid(fmt::format("a view's \"{}\" must be a text", key));
  }
  if (value->get_ref<const std::string&>().size() > kTextBytesMax) {
    return Invalid(fmt::format("a view's \"{}\" is longer than 1 MiB", key));
  }
  return value->get<std::string>();
}
Result<std::int64_t> NumberIn(const json& object, const char* key) {
  const json* value = Member(object, key);
  if (value == nullptr || !value->is_number_integer() ||
      (value->is_number_unsigned() &&
       value->get<std::uint64_t>() >
           static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))) {
    return Invalid(fmt::format("a view's \"{}\" must be a whole number", key));
  }
  return value->get<std::int64_t>();
}
Result<int> IdIn(const json& object, const char* key) {
  WEIRHOUSE_TRY(const std::int64_t id, NumberIn(object, key));
  if (id < kLastAddedView || id > std::numeric_limits<int>::max() - 1) {
    return Invalid(fmt::format("a view's \"{}\" is out of range: {}", key, id));
  }
  return static_cast<int>(id);
}
Result<json> TextsIn(const json& object, const char* key) {
  const json* value = Member(object, key);
  if (value == nullptr) return json::object();
  if (!value->is_object()) return Invalid(fmt::format("a view's \"{}\" must be an object", key));
  for (const json& text : *value) {
    if (!text.is_string()) {
      return Invalid(fmt::format("a view's \"{}\" must hold texts alone", key));
    }
  }
  return *value;
}

// ---- Parts of the metadata
Result<json> RepresentationOf(const json& given) {
  WEIRHOUSE_TRY(const std::string type, TextIn(given, "type"));
  if (type != "sql") {
    return Invalid(fmt::format("Found unsupported view representations: [{}]", type));
  }
  WEIRHOUSE_TRY(const std::string sql, TextIn(given, "sql"));
  WEIRHOUSE_TRY(const std::string dialect, TextIn(given, "dialect"));
  if (dialect.empty()) return Invalid("Invalid dialect: (empty string)");
  return json{{"type", type}, {"sql", sql}, {"dialect", dialect}};
}

std::vector<std::string> DialectsOf(const json& version) {
  std::set<std::string> dialects;
  for (const json& one : version.at("representations")) {
    dialects.insert(LowerCase(one.at("dialect").get<std::string>()));
  }
  return {dialects.begin(), dialects.end()};
}

// A version with the members that the specification names and no others.
Result<json> VersionOf(const json& given) {
  json version = json::object();
  WEIRHOUSE_TRY(version["version-id"], IdIn(given, "version-id"));
  WEIRHOUSE_TRY(version["timestamp-ms"], NumberIn(given, "timestamp-ms"));
  WEIRHOUSE_TRY(version["schema-id"], IdIn(given, "schema-id"));
  WEIRHOUSE_TRY(version["summary"], TextsIn(given, "summary"));
  if (Member(given, "default-catalog") != nullptr) {
    WEIRHOUSE_TRY(version["default-catalog"], TextIn(given, "default-catalog"));
  }
  const json* name_space = Member(given, "default-namespace");
  if (name_space == nullptr || !name_space->is_array() ||
      !std::all_of(name_space->begin(), name_space->end(),
                   [](const json& level) { return level.is_string(); })) {
    return Invalid("a view's \"default-namespace\" must be a list of texts");
  }
  version["default-namespace"] = *name_space;
  const json* representations = Member(given, "representations");
  if (representations == nullptr || !representations->is_array()) {
    return Invalid("a view's \"representations\" must be a list");
  }
  json kept = json::array();
  std::set<std::string> dialects;
  for (const json& one : *representations) {
    WEIRHOUSE_TRY(json representation, RepresentationOf(one));
    const std::string dialect = LowerCase(representation["dialect"].get<std::string>());
    if (!dialects.insert(dialect).second) {
      return Invalid(
          fmt::format("Invalid view version: Cannot add multiple queries for dialect {}", dialect));
    }
    kept.push_back(std::move(representation));
  }
  version["representations"] = std::move(kept);
  return version;
}

Result<Schema> SchemaOfJson(const json& given) {
  if (!given.is_object()) return Invalid("a view's schema must be an object");
  auto schema = Schema::FromJson(given);
  if (!schema.ok()) {
    return Invalid(fmt::format("a view's schema is malformed: {}", schema.status().message()));
  }
  return schema;
}

bool HasFieldsOf(const Schema& a, const Schema& b) {
  return a.fields == b.fields && a.identifier_field_ids == b.identifier_field_ids;
}

// Equal but for id, time and the schema's place in the list of the other.
bool SameVersion(const json& a, const json& b) {
  const auto part = [](const json& version, const char* key) {
    const json* value = Member(version, key);
    return value == nullptr ? json() : *value;
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
  ViewBuilder(json base, ProcessTime now) : view_(std::move(base)), now_ms_(Micros(now) / 1000) {
    for (const char* list : {"schemas", "versions", "version-log"}) {
      if (!view_.contains(list)) view_[list] = json::array();
    }
    if (!view_.contains("properties")) view_["properties"] = json::object();
    if (const json* current = FindVersion(view_.value("current-version-id", kLastAddedView))) {
      former_ = *current;
    }
  }

  Status Apply(const json& update) {
    WEIRHOUSE_TRY(const std::string action, TextIn(update, "action"));
    if (action == "assign-uuid") return AssignUuid(update);
    if (action == "upgrade-format-version") return Upgrade(update);
    if (action == "add-schema") {
      const json* schema = Member(update, "schema");
      return AddSchema(schema == nullptr ? json() : *schema).status();
    }
    if (action == "set-location") {
      WEIRHOUSE_TRY(view_["location"], TextIn(update, "location"));
      return Status();
    }
    if (action == "set-properties") return SetProperties(update);
    if (action == "remove-properties") return RemoveProperties(update);
    if (action == "add-view-version") {
      const json* version = Member(update, "view-version");
      return AddVersion(version == nullptr ? json() : *version);
    }
    if (action == "set-current-view-version") {
      WEIRHOUSE_TRY(const int id, IdIn(update, "view-version-id"));
      return SetCurrent(id);
    }
    return Invalid(fmt::format("a view has no update \"{}\"", EscapeControl(action)));
  }

  // Adds a schema unless an equal one is there; its id.
  Result<int> AddSchema(const json& given);
  Status AddVersion(const json& given);
  Status SetCurrent(int id);
  Result<json> Finish();

 private:
  Status AssignUuid(const json& update);
  Status Upgrade(const json& update);
  Status SetProperties(const json& update);
  Status RemoveProperties(const json& update);
  Status CheckDialects() const;
  Status Expire();

  const json* FindVersion(int id) const {
    for (const json& version : view_["versions"]) {
      if (version.value("version-id", 0) == id) return &version;
    }
    return nullptr;
  }
  bool HasSchema(int id) const {
    return std::any_of(view_["schemas"].begin(), view_["schemas"].end(),
                       [&](const json& schema) { return schema.value("schema-id", 0) == id; });
  }

  json view_;
  std::int64_t now_ms_;
  json former_;  // the current version before this request; null for a new view
  std::optional<int> last_schema_;
  std::optional<int> last_version_;
  std::set<int> added_versions_;
  json log_entry_;  // one for the whole request: where it ends
};

Status ViewBuilder::AssignUuid(const json& update) {
  WEIRHOUSE_TRY(const std::string uuid, TextIn(update, "uuid"));
  if (view_.contains("view-uuid") && view_["view-uuid"] != uuid) {
    return Invalid("Cannot reassign uuid");
  }
  view_["view-uuid"] = uuid;
  return Status();
}

Status ViewBuilder::Upgrade(const json& update) {
  WEIRHOUSE_TRY(const std::int64_t version, NumberIn(update, "format-version"));
  const std::int64_t now = view_.value("format-version", kFormatVersion);
  if (version < now) return Invalid(fmt::format("Cannot downgrade v{} view to v{}", now, version));
  if (version > kFormatVersion) {
    return Invalid(fmt::format("views have no format version {}: the last one is {}", version,
                               kFormatVersion));
  }
  return Status();
}

Status ViewBuilder::SetProperties(const json& update) {
  // `updates` in the specification's examples, `updated` in older clients.
  WEIRHOUSE_TRY(const json set,
                TextsIn(update, Member(update, "updates") != nullptr ? "updates" : "updated"));
  view_["properties"].update(set);
  return Status();
}

Status ViewBuilder::RemoveProperties(const json& update) {
  const json* removals = Member(update, "removals");
  if (removals == nullptr) removals = Member(update, "removed");
  if (removals == nullptr || !removals->is_array()) {
    return Invalid("a view's \"removals\" must be a list");
  }
  for (const json& key : *removals) {
    if (!key.is_string()) return Invalid("a view's \"removals\" must hold texts alone");
    view_["properties"].erase(key.get<std::string>());
  }
  return Status();
}

Result<int> ViewBuilder::AddSchema(const json& given) {
  WEIRHOUSE_TRY(const Schema wanted, SchemaOfJson(given));
  int id = 0;
  for (const json& known : view_["schemas"]) {
    WEIRHOUSE_TRY(const Schema schema, SchemaOfJson(known));
    if (HasFieldsOf(schema, wanted)) {
      last_schema_ = schema.schema_id;
      return schema.schema_id;
    }
    id = std::max(id, schema.schema_id + 1);
  }
  json schema = given;
  schema["schema-id"] = id;
  view_["schemas"].push_back(std::move(schema));
  last_schema_ = id;
  return id;
}

Status ViewBuilder::AddVersion(const json& given) {
  WEIRHOUSE_TRY(json version, VersionOf(given));
  if (version["schema-id"] == kLastAddedView) {
    if (!last_schema_) return Invalid("Cannot set last added schema: no schema has been added");
    version["schema-id"] = *last_schema_;
  }
  if (!HasSchema(version["schema-id"].get<int>())) {
    return Invalid(
        fmt::format("Cannot add version with unknown schema: {}", version["schema-id"].get<int>()));
  }
  int id = std::max(version["version-id"].get<int>(), 1);
  for (const json& known : view_["versions"]) {
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

Status ViewBuilder::SetCurrent(int id) {
  if (id == kLastAddedView) {
    if (!last_version_) {
      return Invalid("Cannot set last version id: no current version id has been set");
    }
    id = *last_version_;
  }
  const json* version = FindVersion(id);
  if (version == nullptr) {
    return Invalid(fmt::format("Cannot set current version to unknown version: {}", id));
  }
  if (view_.value("current-version-id", kLastAddedView) == id) return Status();
  view_["current-version-id"] = id;
  // One that was set before is set again now.
  const std::int64_t at =
      added_versions_.contains(id) ? version->at("timestamp-ms").get<std::int64_t>() : now_ms_;
  log_entry_ = {{"timestamp-ms", at}, {"version-id", id}};
  return Status();
}

Status ViewBuilder::CheckDialects() const {
  if (former_.is_null()) return Status();
  const json& properties = view_["properties"];
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

// Keeps the latest versions by id, those of this request and the current one; the log is cut
// before its last entry that names a version no longer there.
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
  for (const json& version : view_["versions"]) ids.push_back(version.at("version-id").get<int>());
  std::sort(ids.rbegin(), ids.rend());
  std::set<int> kept{current};
  for (const int id : ids) {
    if (kept.size() == keep) break;
    kept.insert(id);
  }
  json versions = json::array();
  for (json& version : view_["versions"]) {
    if (kept.contains(version.at("version-id").get<int>())) versions.push_back(std::move(version));
  }
  view_["versions"] = std::move(versions);
  json log = json::array();
  for (const json& entry : view_["version-log"]) {
    if (!kept.contains(entry.at("version-id").get<int>())) {
      log.clear();
    } else {
      log.push_back(entry);
    }
  }
  view_["version-log"] = std::move(log);
  return Status();
}

Result<json> ViewBuilder::Finish() {
  view_["format-version"] = kFormatVersion;
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

Status CheckViewMetadata(const json& metadata) {
  WEIRHOUSE_TRY_STATUS(TextIn(metadata, "view-uuid").status());
  WEIRHOUSE_TRY_STATUS(TextIn(metadata, "location").status());
  WEIRHOUSE_TRY_STATUS(TextsIn(metadata, "properties").status());
  WEIRHOUSE_TRY(const std::int64_t format, NumberIn(metadata, "format-version"));
  if (format != kFormatVersion) {
    return Invalid(fmt::format("views have no format version {}", format));
  }
  for (const char* list : {"schemas", "versions", "version-log"}) {
    const json* value = Member(metadata, list);
    if (value == nullptr || !value->is_array()) {
      return Invalid(fmt::format("a view's \"{}\" must be a list", list));
    }
  }
  std::set<int> schemas;
  for (const json& given : metadata["schemas"]) {
    WEIRHOUSE_TRY(const Schema schema, SchemaOfJson(given));
    schemas.insert(schema.schema_id);
  }
  std::set<int> versions;
  for (const json& given : metadata["versions"]) {
    WEIRHOUSE_TRY(const json version, VersionOf(given));
    if (!versions.insert(version["version-id"].get<int>()).second) {
      return Invalid("a view has two versions of one id");
    }
    if (!schemas.contains(version["schema-id"].get<int>())) {
      return Invalid("a version of a view names a schema that is not there");
    }
  }
  for (const json& entry : metadata["version-log"]) {
    WEIRHOUSE_TRY_STATUS(IdIn(entry, "version-id").status());
    WEIRHOUSE_TRY_STATUS(NumberIn(entry, "timestamp-ms").status());
  }
  WEIRHOUSE_TRY(const int current, IdIn(metadata, "current-version-id"));
  if (!versions.contains(current)) return Invalid("a view's current version is not there");
  return Status();
}

Result<json> NewViewMetadata(const json& request, const std::string& location,
                             const std::string& uuid, ProcessTime now) {
  if (!request.is_object()) return Invalid("a view is asked for by an object");
  const json* schema = Member(request, "schema");
  if (schema == nullptr) return Invalid("Cannot create view without specifying schema");
  const json* version = Member(request, "view-version");
  if (version == nullptr) return Invalid("Cannot create view without specifying a query");
  WEIRHOUSE_TRY(json wanted, VersionOf(*version));
  if (wanted["representations"].empty()) {
    return Invalid("Cannot create view without specifying a query");
  }
  json base = {{"view-uuid", uuid}, {"location", location}, {"format-version", kFormatVersion}};
  WEIRHOUSE_TRY(base["properties"], TextsIn(request, "properties"));
  ViewBuilder builder(std::move(base), now);
  WEIRHOUSE_TRY(wanted["schema-id"], builder.AddSchema(*schema));
  WEIRHOUSE_TRY_STATUS(builder.AddVersion(wanted));
  WEIRHOUSE_TRY_STATUS(builder.SetCurrent(kLastAddedView));
  return builder.Finish();
}

Status CheckViewRequirements(const json& base, const json& requirements) {
  if (requirements.is_null()) return Status();
  if (!requirements.is_array()) return Invalid("the requirements of a view must be a list");
  for (const json& requirement : requirements) {
    WEIRHOUSE_TRY(const std::string type, TextIn(requirement, "type"));
    if (type != "assert-view-uuid") {
      return Invalid(fmt::format("a view has no requirement \"{}\"", EscapeControl(type)));
    }
    WEIRHOUSE_TRY(const std::string uuid, TextIn(requirement, "uuid"));
    const std::string standing = base.value("view-uuid", "");
    if (LowerCase(uuid) == LowerCase(standing)) continue;
    return Status(Code::kConflict,
                  fmt::format("Requirement failed: view UUID does not match: expected {} != {}",
                              EscapeControl(uuid), standing))
        .WithError("WH7109")
        .WithHint("load the view again");
  }
  return Status();
}

Result<json> ApplyViewUpdates(const json& base, const json& updates, ProcessTime now) {
  if (updates.is_null()) return base;
  if (!updates.is_array()) return Invalid("the updates of a view must be a list");
  ViewBuilder builder(base, now);
  for (const json& update : updates) WEIRHOUSE_TRY_STATUS(builder.Apply(update));
  return builder.Finish();
}
}  // namespace weirhouse::iceberg

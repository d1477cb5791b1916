#include "ground/iceberg/view/view_update_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/ascii.h"
#include "ground/base/request/json_members.h"
#include "ground/base/text.h"
#include "ground/iceberg/view/view_metadata.h"

namespace weirhouse::iceberg {
namespace {
using Json = nlohmann::json;

constexpr std::size_t kTextBytesMax = 1 << 20;  // of one query
constexpr RequestWords kViewWords{.error_code = "WH7108",
                                  .separator = " ",
                                  .text = "must be a text",
                                  .integer = "must be a whole number",
                                  .array = "must be a list",
                                  .text_array = "must be a list",
                                  .mixed_array = "must hold texts alone",
                                  .mixed_object = "must hold texts alone",
                                  .beyond_int64 = "must be a whole number",
                                  .tells_missing = false};

Status InvalidView(std::string message) {
  return Status(Code::kInvalidInput, std::move(message)).WithError("WH7108");
}

// The members of one part of a view. A value that is not an object has no members.
class ViewFields : public JsonFields {
 public:
  ViewFields(RequestPlace& place, const Json& object)
      : JsonFields(place, object.is_object() ? object : Nothing(), "") {}

  std::string ShortText(const char* key) {
    std::string text = AnyText(key);
    if (text.size() > kTextBytesMax) place().Refuse(key, "is longer than 1 MiB");
    return text;
  }
  std::int64_t Number(const char* key) {
    return Long(key, std::numeric_limits<std::int64_t>::min());
  }
  int Id(const char* key) {
    const std::int64_t id = Number(key);
    if (id >= kLastAdded && id < std::numeric_limits<int>::max()) return static_cast<int>(id);
    place().Refuse(key, fmt::format("is out of range: {}", id));
    return 0;
  }
  void Fail(std::string message) { place().Fail(InvalidView(std::move(message))); }

 private:
  static const Json& Nothing() {
    static const Json nothing = Json::object();
    return nothing;
  }
};

RequestPlace PlaceOfView() { return {kViewWords, "a view's"}; }

ViewRepresentation ReadRepresentation(RequestPlace& place, const Json& given) {
  ViewFields fields(place, given);
  const std::string type = fields.ShortText("type");
  if (type != "sql") {
    fields.Fail(fmt::format("Found unsupported view representations: [{}]", type));
  }
  ViewRepresentation read{fields.ShortText("sql"), fields.ShortText("dialect")};
  if (read.dialect.empty()) fields.Fail("Invalid dialect: (empty string)");
  return read;
}

// Reads only the members of a version that the specification names.
ViewVersion ReadVersion(RequestPlace& place, const Json& given) {
  ViewFields fields(place, given);
  ViewVersion version;
  version.version_id = fields.Id("version-id");
  version.timestamp_ms = fields.Number("timestamp-ms");
  version.schema_id = fields.Id("schema-id");
  version.summary = fields.OptionalTextMap("summary");
  if (fields.Has("default-catalog")) version.default_catalog = fields.ShortText("default-catalog");
  const Json& levels = fields.Any("default-namespace");
  if (levels.is_array() && std::all_of(levels.begin(), levels.end(),
                                       [](const Json& level) { return level.is_string(); })) {
    version.default_namespace = levels.get<std::vector<std::string>>();
  } else {
    place.Refuse("default-namespace", "must be a list of texts");
  }
  std::set<std::string> dialects;
  for (const auto& [one, path] : fields.Array("representations")) {
    ViewRepresentation representation = ReadRepresentation(place, *one);
    const std::string dialect = LowerCase(representation.dialect);
    if (!dialects.insert(dialect).second) {
      fields.Fail(
          fmt::format("Invalid view version: Cannot add multiple queries for dialect {}", dialect));
    }
    version.representations.push_back(std::move(representation));
  }
  return version;
}

ViewSchema ReadViewSchema(RequestPlace& place, const Json& given) {
  ViewSchema read;
  auto schema = ParseViewSchema(given);
  if (!schema.ok()) {
    place.Fail(schema.status());
    return read;
  }
  read.schema = std::move(schema).value();
  read.json = given.dump(-1, ' ', false, Json::error_handler_t::replace);
  return read;
}

// An unknown update is refused; the returned value is then arbitrary.
ViewUpdate ReadViewUpdate(RequestPlace& place, const Json& update) {
  ViewFields fields(place, update);
  const std::string action = fields.ShortText("action");
  if (!place.ok()) return SetProperties{};
  if (action == "assign-uuid") return AssignUuid{fields.ShortText("uuid")};
  if (action == "upgrade-format-version") {
    return UpgradeFormatVersion{fields.Number("format-version")};
  }
  if (action == "add-schema") return AddViewSchema{ReadViewSchema(place, fields.Any("schema"))};
  if (action == "set-location") return SetLocation{fields.ShortText("location")};
  if (action == "set-properties") {
    // `updates` in the specification's examples, `updated` in older clients.
    return SetProperties{fields.OptionalTextMap(fields.Has("updates") ? "updates" : "updated")};
  }
  if (action == "remove-properties") {
    const bool old_name = !fields.Has("removals") && fields.Has("removed");
    return RemoveProperties{fields.Texts(old_name ? "removed" : "removals")};
  }
  if (action == "add-view-version") {
    return AddViewVersion{ReadVersion(place, fields.Any("view-version"))};
  }
  if (action == "set-current-view-version") {
    return SetCurrentViewVersion{fields.Id("view-version-id")};
  }
  fields.Fail(fmt::format("\"{}\" is not an update of a view", EscapeControl(action)));
  return SetProperties{};
}
}  // namespace

Result<Schema> ParseViewSchema(const Json& given) {
  if (!given.is_object()) return InvalidView("a view's schema must be an object");
  auto schema = Schema::FromJson(given);
  if (!schema.ok()) {
    return InvalidView(fmt::format("a view's schema is malformed: {}", schema.status().message()));
  }
  return schema;
}

Json JsonOf(const ViewVersion& version) {
  Json representations = Json::array();
  for (const ViewRepresentation& one : version.representations) {
    representations.push_back({{"type", "sql"}, {"sql", one.sql}, {"dialect", one.dialect}});
  }
  Json kept = {{"version-id", version.version_id},
               {"timestamp-ms", version.timestamp_ms},
               {"schema-id", version.schema_id},
               {"summary", version.summary},
               {"default-namespace", version.default_namespace},
               {"representations", std::move(representations)}};
  if (version.default_catalog) kept["default-catalog"] = *version.default_catalog;
  return kept;
}

Result<std::vector<ViewUpdate>> ParseViewUpdates(const Json& updates) {
  if (!updates.is_array()) return InvalidView("the updates of a view must be a list");
  RequestPlace place = PlaceOfView();
  std::vector<ViewUpdate> read;
  for (const Json& update : updates) {
    read.push_back(ReadViewUpdate(place, update));
    WEIRHOUSE_TRY_STATUS(place.status);
  }
  return read;
}

Result<std::vector<AssertViewUuid>> ParseViewRequirements(const Json& requirements) {
  if (!requirements.is_array()) return InvalidView("the requirements of a view must be a list");
  RequestPlace place = PlaceOfView();
  std::vector<AssertViewUuid> read;
  for (const Json& requirement : requirements) {
    ViewFields fields(place, requirement);
    const std::string type = fields.ShortText("type");
    if (type != "assert-view-uuid") {
      fields.Fail(fmt::format("\"{}\" is not a requirement of a view", EscapeControl(type)));
    }
    read.push_back({fields.ShortText("uuid")});
    WEIRHOUSE_TRY_STATUS(place.status);
  }
  return read;
}

Result<WantedView> ParseWantedView(const Json& request) {
  if (!request.is_object()) return InvalidView("the request for a view must be an object");
  RequestPlace place = PlaceOfView();
  ViewFields fields(place, request);
  if (!fields.Has("schema")) return InvalidView("Cannot create view without specifying schema");
  constexpr const char* kNoQuery = "Cannot create view without specifying a query";
  if (!fields.Has("view-version")) return InvalidView(kNoQuery);
  WantedView view;
  view.version = ReadVersion(place, fields.Any("view-version"));
  if (view.version.representations.empty()) fields.Fail(kNoQuery);
  view.properties = fields.OptionalTextMap("properties");
  view.schema = ReadViewSchema(place, fields.Any("schema"));
  if (fields.Any("location").is_string()) view.location = fields.AnyText("location");
  return place.Unless(std::move(view));
}

Status CheckViewMetadata(const Json& metadata) {
  RequestPlace place = PlaceOfView();
  ViewFields fields(place, metadata);
  fields.ShortText("view-uuid");
  fields.ShortText("location");
  fields.OptionalTextMap("properties");
  const std::int64_t format = fields.Number("format-version");
  if (format != kViewFormatVersion) {
    fields.Fail(fmt::format("format version {} of views is not supported", format));
  }
  for (const char* list : {"schemas", "versions", "version-log"}) {
    if (!fields.Any(list).is_array()) place.Refuse(list, "must be a list");
  }
  WEIRHOUSE_TRY_STATUS(place.status);
  std::set<int> schemas;
  for (const Json& given : fields.Any("schemas")) {
    WEIRHOUSE_TRY(const Schema schema, ParseViewSchema(given));
    schemas.insert(schema.schema_id);
  }
  std::set<int> versions;
  for (const Json& given : fields.Any("versions")) {
    const ViewVersion version = ReadVersion(place, given);
    WEIRHOUSE_TRY_STATUS(place.status);
    if (!versions.insert(version.version_id).second) {
      return InvalidView("two versions of the view have the same id");
    }
    if (!schemas.contains(version.schema_id)) {
      return InvalidView("a version of the view names a schema that does not exist");
    }
  }
  for (const Json& given : fields.Any("version-log")) {
    ViewFields entry(place, given);
    entry.Id("version-id");
    entry.Number("timestamp-ms");
  }
  const int current = fields.Id("current-version-id");
  if (!versions.contains(current)) fields.Fail("the view's current version does not exist");
  return place.status;
}
}  // namespace weirhouse::iceberg

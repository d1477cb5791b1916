// Changes of a view's metadata, and what must be true of it before they apply, as values.
//
// Source: Iceberg REST catalog specification, ViewUpdate and ViewRequirement; view specification version
// 1. Those that tables have too are the same values. view_update_json.h reads them from a request.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ground/iceberg/type/schema.h"
#include "ground/iceberg/update/update.h"

namespace weirhouse::iceberg {

// One query, in one dialect; the specification knows no other kind of representation.
struct ViewRepresentation {
  std::string sql;
  std::string dialect;  // not empty
};
struct ViewVersion {
  int version_id = 1;
  std::int64_t timestamp_ms = 0;
  int schema_id = kLastAdded;
  std::map<std::string, std::string> summary;
  std::optional<std::string> default_catalog;
  std::vector<std::string> default_namespace;
  std::vector<ViewRepresentation> representations;  // at most one of a dialect
};

// A schema, and the JSON text in which the view keeps it: as the client wrote it.
struct ViewSchema {
  Schema schema;
  std::string json;
};
struct AddViewSchema {
  ViewSchema schema;  // its id is given out here
};
struct AddViewVersion {
  ViewVersion version;  // its id is given out here
};
struct SetCurrentViewVersion {
  int version_id = kLastAdded;
};
using ViewUpdate =
    std::variant<AssignUuid, UpgradeFormatVersion, SetLocation, SetProperties, RemoveProperties,
                 AddViewSchema, AddViewVersion, SetCurrentViewVersion>;

// The one requirement that views know.
struct AssertViewUuid {
  std::string uuid;
};

// A view as somebody wants it.
struct WantedView {
  std::optional<std::string> location;  // absent: whoever makes it finds a place
  ViewSchema schema;
  ViewVersion version;
  std::map<std::string, std::string> properties;
};
}  // namespace weirhouse::iceberg

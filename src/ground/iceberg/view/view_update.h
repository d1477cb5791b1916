// Updates of a view's metadata and the requirements for them, as values.
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

// One query in one dialect, the only kind of representation in the specification.
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

// A schema, and its JSON text as the client sent it, which the view keeps.
struct ViewSchema {
  Schema schema;
  std::string json;
};
struct AddViewSchema {
  ViewSchema schema;  // its id is assigned when it is applied
};
struct AddViewVersion {
  ViewVersion version;  // its id is assigned when it is applied
};
struct SetCurrentViewVersion {
  int version_id = kLastAdded;
};
using ViewUpdate =
    std::variant<AssignUuid, UpgradeFormatVersion, SetLocation, SetProperties, RemoveProperties,
                 AddViewSchema, AddViewVersion, SetCurrentViewVersion>;

// The only requirement of views.
struct AssertViewUuid {
  std::string uuid;
};

// A view to be created.
struct WantedView {
  std::optional<std::string> location;  // absent: the caller chooses one
  ViewSchema schema;
  ViewVersion version;
  std::map<std::string, std::string> properties;
};
}  // namespace weirhouse::iceberg

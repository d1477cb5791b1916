// Parses the requests of REST clients that create and change views into values (view_update.h).
// Pure; threads: any.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/view/view_update.h"

namespace weirhouse::iceberg {

// All errors: kInvalidInput (WH7108).
// The arrays "updates" and "requirements" of a CommitViewRequest.
Result<std::vector<ViewUpdate>> ParseViewUpdates(const nlohmann::json& updates);
Result<std::vector<AssertViewUuid>> ParseViewRequirements(const nlohmann::json& requirements);
// A CreateViewRequest: {schema, view-version, location?, properties?}.
Result<WantedView> ParseWantedView(const nlohmann::json& request);

// Checks that `metadata` has every member the specification requires and is consistent.
Status CheckViewMetadata(const nlohmann::json& metadata);

// The JSON of a version in a view's metadata.
nlohmann::json JsonOf(const ViewVersion& version);
Result<Schema> ParseViewSchema(const nlohmann::json& json);
}  // namespace weirhouse::iceberg

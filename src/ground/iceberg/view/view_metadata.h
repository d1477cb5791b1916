// An Iceberg view's metadata and how updates change it. Pure: JSON in, JSON out.
//
// Source: Iceberg view specification version 1; the REST specification's CommitViewRequest; what
// is reused, kept and forgotten follows Java's ViewMetadata.Builder, because its clients rely on
// it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "ground/base/status.h"
#include "ground/base/time.h"

namespace weirhouse::iceberg {

inline constexpr int kViewVersionsKept = 10;  // unless `version.history.num-entries` says more
inline constexpr std::size_t kViewVersionsMax = 1'000;

// Whether `metadata` has all that the specification requires, and agrees with itself.
//   kInvalidInput  WH7108
Status CheckViewMetadata(const nlohmann::json& metadata);
// The first metadata of a view: `request` is the body of `POST …/views`.
//   kInvalidInput  WH7108
Result<nlohmann::json> NewViewMetadata(const nlohmann::json& request, const std::string& location,
                                       const std::string& uuid, ProcessTime now);
//   kConflict      WH7109: another uuid
//   kInvalidInput  WH7108: not a requirement of views
Status CheckViewRequirements(const nlohmann::json& base, const nlohmann::json& requirements);
// Applies `updates` in their order; any failure drops all. Equal to `base` if nothing changed.
//   kInvalidInput  WH7108
Result<nlohmann::json> ApplyViewUpdates(const nlohmann::json& base, const nlohmann::json& updates,
                                        ProcessTime now);
}  // namespace weirhouse::iceberg

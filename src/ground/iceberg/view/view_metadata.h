// The metadata of an Iceberg view and how updates change it. Pure.
//
// The metadata is kept as JSON, so that members unknown here are written back unchanged.
//
// Source: Apache Iceberg view spec version 1; the REST catalog spec's CommitViewRequest. Which
// versions are reused, kept and expired follows Java's ViewMetadata.Builder, because its clients
// rely on it.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/iceberg/view/view_update.h"

namespace weirhouse::iceberg {

inline constexpr int kViewFormatVersion = 1;
inline constexpr int kViewVersionsKept = 10;  // unless `version.history.num-entries` says more
inline constexpr std::size_t kViewVersionsMax = 1'000;

// The first metadata of a view at `location`.
//   kInvalidInput  WH7108
Result<nlohmann::json> NewViewMetadata(const WantedView& wanted, const std::string& location,
                                       const std::string& uuid, ProcessTime now);
//   kConflict      WH7109: another uuid
Status CheckViewRequirements(const nlohmann::json& base,
                             std::span<const AssertViewUuid> requirements);
// Applies `updates` in order; an error discards all of them. Equal to `base` if nothing changed.
//   kInvalidInput  WH7108
Result<nlohmann::json> ApplyViewUpdates(const nlohmann::json& base,
                                        std::span<const ViewUpdate> updates, ProcessTime now);
}  // namespace weirhouse::iceberg

// An Iceberg view's metadata and how updates change it. Pure.
//
// The metadata itself is kept as its JSON: what other engines say there beside what is known is written
// back as it was.
//
// Source: Iceberg view specification version 1; the REST specification's CommitViewRequest; what
// is reused, kept and forgotten follows Java's ViewMetadata.Builder, because its clients rely on
// it.
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

// The first metadata of a view, which lies at `location`.
//   kInvalidInput  WH7108
Result<nlohmann::json> NewViewMetadata(const WantedView& wanted, const std::string& location,
                                       const std::string& uuid, ProcessTime now);
//   kConflict      WH7109: another uuid
Status CheckViewRequirements(const nlohmann::json& base,
                             std::span<const AssertViewUuid> requirements);
// Applies `updates` in their order; any failure drops all. Equal to `base` if nothing changed.
//   kInvalidInput  WH7108
Result<nlohmann::json> ApplyViewUpdates(const nlohmann::json& base,
                                        std::span<const ViewUpdate> updates, ProcessTime now);
}  // namespace weirhouse::iceberg

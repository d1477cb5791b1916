// The raw object that holds the bytes of a landed file, as the catalog has it and as it lies on the
// disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::landing {

// The object of `source` with these bytes that arrived under `name`, or under the name that the
// file at `path` had where the landing folder was another one above or below. Absent: the catalog
// has none.
Result<std::optional<catalog::ObjectRecord>> FindStored(catalog::Catalog& catalog,
                                                        const std::string& source,
                                                        const std::string& name,
                                                        const std::string& path,
                                                        const Digest& digest);

enum class ObjectState : std::uint8_t { kWhole, kMissing, kDamaged };
std::string_view ObjectStateName(ObjectState state);  // "whole", "missing", "damaged"
enum class Depth : std::uint8_t { kLength, kDigest };
// What lies in the place of `object`. Cost: one stat, and where all is right and `depth` says so,
// one read. An error: it cannot be told.
Result<ObjectState> LookAtObject(platform::ObjectStore& store, const catalog::ObjectRecord& object,
                                 Depth depth);

// Whether what FindStored finds is whole: only then may a landed file with these bytes go.
Result<bool> IsStored(catalog::Catalog& catalog, platform::ObjectStore& store,
                      const std::string& source, const std::string& name, const std::string& path,
                      const Digest& digest, Depth depth);
}  // namespace weirhouse::landing

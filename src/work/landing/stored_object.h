// The raw object that holds the bytes of a landed file, according to the catalog and on the disk.
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
// file at `path` had when the landing folder was a parent or child of today's. Absent: the catalog
// has none.
Result<std::optional<catalog::ObjectRecord>> FindStored(catalog::Catalog& catalog,
                                                        const std::string& source,
                                                        const std::string& name,
                                                        const std::string& path,
                                                        const Digest& digest);

enum class ObjectState : std::uint8_t { kWhole, kMissing, kDamaged };
std::string_view ObjectStateName(ObjectState state);  // "whole", "missing", "damaged"
enum class Depth : std::uint8_t { kLength, kDigest };
// The state of `object` on the disk. Cost: one stat, and one read if its length is right and
// `depth` asks for it. An error: the state is unknown.
Result<ObjectState> LookAtObject(platform::ObjectStore& store, const catalog::ObjectRecord& object,
                                 Depth depth);

// Whether the object that FindStored finds is whole: only then may a landed file be removed.
Result<bool> IsStored(catalog::Catalog& catalog, platform::ObjectStore& store,
                      const std::string& source, const std::string& name, const std::string& path,
                      const Digest& digest, Depth depth);
}  // namespace weirhouse::landing

#include "work/landing/stored_object.h"

namespace weirhouse::landing {

Result<std::optional<catalog::ObjectRecord>> FindStored(catalog::Catalog& catalog,
                                                        const std::string& source,
                                                        const std::string& name,
                                                        const std::string& path,
                                                        const Digest& digest) {
  WEIRHOUSE_TRY(std::optional<catalog::ObjectRecord> known,
                catalog.FindArrival(source, name, digest));
  for (std::size_t at = path.find('/'); !known && at != std::string::npos;
       at = path.find('/', at + 1)) {
    WEIRHOUSE_TRY(known, catalog.FindArrival(source, path.substr(at + 1), digest));
  }
  return known;
}

std::string_view ObjectStateName(ObjectState state) {
  switch (state) {
    case ObjectState::kWhole:
      return "whole";
    case ObjectState::kMissing:
      return "missing";
    case ObjectState::kDamaged:
      return "damaged";
  }
  return "unknown";
}

Result<ObjectState> LookAtObject(platform::ObjectStore& store, const catalog::ObjectRecord& object,
                                 Depth depth) {
  const auto found = store.Stat(object.path);
  if (found.status().code() == Code::kNotFound) return ObjectState::kMissing;
  if (!found.ok()) return found.status();
  if (found->size_bytes != object.size_bytes) return ObjectState::kDamaged;
  if (depth == Depth::kLength) return ObjectState::kWhole;
  const auto digest = platform::HashObject(store, object.path);
  if (digest.status().code() == Code::kNotFound) return ObjectState::kMissing;
  if (digest.status().code() == Code::kCorruption) return ObjectState::kDamaged;  // cut just now
  if (!digest.ok()) return digest.status();
  return *digest == object.digest ? ObjectState::kWhole : ObjectState::kDamaged;
}

Result<bool> IsStored(catalog::Catalog& catalog, platform::ObjectStore& store,
                      const std::string& source, const std::string& name, const std::string& path,
                      const Digest& digest, Depth depth) {
  WEIRHOUSE_TRY(const std::optional<catalog::ObjectRecord> object,
                FindStored(catalog, source, name, path, digest));
  if (!object) return false;
  WEIRHOUSE_TRY(const ObjectState state, LookAtObject(store, *object, depth));
  return state == ObjectState::kWhole;
}
}  // namespace weirhouse::landing

#include "ground/platform/io/put_together.h"

namespace weirhouse::platform {

Result<std::vector<bool>> PutAllIfAbsent(ObjectStore& store, std::span<const NewObject> objects,
                                         unsigned mode) {
  if (auto* const together = dynamic_cast<PutsTogether*>(&store); together != nullptr)
    return together->PutAllIfAbsent(objects, mode);
  std::vector<bool> created;
  created.reserve(objects.size());
  for (const NewObject& object : objects) {
    WEIRHOUSE_TRY(const std::unique_ptr<ByteStream> stream, object.open());
    WEIRHOUSE_TRY(const bool one, store.PutStreamIfAbsent(object.location, *stream, mode));
    created.push_back(one);
  }
  return created;
}
}  // namespace weirhouse::platform

// Puts many objects at once, for stores that gain by that.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ground/base/byte_stream.h"
#include "ground/base/status.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::platform {

// Objects that are made durable together.
inline constexpr std::size_t kPutTogetherMax = 4096;

// An object that is to be put, with a way to read its bytes, which is used once if at all.
struct NewObject {
  std::string location;
  std::function<Result<std::unique_ptr<ByteStream>>()> open;
};

// What an ObjectStore also is if it puts many objects at less cost than one after the other, or
// passes them on to one that does. Threads: any.
class PutsTogether {
 public:
  virtual ~PutsTogether() = default;
  virtual Result<std::vector<bool>> PutAllIfAbsent(std::span<const NewObject> objects,
                                                   unsigned mode) = 0;
};

// As ObjectStore::PutStreamIfAbsent for many objects: true for each that was created. Of objects
// with one location the first is created. After an error, which is the first that occurred, some are
// there, each of them whole. Cost on a disk: one flush and one fsync per folder for up to
// kPutTogetherMax objects, instead of two fsyncs for each.
Result<std::vector<bool>> PutAllIfAbsent(ObjectStore& store, std::span<const NewObject> objects,
                                         unsigned mode);
}  // namespace weirhouse::platform

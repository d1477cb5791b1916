// Reads a raw object: returns the bytes that arrived, or an error that names the file to land
// again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "ground/base/byte_stream.h"
#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "ground/catalog/record.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::landing {

// The bytes of an object, hashed as they are read. Results made from them count only after Finish
// has confirmed that they are those that arrived. Threads: one. Memory: one piece.
class ObjectReader final : public ByteStream, public RandomBytes {
 public:
  // `store` and `object` must outlive it.
  ObjectReader(platform::ObjectStore& store, const catalog::ObjectRecord& object)
      : store_(store), object_(object) {}

  // kCorruption: it is missing (WH7012), or shorter than what arrived (WH1305).
  Result<std::size_t> Read(char* into, std::size_t room) override;
  // Bytes read at a place of one's own are not hashed then: Finish reads all of them once more, in
  // order.
  RandomBytes* random() override { return this; }
  std::int64_t size_bytes() const override { return object_.size_bytes; }
  Status ReadAt(std::int64_t offset, char* into, std::size_t count) override;
  // Reads what is left and compares the digest. kCorruption (WH1305): the bytes are others.
  Status Finish();

 private:
  platform::ObjectStore& store_;
  const catalog::ObjectRecord& object_;
  std::int64_t offset_ = 0;
  Sha256 sha_;
  Status failed_;  // the error of the first failed read
};

// All bytes of an object, with the errors of ObjectReader.
Result<std::string> ReadObject(platform::ObjectStore& store, const catalog::ObjectRecord& object);

// Whether the error is a missing or damaged object, which landing its file again restores.
bool WantsItsFile(const Status& status);
}  // namespace weirhouse::landing

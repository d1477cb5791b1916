// Reading a raw object: what is taken from it is what arrived, or an error that says which file to
// land again.
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

// The bytes of an object, hashed as they are read. Whatever was made of them counts only once
// Finish has said that they are those that arrived. Threads: one. Memory: a piece.
class ObjectReader final : public ByteStream {
 public:
  // Both must outlive it.
  ObjectReader(platform::ObjectStore& store, const catalog::ObjectRecord& object)
      : store_(store), object_(object) {}

  // kCorruption: it is missing (WH7012), or shorter than what arrived (WH1305).
  Result<std::size_t> Read(char* into, std::size_t room) override;
  // Reads what is left, and compares. kCorruption (WH1305): these are other bytes.
  Status Finish();

 private:
  platform::ObjectStore& store_;
  const catalog::ObjectRecord& object_;
  std::int64_t offset_ = 0;
  Sha256 sha_;
  Status failed_;  // of the first reading that failed
};

// The whole of an object, with the errors of ObjectReader.
Result<std::string> ReadObject(platform::ObjectStore& store, const catalog::ObjectRecord& object);

// Whether an object is missing or holds other bytes, which a file that lands again ends.
bool WantsItsFile(const Status& status);
}  // namespace weirhouse::landing

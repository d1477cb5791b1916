// The bytes of an object as its records are read: inflated where its name ends in ".gz".
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace weirhouse::contract {

// A view of the given bytes, or of what they inflate to. Valid while the given bytes live; movable
// only before view() is taken.
struct OpenedObject {
  std::string inflated_bytes;
  std::string_view given;
  bool inflated = false;
  std::string_view view() const { return inflated ? std::string_view(inflated_bytes) : given; }
};

// kInvalidInput WH1311 above the caps (1 GiB; ratio 1000:1 beyond 1 MiB), WH1312 where the gzip
// stream is damaged or cut short, with the offset in the compressed bytes.
Result<OpenedObject> OpenObject(std::string_view bytes, std::string_view object_name);
}  // namespace weirhouse::contract

// metadata.json may come from any engine: no bytes may crash the parser, and what we print of it we
// can read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ground/iceberg/table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weirhouse::iceberg;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto metadata = ParseTableMetadata(text, "fuzz", "/fuzz.metadata.json");
  if (!metadata.ok()) return 0;
  const std::string json = SerializeTableMetadata(*metadata);
  const auto again = ParseTableMetadata(json, "fuzz", "/fuzz.metadata.json");
  WEIRHOUSE_CHECK(again.ok());
  WEIRHOUSE_CHECK(SerializeTableMetadata(*again) == json);
  return 0;
}

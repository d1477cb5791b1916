// Gate files: no text may crash the parser, and the same text gives the same gates.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ground/base/status.h"
#include "rules/gate/parse/parse_gates.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto gates = weirhouse::gate::ParseGates(text, "fuzz.yaml");
  if (!gates.ok()) {
    WEIRHOUSE_CHECK(!gates.status().error_code().empty());
    return 0;
  }
  const auto again = weirhouse::gate::ParseGates(text, "fuzz.yaml");
  WEIRHOUSE_CHECK(again.ok() && again->size() == gates->size());
  for (std::size_t i = 0; i < gates->size(); ++i) {
    const auto& gate = (*gates)[i];
    WEIRHOUSE_CHECK(gate.digest == (*again)[i].digest);
    WEIRHOUSE_CHECK(!gate.checks.empty() && !gate.name.empty());
    for (const auto& check : gate.checks) WEIRHOUSE_CHECK(!check.name.empty());
  }
  return 0;
}

// The header of SQL files: any text gives a definition or findings, and what is accepted is stable.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/transform/definition.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weirhouse::transform;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto definition = ParseTransform(text, "fuzz.sql");
  if (!definition.ok()) {
    WEIRHOUSE_CHECK(definition.status().error_code().starts_with("WH21"));
    for (const auto& finding : definition.status().diagnostics()) {
      WEIRHOUSE_CHECK(finding.span->line >= 1);
      WEIRHOUSE_CHECK(finding.span->column >= 1);
    }
    return 0;
  }
  WEIRHOUSE_CHECK(!definition->key.empty());
  // Blanks and remarks in front do not change what a definition is.
  const auto again = ParseTransform("-- a remark\n /* another */ \n" + text, "fuzz.sql");
  if (text.size() + 40 < kDefinitionBytesMax) {
    WEIRHOUSE_CHECK(again.ok());
    WEIRHOUSE_CHECK(again->digest == definition->digest);
  }
  const std::vector<TransformDefinition> both = {*definition};
  const auto order = OrderTransforms(both);
  WEIRHOUSE_CHECK(order.ok() || order.status().error_code() == "WH2110");
  return 0;
}

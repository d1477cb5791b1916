// Feature views and training sets as a person might write them, and worse.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ground/base/status.h"
#include "rules/feature/definition/definition.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto views = weirhouse::feature::ParseFeatureViews(text, "fuzz.yaml");
  if (views.ok()) {
    for (const auto& view : *views) {
      WEIRHOUSE_CHECK(!weirhouse::feature::OutputColumnsOf(view).empty());
    }
  }
  const auto sets = weirhouse::feature::ParseTrainingSets(text, "fuzz.yaml");
  if (sets.ok() && views.ok()) {
    for (const auto& set : *sets) {
      weirhouse::feature::SelectFeatures(set, *views).status().Ignore("only must not crash");
    }
  }
  return 0;
}

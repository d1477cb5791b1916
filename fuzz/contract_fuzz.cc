// Contract files: what is printed reads back the same, and is compatible with itself.
#include <string_view>

#include "ground/base/status.h"
#include "rules/contract/contract.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weirhouse::contract;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto contract = ParseContract(text, "fuzz");
  if (!contract.ok()) return 0;
  const auto again = ParseContract(contract->ToJson(), "again");
  WEIRHOUSE_CHECK(again.ok());
  WEIRHOUSE_CHECK(again->digest() == contract->digest());
  WEIRHOUSE_CHECK(Compare(*contract, *again).verdict == Compatibility::kSame);
  return 0;
}

// The path normaliser: whatever it lets through has exactly one reading, and reads the same again.
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/base/text.h"
#include "ground/platform/net/target.h"

namespace {
// Below a free prefix a step may hold more, but never what a control or a climb would be.
void CheckFree(std::string_view text) {
  using weirhouse::http::ParseTarget;
  const std::string prefixes[] = {"/iceberg"};
  const auto target = ParseTarget(text, prefixes);
  if (!target.ok()) return;
  for (const std::string& step : target->steps) {
    WEIRHOUSE_CHECK(!step.empty() && step != "." && step != "..");
    WEIRHOUSE_CHECK(weirhouse::IsValidUtf8(step));
    for (const char c : step) WEIRHOUSE_CHECK(static_cast<unsigned char>(c) >= 0x20 || c == '\x1f');
  }
  const std::string written = weirhouse::http::FormatTarget(*target);
  if (written.size() > weirhouse::http::kTargetBytesMax) return;
  const auto again = ParseTarget(written, prefixes);
  WEIRHOUSE_CHECK(again.ok());
  WEIRHOUSE_CHECK(again->steps == target->steps && again->query == target->query);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weirhouse::http::ParseTarget;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckFree(text);
  CheckFree("/iceberg/" + std::string(text));
  const auto target = ParseTarget(text);
  if (!target.ok()) return 0;
  std::string path;
  for (const std::string& step : target->steps) {
    WEIRHOUSE_CHECK(!step.empty());
    WEIRHOUSE_CHECK(step != "." && step != "..");
    WEIRHOUSE_CHECK(step.find_first_of("/\\%;?") == std::string::npos);
    WEIRHOUSE_CHECK(step.find('\0') == std::string::npos);
    WEIRHOUSE_CHECK(weirhouse::IsValidUtf8(step));
    path += "/" + step;
  }
  WEIRHOUSE_CHECK(target->path == (path.empty() ? "/" : path));
  const std::string written = weirhouse::http::FormatTarget(*target);
  if (written.size() > weirhouse::http::kTargetBytesMax) return 0;  // escapes take more room
  const auto again = ParseTarget(written);
  WEIRHOUSE_CHECK(again.ok());
  WEIRHOUSE_CHECK(again->path == target->path);
  WEIRHOUSE_CHECK(again->query == target->query);
  return 0;
}

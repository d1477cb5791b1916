#include <fmt/format.h>

#include <algorithm>

#include "rules/contract/contract.h"
#include "rules/contract/decode/inflate.h"
#include "rules/contract/decode/parquet_object.h"
#include "rules/contract/decode/record_cutter.h"

namespace weirhouse::contract {
namespace {
// Ends the cutting once the record is found; never returned to callers.
constexpr std::string_view kFound = "found";
}  // namespace

namespace {
Result<std::vector<RecordRange>> LocateIn(Window& window, const SourceFormat& format,
                                          std::string_view object_name,
                                          std::span<const std::int64_t> ordinals) {
  WEIRHOUSE_CHECK(std::is_sorted(ordinals.begin(), ordinals.end()));
  std::vector<RecordRange> found;
  if (ordinals.empty()) return found;
  std::int64_t next = 0;
  const Status status = ForEachRecord(
      window, format, [](RecordSpan /*header*/, std::string_view) { return Status(); },
      [&](RecordSpan span, std::string_view text) {
        const std::int64_t ordinal = next++;
        while (found.size() < ordinals.size() && ordinals[found.size()] == ordinal) {
          RecordRange range;
          range.byte_offset = span.offset;
          range.byte_length = span.length;
          range.line = span.passed != nullptr ? span.passed->line : window.LineAt(span.offset);
          if (span.length <= kRecordBytesMax) range.bytes = text;
          found.push_back(std::move(range));
        }
        return found.size() < ordinals.size() ? Status()
                                              : Status(Code::kNotFound, std::string(kFound));
      });
  if (found.size() == ordinals.size()) return found;
  if (!status.ok()) return status;
  return Status(Code::kNotFound, fmt::format("the object {} has {} records, asked for number {}",
                                             object_name, next, ordinals[found.size()]))
      .WithError("WH1313");
}
}  // namespace

Result<std::vector<RecordRange>> LocateRecords(std::string_view object_bytes,
                                               const SourceFormat& format,
                                               std::string_view object_name,
                                               std::span<const std::int64_t> ordinals) {
  StreamOfBytes stream(object_bytes);
  return LocateRecords(stream, static_cast<std::int64_t>(object_bytes.size()), format, object_name,
                       ordinals);
}

Result<std::vector<RecordRange>> LocateRecords(ByteStream& object, std::int64_t size_bytes,
                                               const SourceFormat& format,
                                               std::string_view object_name,
                                               std::span<const std::int64_t> ordinals) {
  if (format.format == RecordFormat::kParquet)
    return LocateParquetRecords(object, object_name, ordinals);
  if (!IsCompressed(object_name)) {
    Window window(object);
    return LocateIn(window, format, object_name, ordinals);
  }
  InflatingStream inflated(object, size_bytes);
  Window window(inflated);
  return LocateIn(window, format, object_name, ordinals);
}

Result<RecordRange> LocateRecord(std::string_view object_bytes, const SourceFormat& format,
                                 std::string_view object_name, std::int64_t ordinal) {
  WEIRHOUSE_TRY(std::vector<RecordRange> found,
                LocateRecords(object_bytes, format, object_name, {&ordinal, 1}));
  return std::move(found.front());
}
}  // namespace weirhouse::contract

#include <fmt/format.h>

#include "contract/contract.h"
#include "contract/inflate.h"
#include "contract/record_cutter.h"

namespace weirhouse::contract {
namespace {
// Ends the cutting once the record is found; never seen outside.
constexpr std::string_view kFound = "found";
}  // namespace

Result<RecordRange> LocateRecord(std::string_view object_bytes, const SourceFormat& format,
                                 std::string_view object_name, std::int64_t ordinal) {
  WEIRHOUSE_TRY(const OpenedObject opened, OpenObject(object_bytes, object_name));
  const std::string_view bytes = opened.view();
  std::int64_t next = 0;
  bool found = false;
  RecordRange range;
  const Status status = ForEachRecord(
      bytes, format, [](RecordSpan /*header*/) { return Status(); },
      [&](RecordSpan span) {
        if (next++ != ordinal) return Status();
        found = true;
        range.byte_offset = span.offset;
        range.byte_length = span.length;
        range.bytes = bytes.substr(static_cast<std::size_t>(span.offset),
                                   static_cast<std::size_t>(span.length));
        return Status(Code::kNotFound, std::string(kFound));
      });
  if (found) return range;
  if (!status.ok()) return status;
  return Status(Code::kNotFound, fmt::format("the object {} has {} records, asked for number {}",
                                             object_name, next, ordinal))
      .WithError("WH1313");
}
}  // namespace weirhouse::contract

#include <fmt/format.h>

#include <algorithm>

#include "contract/contract.h"
#include "contract/inflate.h"
#include "contract/record_cutter.h"

namespace weirhouse::contract {
namespace {
// Ends the cutting once the record is found; never seen outside.
constexpr std::string_view kFound = "found";
}  // namespace

Result<std::vector<RecordRange>> LocateRecords(std::string_view object_bytes,
                                               const SourceFormat& format,
                                               std::string_view object_name,
                                               std::span<const std::int64_t> ordinals) {
  WEIRHOUSE_CHECK(std::is_sorted(ordinals.begin(), ordinals.end()));
  WEIRHOUSE_TRY(const OpenedObject opened, OpenObject(object_bytes, object_name));
  const std::string_view bytes = opened.view();
  std::vector<RecordRange> found;
  if (ordinals.empty()) return found;
  std::int64_t next = 0;
  std::int64_t line = 1;
  std::size_t counted = 0;  // bytes whose lines are in `line`
  const Status status = ForEachRecord(
      bytes, format, [](RecordSpan /*header*/) { return Status(); },
      [&](RecordSpan span) {
        const std::int64_t ordinal = next++;
        while (found.size() < ordinals.size() && ordinals[found.size()] == ordinal) {
          const auto begin = static_cast<std::size_t>(span.offset);
          line += std::count(bytes.begin() + static_cast<std::ptrdiff_t>(counted),
                             bytes.begin() + static_cast<std::ptrdiff_t>(begin), '\n');
          counted = begin;
          found.push_back(
              {span.offset, span.length, line,
               std::string(bytes.substr(begin, static_cast<std::size_t>(span.length)))});
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

Result<RecordRange> LocateRecord(std::string_view object_bytes, const SourceFormat& format,
                                 std::string_view object_name, std::int64_t ordinal) {
  WEIRHOUSE_TRY(std::vector<RecordRange> found,
                LocateRecords(object_bytes, format, object_name, {&ordinal, 1}));
  return std::move(found.front());
}
}  // namespace weirhouse::contract

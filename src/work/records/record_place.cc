#include "work/records/record_place.h"

#include <fmt/format.h>

#include <vector>

#include "ground/base/text.h"
#include "rules/contract/contract.h"
#include "work/records/batch_records.h"

namespace weirhouse::work {

Result<std::string> PlaceOfRecord(Workspace& workspace, RecordId record) {
  WEIRHOUSE_TRY(const auto object, workspace.catalog().ObjectOfRecord(record));
  if (!object) return std::string();
  const std::string number = fmt::format("{}/{}", object->source, record.value());
  const Source* source = workspace.project().FindSource(object->source);
  if (source == nullptr) return number;
  const std::vector<std::int64_t> ordinals = {record.value() - object->first_record_id.value()};
  platform::RangeStream stream(workspace.store(), object->path, 0, object->size_bytes);
  const auto ranges = contract::LocateRecords(stream, object->size_bytes, FormatOf(*source),
                                              object->name, ordinals);
  if (!ranges.ok() || ranges->empty()) return number;
  return fmt::format("{}/{}:{}", object->source, EscapeControl(object->name), ranges->front().line);
}
}  // namespace weirhouse::work

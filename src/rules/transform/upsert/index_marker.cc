#include "rules/transform/upsert/index_marker.h"

namespace weirhouse::transform {

std::string BytesOfId(std::int64_t id) {
  std::string bytes(kIdBytes, '\0');
  for (std::size_t i = 0; i < kIdBytes; ++i) {
    bytes[i] = static_cast<char>((static_cast<std::uint64_t>(id) >> (8 * i)) & 0xff);
  }
  return bytes;
}

std::int64_t IdOfBytes(std::string_view bytes) {
  std::uint64_t id = 0;
  for (std::size_t i = 0; i < kIdBytes; ++i) {
    id |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return static_cast<std::int64_t>(id);
}

std::optional<std::int64_t> OnlyAddedSince(const iceberg::TableMetadata& table, SnapshotId from) {
  const iceberg::Snapshot* at = table.current_snapshot();
  while (at != nullptr && at->id != from) {
    const auto operation = at->summary.find("operation");
    // A compaction's files are as old as the newest of what they were made of.
    const bool added = operation != at->summary.end() &&
                       (operation->second == "append" || operation->second == "replace");
    if (!added || !at->parent) return std::nullopt;
    at = table.FindSnapshot(*at->parent);
  }
  if (at == nullptr) return std::nullopt;
  return at->sequence_number;
}
}  // namespace weirhouse::transform

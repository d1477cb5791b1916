// Writes the metadata that a client's updates led to: metadata_update.h.
#include <charconv>

#include "ground/base/failpoint.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/update/metadata_update.h"
#include "ground/iceberg/write/ref_move.h"
#include "ground/iceberg/write/stage.h"
#include "ground/iceberg/write/stage_state.h"

namespace weirhouse::iceberg {
namespace {

// The number of earlier metadata files that the log keeps.
std::size_t LogMax(const TableMetadata& metadata) {
  constexpr int kMax = kMetadataLogMax;
  const auto it = metadata.properties.find("write.metadata.previous-versions-max");
  if (it == metadata.properties.end()) return kMax;
  const std::string& text = it->second;
  int number = kMax;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) number = kMax;
  return static_cast<std::size_t>(std::clamp(number, 1, kMax));
}

bool IsAncestor(const TableMetadata& metadata, SnapshotId ancestor, const Snapshot* of) {
  // Bounded by the number of snapshots, in case the parents form a cycle.
  for (std::size_t left = metadata.snapshots.size(); of != nullptr && left > 0; --left) {
    if (of->id == ancestor) return true;
    of = of->parent ? metadata.FindSnapshot(*of->parent) : nullptr;
  }
  return false;
}
}  // namespace

std::vector<catalog::SnapshotRecord> MakeMoveRecords(const TableMetadata* before,
                                                     const TableMetadata& after,
                                                     const std::string& ref) {
  const Snapshot* head = after.FindRef(ref);
  const Snapshot* old_head = before != nullptr ? before->FindRef(ref) : nullptr;
  std::vector<catalog::SnapshotRecord> records;
  if (head == nullptr || (old_head != nullptr && old_head->id == head->id)) return records;
  const Snapshot* at = head;
  for (std::size_t left = after.snapshots.size(); left > 0; --left) {
    records.push_back(RecordOf(after, *at, ref));
    at = at->parent ? after.FindSnapshot(*at->parent) : nullptr;
    if (at == nullptr || (before != nullptr && IsAncestor(*before, at->id, old_head))) break;
  }
  std::reverse(records.begin(), records.end());
  return records;
}

Result<StagedTable> StageMetadata(platform::ObjectStore& store, const TablePtr& base,
                                  Random& random, UpdatedMetadata next, ProcessTime now) {
  TableMetadata& metadata = next.metadata;
  std::vector<catalog::SnapshotRecord> records;
  for (const std::string& ref : next.moved_refs) {
    for (auto& record : MakeMoveRecords(base.get(), metadata, ref)) {
      records.push_back(std::move(record));
    }
  }
  // The new file adds one entry to the log.
  const std::size_t kept = LogMax(metadata) - 1;
  if (metadata.metadata_log.size() > kept) {
    metadata.metadata_log.erase(metadata.metadata_log.begin(),
                                metadata.metadata_log.end() - static_cast<std::ptrdiff_t>(kept));
  }
  TablePtr follows = base;
  if (follows == nullptr) {
    auto none = std::make_shared<TableMetadata>();
    none->name = metadata.name;
    none->uuid = metadata.uuid;
    follows = std::move(none);
  }
  // Engines write their first files without creating the folders.
  WEIRHOUSE_FAILPOINT("table.stage.folders");
  WEIRHOUSE_TRY_STATUS(store.MakeFolder(LocalPath(metadata.location + "/data")));
  WEIRHOUSE_TRY_STATUS(store.MakeFolder(LocalPath(metadata.location + "/metadata")));
  WEIRHOUSE_TRY(StagedTable staged, WriteNextMetadata(store, follows, random, std::move(metadata),
                                                      now, /*records=*/{}));
  staged.snapshots = std::move(records);
  return staged;
}
}  // namespace weirhouse::iceberg

#include "rules/transform/upsert/loser_index.h"

#include <map>
#include <utility>

#include "ground/platform/kv/kv_damage.h"
#include "rules/transform/upsert/index_marker.h"

namespace weirhouse::transform {
namespace {
constexpr std::size_t kEntryBytes = 2 * kIdBytes + 1;

std::string BytesOf(const StoredLoser& loser) {
  return BytesOfId(loser.run.value()) + BytesOfId(loser.winner.value()) +
         static_cast<char>(loser.state);
}

bool IsLoser(RecordState state) {
  return state == RecordState::kDuplicate || state == RecordState::kConflict ||
         state == RecordState::kSuperseded;
}
}  // namespace

LoserIndex::LoserIndex(platform::KvStore& store, std::string_view table_name)
    : store_(store), table_name_(table_name), prefix_("losers/" + table_name_ + '\0') {}

std::string LoserIndex::KeyOf(RecordId record) const {
  return prefix_ + 'r' + BytesOfId(record.value());
}

Status LoserIndex::Refresh(platform::ObjectStore& store, const iceberg::TablePtr& losers) {
  WEIRHOUSE_TRY(const std::optional<std::string> at, store_.Get(prefix_ + 's'));
  const iceberg::Snapshot* snapshot = losers == nullptr ? nullptr : losers->current_snapshot();
  const SnapshotId wanted = snapshot == nullptr ? SnapshotId(0) : snapshot->id;
  if (at == BytesOfId(wanted.value())) return Status::Ok();
  std::optional<std::int64_t> stood;
  if (at && at->size() == kIdBytes && snapshot != nullptr)
    stood = OnlyAddedSince(*losers, SnapshotId(IdOfBytes(*at)));
  if (!stood) {
    auto batch = store_.NewBatch();
    std::string end = prefix_;
    end.back() = '\x01';  // right behind every key of this table
    batch->DeleteRange(prefix_, end);
    WEIRHOUSE_TRY_STATUS(store_.Write(*batch, false));
  }
  if (snapshot != nullptr) WEIRHOUSE_TRY_STATUS(Read(store, losers, stood));
  return StandAt(wanted);
}

Status LoserIndex::Read(platform::ObjectStore& store, const iceberg::TablePtr& losers,
                        std::optional<std::int64_t> after_sequence_number) {
  iceberg::ScanOptions options;
  options.after_sequence_number = after_sequence_number;
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(store, losers, options));
  for (const auto& task : scan.tasks()) {
    WEIRHOUSE_TRY(const auto rows, scan.Read(task));
    WEIRHOUSE_TRY(const std::vector<StoredLoser> log, ReadLosers(*rows));
    WEIRHOUSE_TRY_STATUS(Note(log));
  }
  return Status::Ok();
}

// The row of the latest run counts for a record, in whatever order files are read, even repeatedly.
Status LoserIndex::Note(const std::vector<StoredLoser>& log) {
  std::map<RecordId, const StoredLoser*> latest;
  for (const StoredLoser& loser : log) {
    if (loser.table != table_name_) continue;
    const StoredLoser*& known = latest[loser.record];
    if (known == nullptr || known->run <= loser.run) known = &loser;
  }
  std::vector<std::string> keys;
  keys.reserve(latest.size());
  for (const auto& [record, loser] : latest) keys.push_back(KeyOf(record));
  WEIRHOUSE_TRY(const auto values, store_.MultiGet(keys));
  auto batch = store_.NewBatch();
  std::size_t at = 0;
  for (const auto& [record, loser] : latest) {
    const std::optional<std::string>& value = values[at];
    const bool newer =
        !value || value->size() != kEntryBytes || RunId(IdOfBytes(*value)) <= loser->run;
    if (newer) batch->Put(keys[at], BytesOf(*loser));
    ++at;
  }
  return store_.Write(*batch, false);
}

Status LoserIndex::StandAt(SnapshotId snapshot) {
  auto batch = store_.NewBatch();
  batch->Put(prefix_ + 's', BytesOfId(snapshot.value()));
  return store_.Write(*batch, false);
}

Result<std::vector<StoredLoser>> LoserIndex::Find(const std::vector<RecordId>& records) {
  std::vector<std::string> keys;
  keys.reserve(records.size());
  for (const RecordId record : records) keys.push_back(KeyOf(record));
  WEIRHOUSE_TRY(const auto values, store_.MultiGet(keys));
  std::vector<StoredLoser> found;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!values[i]) continue;
    const std::string_view bytes = *values[i];
    if (bytes.size() != kEntryBytes ||
        static_cast<unsigned char>(bytes.back()) > static_cast<int>(RecordState::kQuarantined)) {
      return Status(Code::kCorruption, "the index of losers holds an entry of the wrong form")
          .WithError(platform::kDamagedStoreError)
          .WithHint("delete the cache folder: it is rebuilt from the tables");
    }
    const auto state = static_cast<RecordState>(bytes.back());
    if (!IsLoser(state)) continue;
    found.push_back({records[i], table_name_, state, RecordId(IdOfBytes(bytes.substr(kIdBytes))),
                     RunId(IdOfBytes(bytes)), std::nullopt});
  }
  return found;
}
}  // namespace weirhouse::transform

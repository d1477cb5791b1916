// The store's entries, numbers in little-endian order:
//
//   digest of a key      → 'k' | file id (8) | position (8)
//                          and, unless positions alone are kept,
//                          record id (8) | content digest (32) | order bytes
//   digest of a file id  → 'f' | path of a data file
//
// A file's id is a digest of its path, so that it needs no table and is the same whenever the file
// is named. The state: snapshot id (8) | digest of the key and order columns, and of what entries
// hold (8).
//
// The state is emptied before a change that takes several batches and written with the last of
// them, so that a crash in between leaves an index without state, which is rebuilt. Nothing is
// synced: after a power cut the index stands at an older snapshot, or is damaged and rebuilt.
#include "ground/iceberg/index/key_index.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>

#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/read/row_digest.h"
#include "ground/iceberg/read/scan.h"
#include "ground/iceberg/type/key_encoding.h"

namespace weirhouse::iceberg {
namespace {

constexpr std::size_t kBatchBytesMax = 64 << 20;
constexpr std::size_t kPlaceBytes = 1 + 8 + 8;
constexpr std::size_t kEntryHeadBytes = kPlaceBytes + 8 + 32;
constexpr std::size_t kFileNamesMax = 100'000;  // kept in memory

std::string LittleEndian(std::uint64_t value) {
  std::string out(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(value >> (8 * i));
  return out;
}
std::uint64_t FromLittleEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = (value << 8) | static_cast<std::uint8_t>(bytes[i]);
  return value;
}
void PutLittleEndian(char* to, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

// Identifies the columns of which entries are made: with other columns the entries are meaningless,
// even if the rows are the same.
std::string ColumnsMark(const std::vector<std::string>& key, const std::vector<std::string>& order,
                        IndexedFacts facts) {
  std::vector<std::string> pieces = key;
  pieces.emplace_back();  // a separator: no column has an empty name
  pieces.insert(pieces.end(), order.begin(), order.end());
  if (facts == IndexedFacts::kPosition) pieces.emplace_back();
  return std::string(Sha256OfPieces(pieces).view().substr(0, 8));
}

Status MalformedEntry(const std::string& table) {
  return Status(Code::kCorruption, fmt::format("key index is malformed: table \"{}\"", table))
      .WithError(kKeyIndexDamaged)
      .WithHint("remove the project's key index folder: it is a cache and is rebuilt");
}

Result<std::vector<std::int64_t>> LongsOf(const arrow::Table& rows, const std::string& name) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(rows.num_rows()), 0);
  const auto column = rows.GetColumnByName(name);
  if (column == nullptr || column->type()->id() != arrow::Type::INT64) return out;
  std::size_t row = 0;
  for (const auto& chunk : column->chunks()) {
    const auto& longs = static_cast<const arrow::Int64Array&>(*chunk);
    for (std::int64_t i = 0; i < longs.length(); ++i, ++row) {
      if (longs.IsValid(i)) out[row] = longs.Value(i);
    }
  }
  return out;
}
}  // namespace

// The open store, and what is derived from its secret.
struct KeyIndex::Open {
  Open(std::shared_ptr<platform::RunStore> opened, std::string columns_mark)
      : store(std::move(opened)),
        hash_key(store->Hash("key")),
        hash_path(store->Hash("path")),
        hash_id(store->Hash("file id")),
        mark(std::move(columns_mark)) {}

  Hash128 EntryOfFile(std::uint64_t id) const { return hash_id(LittleEndian(id)); }
  std::uint64_t FileId(std::string_view path) const { return hash_path(path).low; }
  std::string StateAt(SnapshotId snapshot) const {
    return LittleEndian(static_cast<std::uint64_t>(snapshot.value())) + mark;
  }

  const std::shared_ptr<platform::RunStore> store;
  const SipHash128 hash_key;
  const SipHash128 hash_path;
  const SipHash128 hash_id;
  const std::string mark;
  std::mutex mutex;  // guards the names
  std::unordered_map<std::uint64_t, std::string> path_of;
};

// Writes entries in batches of bounded size.
class KeyIndexWriter {
 public:
  KeyIndexWriter(KeyIndex::Open& index, IndexedFacts facts) : index_(index), facts_(facts) {}

  Status Put(const IndexedRow& row) {
    if (row.file != file_ || !named_) WEIRHOUSE_TRY_STATUS(Name(row.file));
    bytes_.resize(kPlaceBytes);
    bytes_[0] = 'k';
    PutLittleEndian(bytes_.data() + 1, id_);
    PutLittleEndian(bytes_.data() + 9, static_cast<std::uint64_t>(row.position));
    if (facts_ == IndexedFacts::kAll) {
      bytes_.resize(kEntryHeadBytes, '\0');
      PutLittleEndian(bytes_.data() + kPlaceBytes, static_cast<std::uint64_t>(row.record.value()));
      if (row.content != nullptr) {
        std::memcpy(bytes_.data() + kPlaceBytes + 8, row.content->bytes.data(), 32);
      } else {
        std::memset(bytes_.data() + kPlaceBytes + 8, 0, 32);
      }
      bytes_ += row.order;
    }
    batch_.Put(index_.hash_key(row.key), bytes_);
    return FlushIfFull();
  }
  Status Remove(std::string_view key) {
    batch_.Remove(index_.hash_key(key));
    return FlushIfFull();
  }
  // Removes a file that left the table and that no entry names any more.
  Status Forget(const std::string& path) {
    batch_.Remove(index_.EntryOfFile(index_.FileId(path)));
    named_ = false;
    written_.erase(path);
    return FlushIfFull();
  }
  Status Finish(SnapshotId snapshot) {
    return index_.store->Commit(batch_, index_.StateAt(snapshot));
  }

 private:
  Status Name(std::string_view path) {
    file_ = path;
    named_ = true;
    id_ = index_.FileId(path);
    if (!written_.insert(file_).second) return Status::Ok();
    batch_.Put(index_.EntryOfFile(id_), "f" + file_);
    return FlushIfFull();
  }
  Status FlushIfFull() {
    if (batch_.size_bytes() < kBatchBytesMax) return Status::Ok();
    WEIRHOUSE_TRY_STATUS(index_.store->Commit(batch_, {}));
    batch_ = platform::RunBatch();
    return Status::Ok();
  }

  KeyIndex::Open& index_;
  const IndexedFacts facts_;
  platform::RunBatch batch_;
  std::string bytes_;
  std::string file_;  // of the last row
  bool named_ = false;
  std::uint64_t id_ = 0;
  std::set<std::string> written_;  // files that this writer has named
};

KeyIndex::KeyIndex(platform::RunStores& stores, std::string table_name,
                   std::vector<std::string> key_columns, std::vector<std::string> order_columns,
                   IndexedFacts facts)
    : stores_(stores),
      table_name_(std::move(table_name)),
      key_columns_(std::move(key_columns)),
      order_columns_(std::move(order_columns)),
      facts_(facts) {}

Result<KeyIndex::Open*> KeyIndex::Opened() {
  const std::scoped_lock lock(mutex_);
  if (open_ == nullptr) {
    WEIRHOUSE_TRY(auto store, stores_.Open(table_name_));
    open_ =
        std::make_shared<Open>(std::move(store), ColumnsMark(key_columns_, order_columns_, facts_));
  }
  return open_.get();
}

Result<std::optional<SnapshotId>> KeyIndex::StandsAt() {
  WEIRHOUSE_TRY(const Open* const index, Opened());
  const std::string state = index->store->state();
  if (state.size() != 16 || !state.ends_with(index->mark)) return std::optional<SnapshotId>();
  return std::optional<SnapshotId>(SnapshotId(static_cast<std::int64_t>(FromLittleEndian(state))));
}

namespace {
// The deleted positions of a task's file, sorted; absent if position deletes alone do not determine
// them.
Result<std::optional<std::vector<std::int64_t>>> MaskOf(platform::ObjectStore& store,
                                                        const Scan::Task& task) {
  std::vector<std::int64_t> mask;
  for (const auto& deletes : task.deletes) {
    if (deletes->content != DataFile::Content::kPositionDeletes ||
        deletes->format != FileFormat::kParquet)
      return std::optional<std::vector<std::int64_t>>();
    WEIRHOUSE_TRY(const std::shared_ptr<const PositionDeletes> positions,
                  LoadPositionDeletes(store, *deletes));
    const auto mine = positions->find(task.file.path);
    if (mine != positions->end()) mask.insert(mask.end(), mine->second.begin(), mine->second.end());
  }
  std::sort(mask.begin(), mask.end());
  mask.erase(std::unique(mask.begin(), mask.end()), mask.end());
  return std::optional(std::move(mask));
}

// The difference between two snapshots, in files.
struct FileSteps {
  std::vector<const Scan::Task*> gone;
  std::vector<const Scan::Task*> added;
  // Files that stayed, and their rows deleted since.
  std::vector<std::pair<const Scan::Task*, std::vector<std::int64_t>>> partly_deleted;
};

// Absent if rows reappeared, or equality deletes decide which rows are live.
Result<std::optional<FileSteps>> StepsBetween(platform::ObjectStore& store, const Scan& before,
                                              const Scan& after) {
  std::map<std::string_view, const Scan::Task*> old;
  for (const Scan::Task& task : before.tasks()) old[task.file.path] = &task;
  FileSteps steps;
  for (const Scan::Task& task : after.tasks()) {
    const auto known = old.find(task.file.path);
    if (known == old.end()) {
      steps.added.push_back(&task);
      continue;
    }
    const Scan::Task* was = known->second;
    old.erase(known);
    WEIRHOUSE_TRY(const auto mask_before, MaskOf(store, *was));
    WEIRHOUSE_TRY(const auto mask_after, MaskOf(store, task));
    if (!mask_before || !mask_after ||
        !std::includes(mask_after->begin(), mask_after->end(), mask_before->begin(),
                       mask_before->end())) {
      return std::optional<FileSteps>();
    }
    std::vector<std::int64_t> masked;
    std::set_difference(mask_after->begin(), mask_after->end(), mask_before->begin(),
                        mask_before->end(), std::back_inserter(masked));
    if (!masked.empty()) steps.partly_deleted.emplace_back(was, std::move(masked));
  }
  for (const auto& [path, task] : old) steps.gone.push_back(task);
  return std::optional(std::move(steps));
}
}  // namespace

Status KeyIndex::Refresh(platform::ObjectStore& store, const TablePtr& table) {
  const Snapshot* main = table->current_snapshot();
  const SnapshotId wanted = main != nullptr ? main->id : SnapshotId();
  WEIRHOUSE_TRY(const std::optional<SnapshotId> stands_at, StandsAt());
  if (stands_at && *stands_at == wanted) return Status::Ok();
  WEIRHOUSE_TRY(Open* const index, Opened());
  if (stands_at) {
    WEIRHOUSE_TRY(const bool followed, Follow(*index, store, table, *stands_at));
    if (followed) return Status::Ok();
  }
  return Rebuild(*index, store, table, wanted);
}

// False: not possible, so the index must be rebuilt.
Result<bool> KeyIndex::Follow(Open& index, platform::ObjectStore& store, const TablePtr& table,
                              SnapshotId from) {
  const Snapshot* was = table->FindSnapshot(from);
  const Snapshot* is = table->current_snapshot();
  // Entries hold digests of the declared columns: other columns would give other digests.
  if (was == nullptr || is == nullptr || was->schema_id != is->schema_id ||
      is->schema_id != table->schema().schema_id) {
    return false;
  }
  ScanOptions options = RowsToIndex(*table);
  WEIRHOUSE_TRY(const Scan after, Scan::Plan(store, table, options));
  options.snapshot = from;
  options.columns = key_columns_;
  WEIRHOUSE_TRY(const Scan before, Scan::Plan(store, table, options));
  WEIRHOUSE_TRY(const std::optional<FileSteps> steps, StepsBetween(store, before, after));
  if (!steps) return false;
  KeyIndexWriter writer(index, facts_);
  // A key has one row in each snapshot, so removing old rows first and adding new ones then leaves
  // each entry at its current row. If a removed file can no longer be read, rebuild instead.
  for (const Scan::Task* task : steps->gone) {
    const auto rows = before.Read(*task);
    if (!rows.ok()) return false;
    WEIRHOUSE_TRY(const KeyList keys, EncodeKeys(**rows, key_columns_));
    for (const std::string_view key : keys) WEIRHOUSE_TRY_STATUS(writer.Remove(key));
    WEIRHOUSE_TRY_STATUS(writer.Forget(task->file.path));
  }
  for (const auto& [task, masked] : steps->partly_deleted) {
    const auto rows = before.Read(*task);
    if (!rows.ok()) return false;
    WEIRHOUSE_TRY(const KeyList keys, EncodeKeys(**rows, key_columns_));
    WEIRHOUSE_TRY(const std::vector<std::int64_t> positions, LongsOf(**rows, "_pos"));
    for (std::size_t row = 0; row < keys.size(); ++row) {
      if (std::binary_search(masked.begin(), masked.end(), positions[row]))
        WEIRHOUSE_TRY_STATUS(writer.Remove(keys[row]));
    }
  }
  for (const Scan::Task* task : steps->added) WEIRHOUSE_TRY_STATUS(PutRows(after, *task, writer));
  WEIRHOUSE_TRY_STATUS(writer.Finish(is->id));
  return true;
}

ScanOptions KeyIndex::RowsToIndex(const TableMetadata& table) const {
  ScanOptions options;
  options.with_file_position = true;
  if (facts_ == IndexedFacts::kPosition) {
    options.columns = key_columns_;
    return options;
  }
  for (const Field& field : table.schema().fields) {
    if (!IsHidden(field.name) || field.name == kRecordColumn) options.columns.push_back(field.name);
  }
  return options;
}

Status KeyIndex::PutRows(const Scan& scan, const Scan::Task& task, KeyIndexWriter& writer) const {
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, scan.Read(task));
  WEIRHOUSE_TRY(const KeyList keys, EncodeKeys(*rows, key_columns_));
  WEIRHOUSE_TRY(const std::vector<std::int64_t> positions, LongsOf(*rows, "_pos"));
  KeyList orders;
  std::vector<Digest> contents;
  std::vector<std::int64_t> records;
  if (facts_ == IndexedFacts::kAll) {
    if (!order_columns_.empty()) {
      WEIRHOUSE_TRY(orders, EncodeKeys(*rows, order_columns_));
    }
    WEIRHOUSE_TRY(contents, DeclaredDigests(*rows));
    WEIRHOUSE_TRY(records, LongsOf(*rows, std::string(kRecordColumn)));
  }
  IndexedRow entry;
  entry.file = task.file.path;
  for (std::size_t row = 0; row < keys.size(); ++row) {
    entry.key = keys[row];
    entry.position = positions[row];
    if (!orders.empty()) entry.order = orders[row];
    if (!contents.empty()) {
      entry.content = &contents[row];
      entry.record = RecordId(records[row]);
    }
    WEIRHOUSE_TRY_STATUS(writer.Put(entry));
  }
  return Status::Ok();
}

Status KeyIndex::Rebuild(Open& index, platform::ObjectStore& store, const TablePtr& table,
                         SnapshotId wanted) {
  WEIRHOUSE_TRY_STATUS(index.store->Clear({}));
  WEIRHOUSE_TRY(const Scan scan, Scan::Plan(store, table, RowsToIndex(*table)));
  KeyIndexWriter writer(index, facts_);
  for (const Scan::Task& task : scan.tasks()) {  // one file's rows in memory at a time
    WEIRHOUSE_TRY_STATUS(PutRows(scan, task, writer));
  }
  return writer.Finish(wanted);
}

Result<SparseList<KeyEntry>> KeyIndex::Find(std::span<const std::string> keys) {
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  return Find(views);
}

Result<SparseList<KeyEntry>> KeyIndex::Find(std::span<const std::string_view> keys) {
  WEIRHOUSE_TRY(Open* const index, Opened());
  SparseList<KeyEntry> entries(keys.size());
  if (index->store->empty()) return entries;
  std::vector<Hash128> digests;
  digests.reserve(keys.size());
  for (const std::string_view key : keys) digests.push_back(index->hash_key(key));
  std::vector<std::uint64_t> files;  // of each entry
  const bool whole = facts_ == IndexedFacts::kAll;
  WEIRHOUSE_TRY_STATUS(
      index->store->Find(digests, [&](std::size_t at, std::string_view bytes) -> Status {
        const bool fits = whole ? bytes.size() >= kEntryHeadBytes : bytes.size() == kPlaceBytes;
        if (!fits || bytes[0] != 'k') return MalformedEntry(table_name_);
        files.push_back(FromLittleEndian(bytes.substr(1)));
        KeyEntry entry;
        entry.position.position = static_cast<std::int64_t>(FromLittleEndian(bytes.substr(9)));
        if (whole) {
          entry.record =
              RecordId(static_cast<std::int64_t>(FromLittleEndian(bytes.substr(kPlaceBytes))));
          std::memcpy(entry.content.bytes.data(), bytes.data() + kPlaceBytes + 8, 32);
          entry.order = bytes.substr(kEntryHeadBytes);
        }
        entries.Put(at, std::move(entry));
        return Status::Ok();
      }));
  if (!files.empty()) WEIRHOUSE_TRY_STATUS(NameFiles(*index, files, entries.there()));
  return entries;
}

// Fills in the path of each entry; `ids` has the file of each.
Status KeyIndex::NameFiles(Open& index, const std::vector<std::uint64_t>& ids,
                           std::span<KeyEntry> entries) {
  const std::scoped_lock lock(index.mutex);
  if (index.path_of.size() > kFileNamesMax) index.path_of.clear();
  std::set<std::uint64_t> unknown;
  for (const std::uint64_t id : ids) {
    if (index.path_of.count(id) == 0) unknown.insert(id);
  }
  std::vector<Hash128> asked;
  for (const std::uint64_t id : unknown) asked.push_back(index.EntryOfFile(id));
  WEIRHOUSE_TRY_STATUS(index.store->Find(asked, [&](std::size_t, std::string_view bytes) {
    if (bytes.empty() || bytes[0] != 'f') return MalformedEntry(table_name_);
    const std::string_view path = bytes.substr(1);
    index.path_of[index.FileId(path)] = path;
    return Status::Ok();
  }));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto file = index.path_of.find(ids[i]);
    if (file == index.path_of.end()) return MalformedEntry(table_name_);
    entries[i].position.file = file->second;
  }
  return Status::Ok();
}

Status KeyIndex::Apply(const TablePtr& staged,
                       std::span<const std::pair<std::string, KeyEntry>> entries,
                       std::span<const std::string> removed) {
  return Apply(
      staged,
      [&](const Put& put) {
        for (const auto& [key, entry] : entries) {
          WEIRHOUSE_TRY_STATUS(put({key, entry.position.file, entry.position.position, entry.order,
                                    &entry.content, entry.record}));
        }
        return Status::Ok();
      },
      removed);
}

Status KeyIndex::Apply(const TablePtr& staged, const NameRows& name_rows,
                       std::span<const std::string> removed) {
  WEIRHOUSE_TRY(Open* const index, Opened());
  const Snapshot* main = staged->current_snapshot();
  KeyIndexWriter writer(*index, facts_);
  for (const std::string& key : removed) WEIRHOUSE_TRY_STATUS(writer.Remove(key));
  WEIRHOUSE_TRY_STATUS(name_rows([&](const IndexedRow& row) { return writer.Put(row); }));
  return writer.Finish(main != nullptr ? main->id : SnapshotId());
}

Result<std::int64_t> KeyIndex::Count() {
  WEIRHOUSE_TRY(const Open* const index, Opened());
  std::int64_t count = 0;
  WEIRHOUSE_TRY_STATUS(index->store->ForEach([&](const Hash128&, std::string_view bytes) {
    count += bytes.starts_with('k') ? 1 : 0;
    return Status::Ok();
  }));
  return count;
}
}  // namespace weirhouse::iceberg

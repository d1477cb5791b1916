// Key space of one table (prefix = table name, 00):
//
//   prefix 's'                → state: 8 bytes LE snapshot id, 4 bytes LE next file id,
//                               8 bytes of a digest of the key and order columns
//   prefix 'f' id (4 bytes BE) → path of a data file
//   prefix 'k' key            → entry:
//        file id (4 LE) | position (8 LE) | record id (8 LE) | content digest (32) | order bytes
//
// The state row is deleted before a change that takes several batches and written with the last of
// them, so that a crash in between leaves an index without state, which is rebuilt. Nothing is
// synced: after a power cut the index stands at an older snapshot and is rebuilt too.
#include "ground/iceberg/index/key_index.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>

#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/read/row_digest.h"
#include "ground/iceberg/read/scan.h"
#include "ground/iceberg/type/key_encoding.h"

namespace weirhouse::iceberg {
namespace {

constexpr std::int64_t kBatchEntriesMax = 20'000;  // about 3 MB
constexpr std::size_t kEntryHeadBytes = 4 + 8 + 8 + 32;

std::string LittleEndian(std::uint64_t value, std::size_t bytes) {
  std::string out(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>(value >> (8 * i));
  return out;
}
std::uint64_t FromLittleEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = (value << 8) | static_cast<std::uint8_t>(bytes[i]);
  }
  return value;
}

// Identifies the columns of which entries are made: with other columns the entries are meaningless,
// even if the rows are the same.
std::string ColumnsMark(const std::vector<std::string>& key,
                        const std::vector<std::string>& order) {
  std::vector<std::string> pieces = key;
  pieces.emplace_back();  // a separator: no column has an empty name
  pieces.insert(pieces.end(), order.begin(), order.end());
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

// File paths by id and back: entries hold 4 bytes instead of a path. Loaded on first use.
struct KeyIndex::Files {
  std::mutex mutex;
  bool loaded = false;
  std::uint32_t next_id = 1;
  std::map<std::uint32_t, std::string> path_of;
  std::map<std::string, std::uint32_t, std::less<>> id_of;

  void Clear() {
    next_id = 1;
    path_of.clear();
    id_of.clear();
    loaded = true;
  }
};

// Writes entries in batches of bounded size.
class KeyIndexWriter {
 public:
  KeyIndexWriter(KeyIndex& index, bool whole_in_one) : index_(index), one_(whole_in_one) {
    batch_ = index.store_.NewBatch();
  }

  Status Put(std::string_view key, const KeyEntry& entry) {
    std::string value = LittleEndian(FileId(entry.position.file), 4);
    value += LittleEndian(static_cast<std::uint64_t>(entry.position.position), 8);
    value += LittleEndian(static_cast<std::uint64_t>(entry.record.value()), 8);
    value += entry.content.view();
    value += entry.order;
    batch_->Put(index_.EntryKey(key), value);
    return FlushIfFull();
  }
  Status Remove(std::string_view key) {
    batch_->Delete(index_.EntryKey(key));
    return FlushIfFull();
  }
  // Removes a file that left the table and that no entry names any more.
  void Forget(const std::string& path) {
    KeyIndex::Files& files = *index_.files_;
    const std::scoped_lock lock(files.mutex);
    const auto known = files.id_of.find(path);
    if (known == files.id_of.end()) return;
    batch_->Delete(index_.FileKey(known->second));
    files.path_of.erase(known->second);
    files.id_of.erase(known);
  }
  Status Finish(SnapshotId snapshot) {
    std::string state = LittleEndian(static_cast<std::uint64_t>(snapshot.value()), 8);
    state += LittleEndian(index_.files_->next_id, 4);
    state += ColumnsMark(index_.key_columns_, index_.order_columns_);
    batch_->Put(index_.Key('s', ""), state);
    return index_.store_.Write(*batch_, /*sync=*/false);
  }

 private:
  std::uint32_t FileId(const std::string& path) {
    KeyIndex::Files& files = *index_.files_;
    const std::scoped_lock lock(files.mutex);
    if (const auto it = files.id_of.find(path); it != files.id_of.end()) return it->second;
    const std::uint32_t id = files.next_id++;
    files.id_of[path] = id;
    files.path_of[id] = path;
    batch_->Put(index_.FileKey(id), path);
    return id;
  }
  Status FlushIfFull() {
    if (one_ || batch_->count() < kBatchEntriesMax) return Status::Ok();
    WEIRHOUSE_TRY_STATUS(index_.store_.Write(*batch_, /*sync=*/false));
    batch_ = index_.store_.NewBatch();
    return Status::Ok();
  }

  KeyIndex& index_;
  bool one_;
  std::unique_ptr<platform::KvBatch> batch_;
};

KeyIndex::KeyIndex(platform::KvStore& store, std::string table_name,
                   std::vector<std::string> key_columns, std::vector<std::string> order_columns)
    : store_(store),
      table_name_(std::move(table_name)),
      key_columns_(std::move(key_columns)),
      order_columns_(std::move(order_columns)),
      files_(std::make_shared<Files>()) {}

std::string KeyIndex::Key(char kind, std::string_view rest) const {
  std::string key = table_name_;
  key += '\0';
  key += kind;
  key += rest;
  return key;
}
std::string KeyIndex::EntryKey(std::string_view key) const { return Key('k', key); }
std::string KeyIndex::FileKey(std::uint32_t id) const {
  std::string big = LittleEndian(id, 4);
  std::reverse(big.begin(), big.end());
  return Key('f', big);
}

Result<std::optional<SnapshotId>> KeyIndex::StandsAt() {
  WEIRHOUSE_TRY(const std::optional<std::string> state, store_.Get(Key('s', "")));
  if (!state || state->size() != 20) return std::optional<SnapshotId>();
  const std::string_view bytes = *state;
  if (bytes.substr(12) != ColumnsMark(key_columns_, order_columns_))
    return std::optional<SnapshotId>();
  return std::optional<SnapshotId>(
      SnapshotId(static_cast<std::int64_t>(FromLittleEndian(bytes.substr(0, 8)))));
}

Status KeyIndex::LoadFiles() {
  const std::scoped_lock lock(files_->mutex);
  if (files_->loaded) return Status::Ok();
  files_->Clear();
  const std::size_t head = Key('f', "").size();
  WEIRHOUSE_TRY_STATUS(
      store_.Scan(Key('f', ""), Key('g', ""), [&](std::string_view key, std::string_view value) {
        std::string id(key.substr(head));
        std::reverse(id.begin(), id.end());
        const auto number = static_cast<std::uint32_t>(FromLittleEndian(id));
        files_->path_of[number] = std::string(value);
        files_->id_of[std::string(value)] = number;
        files_->next_id = std::max(files_->next_id, number + 1);
        return true;
      }));
  return Status::Ok();
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
  if (stands_at && *stands_at == wanted) return LoadFiles();
  if (stands_at) {
    WEIRHOUSE_TRY(const bool followed, Follow(store, table, *stands_at));
    if (followed) return Status::Ok();
  }
  return Rebuild(store, table, wanted);
}

// False: not possible, so the index must be rebuilt.
Result<bool> KeyIndex::Follow(platform::ObjectStore& store, const TablePtr& table,
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
  WEIRHOUSE_TRY_STATUS(LoadFiles());
  auto mark = store_.NewBatch();
  mark->Delete(Key('s', ""));
  WEIRHOUSE_TRY_STATUS(store_.Write(*mark, /*sync=*/false));
  KeyIndexWriter writer(*this, /*whole_in_one=*/false);
  // A key has one row in each snapshot, so removing old rows first and adding new ones then leaves
  // each entry at its current row. If a removed file can no longer be read, rebuild instead.
  for (const Scan::Task* task : steps->gone) {
    const auto rows = before.Read(*task);
    if (!rows.ok()) return false;
    WEIRHOUSE_TRY(const std::vector<std::string> keys, EncodeKeys(**rows, key_columns_));
    for (const std::string& key : keys) WEIRHOUSE_TRY_STATUS(writer.Remove(key));
    writer.Forget(task->file.path);
  }
  for (const auto& [task, masked] : steps->partly_deleted) {
    const auto rows = before.Read(*task);
    if (!rows.ok()) return false;
    WEIRHOUSE_TRY(const std::vector<std::string> keys, EncodeKeys(**rows, key_columns_));
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

ScanOptions KeyIndex::RowsToIndex(const TableMetadata& table) {
  ScanOptions options;
  for (const Field& field : table.schema().fields) {
    if (!IsHidden(field.name) || field.name == kRecordColumn) options.columns.push_back(field.name);
  }
  options.with_file_position = true;
  return options;
}

Status KeyIndex::PutRows(const Scan& scan, const Scan::Task& task, KeyIndexWriter& writer) const {
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, scan.Read(task));
  WEIRHOUSE_TRY(const std::vector<std::string> keys, EncodeKeys(*rows, key_columns_));
  WEIRHOUSE_TRY(std::vector<std::string> orders, EncodeKeys(*rows, order_columns_));
  WEIRHOUSE_TRY(const std::vector<Digest> contents, DeclaredDigests(*rows));
  WEIRHOUSE_TRY(const std::vector<std::int64_t> positions, LongsOf(*rows, "_pos"));
  WEIRHOUSE_TRY(const std::vector<std::int64_t> records,
                LongsOf(*rows, std::string(kRecordColumn)));
  for (std::size_t row = 0; row < keys.size(); ++row) {
    KeyEntry entry;
    entry.position = {task.file.path, positions[row]};
    entry.order = std::move(orders[row]);
    entry.content = contents[row];
    entry.record = RecordId(records[row]);
    WEIRHOUSE_TRY_STATUS(writer.Put(keys[row], entry));
  }
  return Status::Ok();
}

Status KeyIndex::Rebuild(platform::ObjectStore& store, const TablePtr& table, SnapshotId wanted) {
  auto clear = store_.NewBatch();
  clear->DeleteRange(Key('\x00', ""), Key('\xff', ""));
  WEIRHOUSE_TRY_STATUS(store_.Write(*clear, /*sync=*/false));
  {
    const std::scoped_lock lock(files_->mutex);
    files_->Clear();
  }
  WEIRHOUSE_TRY(const Scan scan, Scan::Plan(store, table, RowsToIndex(*table)));
  KeyIndexWriter writer(*this, /*whole_in_one=*/false);
  for (const Scan::Task& task : scan.tasks()) {  // one file's rows in memory at a time
    WEIRHOUSE_TRY_STATUS(PutRows(scan, task, writer));
  }
  return writer.Finish(wanted);
}

Result<std::vector<std::optional<KeyEntry>>> KeyIndex::Find(const std::vector<std::string>& keys) {
  WEIRHOUSE_TRY_STATUS(LoadFiles());
  std::vector<std::string> full;
  full.reserve(keys.size());
  for (const std::string& key : keys) full.push_back(EntryKey(key));
  WEIRHOUSE_TRY(const std::vector<std::optional<std::string>> values, store_.MultiGet(full));
  std::vector<std::optional<KeyEntry>> entries(keys.size());
  const std::scoped_lock lock(files_->mutex);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) continue;
    const std::string_view bytes = *values[i];
    if (bytes.size() < kEntryHeadBytes) return MalformedEntry(table_name_);
    const auto file =
        files_->path_of.find(static_cast<std::uint32_t>(FromLittleEndian(bytes.substr(0, 4))));
    if (file == files_->path_of.end()) return MalformedEntry(table_name_);
    KeyEntry& entry = entries[i].emplace();
    entry.position.file = file->second;
    entry.position.position = static_cast<std::int64_t>(FromLittleEndian(bytes.substr(4, 8)));
    entry.record = RecordId(static_cast<std::int64_t>(FromLittleEndian(bytes.substr(12, 8))));
    std::memcpy(entry.content.bytes.data(), bytes.data() + 20, 32);
    entry.order = std::string(bytes.substr(kEntryHeadBytes));
  }
  return entries;
}

Status KeyIndex::Apply(const TablePtr& staged,
                       std::span<const std::pair<std::string, KeyEntry>> entries,
                       std::span<const std::string> removed) {
  return Apply(
      staged, entries.size(),
      [&](std::size_t i) -> std::pair<std::string_view, KeyEntry> { return entries[i]; }, removed);
}

Status KeyIndex::Apply(const TablePtr& staged, std::size_t count, const EntryAt& entry_at,
                       std::span<const std::string> removed) {
  WEIRHOUSE_TRY_STATUS(LoadFiles());
  const Snapshot* main = staged->current_snapshot();
  const bool small = static_cast<std::int64_t>(count + removed.size()) <= kBatchEntriesMax;
  if (!small) {
    auto mark = store_.NewBatch();
    mark->Delete(Key('s', ""));
    WEIRHOUSE_TRY_STATUS(store_.Write(*mark, /*sync=*/false));
  }
  KeyIndexWriter writer(*this, small);
  for (const std::string& key : removed) WEIRHOUSE_TRY_STATUS(writer.Remove(key));
  for (std::size_t i = 0; i < count; ++i) {
    const auto [key, entry] = entry_at(i);
    WEIRHOUSE_TRY_STATUS(writer.Put(key, entry));
  }
  return writer.Finish(main != nullptr ? main->id : SnapshotId());
}

Result<std::int64_t> KeyIndex::Count() {
  std::int64_t count = 0;
  WEIRHOUSE_TRY_STATUS(
      store_.Scan(Key('k', ""), Key('l', ""), [&](std::string_view, std::string_view) {
        ++count;
        return true;
      }));
  return count;
}
}  // namespace weirhouse::iceberg

#include "ground/iceberg/write/move_table.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "ground/base/failpoint.h"
#include "ground/iceberg/format/avro_edit.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/write/stage_state.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/io/moved_store.h"

namespace weirhouse::iceberg {
namespace {
// Field ids of the Iceberg specification: manifest list, manifest entry, data file, position delete.
constexpr int kManifestPathId = 500;
constexpr int kManifestLengthId = 501;
constexpr int kStatusId = 0;
constexpr int kDataFileId = 2;
constexpr int kContentId = 134;
constexpr int kEntryPathId = 100;
constexpr int kFormatId = 101;
constexpr int kFileSizeId = 104;
constexpr int kReferencedFileId = 143;
constexpr int kLowerBoundId = 127;
constexpr int kUpperBoundId = 130;
constexpr int kMaskedPathId = 2147483546;
constexpr int kMaskedPositionId = 2147483545;

constexpr std::int64_t kDeletedEntry = 2;
constexpr std::int64_t kPositionDeleteContent = 1;
constexpr std::string_view kPuffinMagic = "PFA1";
constexpr std::size_t kPuffinTailBytes = 12;  // size of the footer's text, flags, magic

// A rewritten file.
struct Rewritten {
  std::string path;
  std::int64_t size_bytes = 0;
  std::string first_masked;  // of a position-delete file: its bounds
  std::string last_masked;
};

std::uint32_t LittleEndianAt(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i > 0; --i)
    value = (value << 8) | static_cast<std::uint8_t>(bytes[at + i - 1]);
  return value;
}

class TableMover {
 public:
  TableMover(platform::ObjectStore& store, const TableMetadata& table, Random& random,
             const TableMove& move)
      : store_(store), table_(table), random_(random), move_(move) {}

  std::string Moved(std::string_view location) {
    std::string moved = platform::MapLocation(location, move_.former, move_.present);
    changed_ = changed_ || moved != location;
    return moved;
  }
  // Whether any location changed since the last call.
  bool TakeChanged() { return std::exchange(changed_, false); }

  Result<std::string> MoveList(const Snapshot& snapshot) {
    const auto known = lists_.find(snapshot.manifest_list);
    if (known != lists_.end()) return known->second;
    const Rewritten* manifest = nullptr;
    AvroEdit edit;
    edit.begin = [&](const AvroValue& record) -> Status {
      const AvroValue* path = record.Find(kManifestPathId);
      if (path == nullptr) {
        return Status(Code::kCorruption,
                      fmt::format("an entry of a manifest list has no manifest path: {}",
                                  snapshot.manifest_list))
            .WithError("WH7053");
      }
      WEIRHOUSE_TRY(manifest, MoveManifest(std::string(path->bytes)));
      return Status();
    };
    edit.text = [&](int id, std::int64_t, std::string_view value) {
      return id == kManifestPathId ? manifest->path : std::string(value);
    };
    edit.number = [&](int id, std::int64_t value) {
      return id == kManifestLengthId ? manifest->size_bytes : value;
    };
    WEIRHOUSE_TRY(const std::string bytes, store_.Read(LocalPath(snapshot.manifest_list)));
    WEIRHOUSE_TRY(std::string edited, EditAvro(bytes, edit));
    const std::string path = FolderOf(snapshot.manifest_list) +
                             fmt::format("snap-{}-1-{}.avro", snapshot.id.value(), random_.Uuid4());
    WEIRHOUSE_TRY_STATUS(Write(catalog::FileKind::kManifestList, path, edited));
    return lists_[snapshot.manifest_list] = path;
  }

  std::vector<catalog::FileRecord> TakeRecords() { return std::move(records_); }

 private:
  // The present folder, with a slash.
  std::string FolderOf(const std::string& path) {
    const std::string moved = Moved(path);
    return moved.substr(0, moved.rfind('/') + 1);
  }

  void Remember(catalog::FileKind kind, const std::string& path, std::int64_t size_bytes,
                const Digest& sha256) {
    catalog::FileRecord record;
    record.path = LocalPath(path);
    record.table = table_.name;
    record.kind = kind;
    record.size_bytes = size_bytes;
    record.sha256 = sha256;
    records_.push_back(std::move(record));
  }

  Status Write(catalog::FileKind kind, const std::string& path, std::string_view bytes) {
    WEIRHOUSE_FAILPOINT("table.move.before_write");
    WEIRHOUSE_TRY_STATUS(store_.Write(LocalPath(path), bytes));
    Remember(kind, path, static_cast<std::int64_t>(bytes.size()), Sha256Of(bytes));
    WEIRHOUSE_FAILPOINT("table.move.after_write");
    return Status();
  }

  // The results are in maps, whose nodes do not move.
  Result<const Rewritten*> MoveManifest(const std::string& path) {
    const auto [place, is_new] = manifests_.try_emplace(path);
    Rewritten& moved = place->second;
    if (!is_new) return &moved;
    const Rewritten* deletes = nullptr;
    AvroEdit edit;
    edit.begin = [&](const AvroValue& record) -> Status {
      WEIRHOUSE_TRY(deletes, MoveDeletesOf(record));
      return Status();
    };
    edit.text = [&](int id, std::int64_t key, std::string_view value) -> std::string {
      const bool bound = (id == kLowerBoundId || id == kUpperBoundId) && key == kMaskedPathId;
      if (bound && deletes != nullptr && !deletes->first_masked.empty())
        return id == kLowerBoundId ? deletes->first_masked : deletes->last_masked;
      if (id == kEntryPathId && deletes != nullptr) return deletes->path;
      return id == kEntryPathId || id == kReferencedFileId ? Moved(value) : std::string(value);
    };
    edit.number = [&](int id, std::int64_t value) {
      return id == kFileSizeId && deletes != nullptr ? deletes->size_bytes : value;
    };
    WEIRHOUSE_TRY(const std::string bytes, store_.Read(LocalPath(path)));
    WEIRHOUSE_TRY(const std::string edited, EditAvro(bytes, edit));
    moved.path = FolderOf(path) + random_.Uuid4() + "-m0.avro";
    moved.size_bytes = static_cast<std::int64_t>(edited.size());
    WEIRHOUSE_TRY_STATUS(Write(catalog::FileKind::kManifest, moved.path, edited));
    return &moved;
  }

  // The rewritten position-delete file of an entry; null if it names none that are rewritten.
  Result<const Rewritten*> MoveDeletesOf(const AvroValue& entry) {
    const AvroValue* status = entry.Find(kStatusId);
    const AvroValue* file = entry.Find(kDataFileId);
    const AvroValue* content = file == nullptr ? nullptr : file->Find(kContentId);
    const Rewritten* none = nullptr;
    if (content == nullptr || content->integer != kPositionDeleteContent) return none;
    if (status == nullptr || status->integer == kDeletedEntry) return none;
    const AvroValue* path = file->Find(kEntryPathId);
    const AvroValue* format = file->Find(kFormatId);
    if (path == nullptr || format == nullptr) return none;
    const auto [place, is_new] = deletes_.try_emplace(std::string(path->bytes));
    Rewritten& moved = place->second;
    if (!is_new) return &moved;
    if (ParseFileFormat(format->bytes) == FileFormat::kPuffin) {
      WEIRHOUSE_TRY_STATUS(MovePuffin(place->first, moved));
    } else {
      WEIRHOUSE_TRY_STATUS(MovePositions(place->first, moved));
    }
    return &moved;
  }

  // "…/r12-0-1a2b-deletes.parquet" → "…/r12-0-1a2b-deletes-3c4d5e6f.parquet"
  std::string NewDeletesPath(const std::string& path) {
    const std::string moved = Moved(path);
    const auto dot = moved.rfind('.');
    const auto end = dot == std::string::npos || dot < moved.rfind('/') ? moved.size() : dot;
    return fmt::format("{}-{:08x}{}", moved.substr(0, end),
                       static_cast<std::uint32_t>(random_.Next()), moved.substr(end));
  }

  Status MovePositions(const std::string& path, Rewritten& moved) {
    const auto field = [](const char* name, std::shared_ptr<arrow::DataType> type, int id) {
      return arrow::field(
          name, std::move(type), /*nullable=*/false,
          arrow::KeyValueMetadata::Make({"PARQUET:field_id"}, {std::to_string(id)}));
    };
    const auto schema = arrow::schema({field("file_path", arrow::utf8(), kMaskedPathId),
                                       field("pos", arrow::int64(), kMaskedPositionId)});
    platform::ParquetReadOptions options;
    options.schema = schema;
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows,
                  platform::ReadParquet(store_, LocalPath(path), options));
    arrow::StringBuilder paths;
    arrow::Status built;
    for (const std::shared_ptr<arrow::Array>& chunk : rows->column(0)->chunks()) {
      const auto texts = std::dynamic_pointer_cast<arrow::StringArray>(chunk);
      if (texts == nullptr || texts->null_count() > 0) return Malformed(path);
      for (std::int64_t i = 0; i < texts->length() && built.ok(); ++i) {
        const std::string masked = Moved(texts->GetView(i));
        built = paths.Append(masked);
        if (moved.first_masked.empty() || masked < moved.first_masked) moved.first_masked = masked;
        moved.last_masked = std::max(moved.last_masked, masked);
      }
    }
    const auto finished =
        built.ok() ? paths.Finish() : arrow::Result<std::shared_ptr<arrow::Array>>(built);
    if (!finished.ok())
      return Status(Code::kInternal, "arrow: position deletes do not fit in memory");
    const auto table = arrow::Table::Make(
        schema, {std::make_shared<arrow::ChunkedArray>(*finished), rows->column(1)});
    platform::ParquetOptions written_as;
    written_as.delta_columns = {"pos"};
    moved.path = NewDeletesPath(path);
    WEIRHOUSE_FAILPOINT("table.move.before_write");
    WEIRHOUSE_TRY(const platform::ParquetFile written,
                  platform::WriteParquet(store_, LocalPath(moved.path), *table, written_as));
    moved.size_bytes = written.size_bytes;
    Remember(catalog::FileKind::kDeletes, moved.path, written.size_bytes, written.sha256);
    return Status();
  }

  static Status Malformed(const std::string& path) {
    return Status(Code::kCorruption, fmt::format("position-delete file is malformed: {}", path))
        .WithError("WH7061");
  }

  Status MovePuffin(const std::string& path, Rewritten& moved) {
    WEIRHOUSE_TRY(const std::string bytes, store_.Read(LocalPath(path)));
    const std::string edited = MovePuffinFile(bytes, move_);
    moved.path = NewDeletesPath(path);
    moved.size_bytes = static_cast<std::int64_t>(edited.size());
    return Write(catalog::FileKind::kDeletes, moved.path, edited);
  }

  platform::ObjectStore& store_;
  const TableMetadata& table_;
  Random& random_;
  const TableMove& move_;
  bool changed_ = false;
  std::map<std::string, std::string> lists_;
  std::map<std::string, Rewritten> manifests_;
  std::map<std::string, Rewritten> deletes_;
  std::vector<catalog::FileRecord> records_;
};

// Moves locations in members that we do not interpret.
void MoveOtherKeys(std::map<std::string, std::string>& keys, const TableMove& move) {
  for (auto& [key, text] : keys) {
    nlohmann::json value = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (value.is_discarded()) continue;
    nlohmann::json moved = MoveJsonLocations(value, move);
    if (moved != value) text = moved.dump();
  }
}
}  // namespace

nlohmann::json MoveJsonLocations(nlohmann::json value, const TableMove& move) {
  if (value.is_string()) {
    return platform::MapLocation(value.get_ref<const std::string&>(), move.former, move.present);
  }
  if (value.is_structured()) {
    for (auto& item : value) item = MoveJsonLocations(std::move(item), move);
  }
  return value;
}

std::string MovePuffinFile(std::string_view bytes, const TableMove& move) {
  const std::size_t size = bytes.size();
  if (size < 2 * kPuffinMagic.size() + kPuffinTailBytes || !bytes.ends_with(kPuffinMagic))
    return std::string(bytes);
  const std::size_t text_size = LittleEndianAt(bytes, size - kPuffinTailBytes);
  if (text_size > size - 2 * kPuffinMagic.size() - kPuffinTailBytes) return std::string(bytes);
  const std::size_t begin = size - kPuffinTailBytes - text_size;
  const auto footer = nlohmann::json::parse(bytes.substr(begin, text_size), nullptr,
                                            /*allow_exceptions=*/false);
  if (!footer.is_object()) return std::string(bytes);
  const std::string text = MoveJsonLocations(footer, move).dump();
  std::string moved(bytes.substr(0, begin));
  moved += text;
  for (int shift = 0; shift < 32; shift += 8)
    moved += static_cast<char>((text.size() >> shift) & 0xff);
  moved += bytes.substr(size - kPuffinTailBytes + 4);
  return moved;
}

Result<StagedTable> StageMove(platform::ObjectStore& store, const TablePtr& base, Random& random,
                              const TableMove& move, ProcessTime now) {
  TableMover mover(store, *base, random, move);
  TableMetadata next = *base;
  next.location = mover.Moved(base->location);
  auto follows = std::make_shared<TableMetadata>(*base);
  follows->metadata_location = mover.Moved(base->metadata_location);
  for (auto& [time, location] : next.metadata_log) location = mover.Moved(location);
  for (auto& [key, value] : next.properties) value = mover.Moved(value);
  MoveOtherKeys(next.other_keys, move);
  for (Snapshot& snapshot : next.snapshots) {
    MoveOtherKeys(snapshot.other_keys, move);
    if (!snapshot.manifest_list.empty()) mover.Moved(snapshot.manifest_list);
  }
  if (!mover.TakeChanged()) return StagedTable();  // the table is outside the moved folder
  for (Snapshot& snapshot : next.snapshots) {
    if (snapshot.manifest_list.empty()) continue;
    WEIRHOUSE_TRY(snapshot.manifest_list, mover.MoveList(snapshot));
  }
  WEIRHOUSE_TRY(StagedTable staged, WriteNextMetadata(store, follows, random, std::move(next), now,
                                                      mover.TakeRecords()));
  staged.change.expected_metadata_location = base->metadata_location;
  return staged;
}
}  // namespace weirhouse::iceberg

#include "ground/iceberg/read/snapshot_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/table_cache.h"

namespace weirhouse::iceberg {
namespace {

using ContentKind = DataFile::Content;
using ListPtr = std::shared_ptr<const ManifestList>;

Status Contradiction(std::string message) {
  return Status(Code::kInvalidInput, std::move(message))
      .WithError("WH7078")
      .WithHint("nothing was committed; report it to the developers of the engine that wrote it");
}

// One Puffin file holds the deletion vectors of several data files; any other file is identified by
// its path.
std::string IdentityOf(const DataFile& file) {
  if (file.format != FileFormat::kPuffin) return file.path;
  return file.path + "\n" + file.referenced_data_file.value_or("");
}

bool SameManifest(const ManifestFile& a, const ManifestFile& b) {
  return a.path == b.path && a.length == b.length && a.spec_id == b.spec_id &&
         a.content == b.content && a.sequence_number == b.sequence_number &&
         a.added_by == b.added_by && a.added_files == b.added_files &&
         a.existing_files == b.existing_files && a.added_rows == b.added_rows &&
         a.existing_rows == b.existing_rows;
}

// Bounds may be omitted or widened with their type (4 to 8 bytes); any other difference is a
// changed claim.
bool SameBound(const std::optional<std::string>& was, const std::optional<std::string>& is) {
  if (!was || !is || *was == *is) return true;
  return was->size() == 4 && is->size() == 8;
}

bool SameBounds(const DataFile& was, const DataFile& is) {
  for (const auto& [column, statistics] : is.columns) {
    const auto it = was.columns.find(column);
    if (it == was.columns.end()) {
      if (statistics.lower_bound || statistics.upper_bound) return false;
      continue;
    }
    if (!SameBound(it->second.lower_bound, statistics.lower_bound) ||
        !SameBound(it->second.upper_bound, statistics.upper_bound)) {
      return false;
    }
  }
  return true;
}

bool SameFormat(const DataFile& was, const DataFile& is) {
  if (was.format != is.format) return false;
  return was.format != FileFormat::kOther ||
         LowerCase(was.format_spelling) == LowerCase(is.format_spelling);
}

bool SameDescription(const DataFile& was, const DataFile& is) {
  return was.content == is.content && was.spec_id == is.spec_id && was.partition == is.partition &&
         was.row_count == is.row_count && was.size_bytes == is.size_bytes && SameFormat(was, is) &&
         was.equality_ids == is.equality_ids &&
         was.referenced_data_file == is.referenced_data_file && SameBounds(was, is);
}

// Counts the live rows of one snapshot: the counts of its lists, less the rows that position
// deletes mask.
class RowCount {
 public:
  // `of_client`: a client has just named the list, and what it names may be missing.
  RowCount(platform::ObjectStore& store, const TableMetadata& table, const ManifestList& list,
           bool of_client)
      : store_(store), table_(table), list_(list), of_client_(of_client) {}

  Result<std::int64_t> Count() {
    std::int64_t rows = 0;
    bool deletes = false;
    for (const ManifestFile& file : list_) {
      if (!file.has_live_files()) continue;
      if (file.content == ManifestFile::Content::kDeletes) {
        deletes = true;
        continue;
      }
      std::int64_t counted = file.added_rows + file.existing_rows;
      if (counted == 0) {  // lists of version 1 may omit the counts
        WEIRHOUSE_TRY(const std::shared_ptr<const Manifest> manifest,
                      LoadManifest(store_, table_, file));
        for (const ManifestEntry& entry : manifest->entries) {
          if (entry.live()) counted += entry.file->row_count;
        }
      }
      rows += counted;
    }
    if (!deletes) return rows;
    WEIRHOUSE_TRY(const std::int64_t masked, Masked());
    return rows - masked;
  }

 private:
  struct Mask {
    std::vector<std::int64_t> positions;
    std::int64_t of_vector = -1;  // a deletion vector stands for all deletes of its file
    std::int64_t row_count = 0;
  };

  Result<std::int64_t> Masked() {
    std::vector<std::shared_ptr<const Manifest>> deletes;
    for (const ManifestFile& file : list_) {
      if (!file.has_live_files()) continue;
      WEIRHOUSE_TRY(std::shared_ptr<const Manifest> manifest, LoadManifest(store_, table_, file));
      (file.content == ManifestFile::Content::kData ? data_ : deletes)
          .push_back(std::move(manifest));
    }
    for (const auto& manifest : deletes) {
      for (const ManifestEntry& entry : manifest->entries) {
        if (!entry.live() || entry.file->content != ContentKind::kPositionDeletes) continue;
        WEIRHOUSE_TRY_STATUS(Add(*entry.file));
      }
    }
    std::int64_t masked = 0;
    for (auto& [path, mask] : masks_) {
      if (mask.of_vector >= 0) {
        masked += std::min(mask.of_vector, mask.row_count);
        continue;
      }
      auto& list = mask.positions;
      std::sort(list.begin(), list.end());
      list.erase(std::unique(list.begin(), list.end()), list.end());
      const auto begin = std::lower_bound(list.begin(), list.end(), 0);
      masked += std::lower_bound(begin, list.end(), mask.row_count) - begin;
    }
    return masked;
  }

  Status Add(const DataFile& deletes) {
    if (deletes.format == FileFormat::kPuffin) {
      if (!deletes.referenced_data_file) return Status::Ok();
      const DataFile* file = Find(*deletes.referenced_data_file);
      if (file == nullptr || file->data_sequence_number > deletes.data_sequence_number) {
        return Status::Ok();
      }
      Mask& mask = masks_[file->path];
      mask.of_vector = deletes.row_count;
      mask.row_count = file->row_count;
      return Status::Ok();
    }
    WEIRHOUSE_TRY(
        const std::shared_ptr<const PositionDeletes> positions,
        of_client_ ? ReloadPositionDeletes(store_, deletes) : LoadPositionDeletes(store_, deletes));
    for (const auto& [path, list] : *positions) {
      const DataFile* file = Find(path);
      if (file == nullptr || file->data_sequence_number > deletes.data_sequence_number ||
          file->spec_id != deletes.spec_id || file->partition != deletes.partition) {
        continue;
      }
      Mask& mask = masks_[file->path];
      mask.row_count = file->row_count;
      mask.positions.insert(mask.positions.end(), list.begin(), list.end());
    }
    return Status::Ok();
  }

  const DataFile* Find(std::string_view path) const {
    for (const auto& manifest : data_) {
      const auto it = manifest->live_by_path.find(path);
      if (it != manifest->live_by_path.end()) return manifest->entries[it->second].file.get();
    }
    return nullptr;
  }

  platform::ObjectStore& store_;
  const TableMetadata& table_;
  const ManifestList& list_;
  bool of_client_;
  std::vector<std::shared_ptr<const Manifest>> data_;
  std::unordered_map<std::string_view, Mask> masks_;
};

class Comparison {
 public:
  Comparison(platform::ObjectStore& store, const TableMetadata& table, const Snapshot& after,
             const MayOpen& may_open)
      : store_(store), table_(table), after_(after), may_open_(may_open) {}

  // What a client names may be missing; what the table names may not.
  bool of_client() const { return may_open_ != nullptr; }

  Result<SnapshotChange> Run(const Snapshot* before) {
    if (before != nullptr) {
      WEIRHOUSE_TRY(was_, LoadManifestList(store_, before->manifest_list));
    }
    if (before != nullptr && before->manifest_list == after_.manifest_list) {
      is_ = was_;
    } else {
      WEIRHOUSE_TRY_STATUS(Ask(after_.manifest_list, -1));
      WEIRHOUSE_TRY(is_, of_client() ? ReloadManifestList(store_, after_.manifest_list)
                                     : LoadManifestList(store_, after_.manifest_list));
    }
    WEIRHOUSE_TRY_STATUS(SortManifests());
    WEIRHOUSE_TRY_STATUS(ReadOld());
    WEIRHOUSE_TRY_STATUS(ReadNew());
    Compare();
    WEIRHOUSE_TRY_STATUS(RefuseDoubles());
    WEIRHOUSE_TRY(change_.rows_before,
                  RowCount(store_, table_, *was_, /*of_client=*/false).Count());
    WEIRHOUSE_TRY(change_.rows_after, RowCount(store_, table_, *is_, /*of_client=*/true).Count());
    return std::move(change_);
  }

 private:
  using Files = std::unordered_map<std::string, std::shared_ptr<const DataFile>>;

  Status Ask(const std::string& path, std::int64_t size_bytes) const {
    return may_open_ ? may_open_(path, size_bytes) : Status::Ok();
  }

  Status SortManifests() {
    std::unordered_map<std::string_view, const ManifestFile*> old;
    for (const ManifestFile& file : *was_) old[file.path] = &file;
    std::set<std::string_view> seen;
    for (const ManifestFile& file : *is_) {
      if (!seen.insert(file.path).second) {
        return Contradiction(
            fmt::format("a manifest list names a manifest twice: table \"{}\", "
                        "list {}, manifest {}",
                        table_.name, after_.manifest_list, file.path));
      }
      const auto it = old.find(file.path);
      if (it == old.end()) {
        fresh_.push_back(&file);
        change_.new_manifests.push_back(file.path);
        continue;
      }
      if (!SameManifest(*it->second, file)) {
        return Contradiction(
            fmt::format("an existing manifest is listed with other content, counts or sequence "
                        "number: table \"{}\", list {}, manifest {}",
                        table_.name, after_.manifest_list, file.path));
      }
      shared_.push_back(&file);
      old.erase(it);
    }
    for (const ManifestFile& file : *was_) {
      if (old.contains(file.path)) gone_.push_back(&file);
    }
    return Status::Ok();
  }

  Status ReadOld() {
    for (const ManifestFile* file : gone_) {
      if (!file->has_live_files()) continue;
      WEIRHOUSE_TRY(const std::shared_ptr<const Manifest> manifest,
                    LoadManifest(store_, table_, *file));
      for (const ManifestEntry& entry : manifest->entries) {
        if (entry.live()) old_files_.emplace(IdentityOf(*entry.file), entry.file);
      }
    }
    return Status::Ok();
  }

  Status ReadNew() {
    for (const ManifestFile* file : fresh_) {
      WEIRHOUSE_TRY_STATUS(Ask(file->path, file->length));
      WEIRHOUSE_TRY(const std::shared_ptr<const Manifest> manifest,
                    of_client() ? ReloadManifest(store_, table_, *file)
                                : LoadManifest(store_, table_, *file));
      WEIRHOUSE_TRY_STATUS(CheckCounts(*file, *manifest));
      for (const ManifestEntry& entry : manifest->entries) {
        WEIRHOUSE_TRY_STATUS(CheckEntry(*file, entry));
        if (!entry.live()) continue;
        if (!new_files_.emplace(IdentityOf(*entry.file), entry.file).second) {
          return Twice(entry.file->path);
        }
      }
    }
    return Status::Ok();
  }

  // Planners trust a list's counts: a manifest that is listed with no live files is never opened.
  Status CheckCounts(const ManifestFile& file, const Manifest& manifest) const {
    if (table_.format_version == 1) return Status::Ok();  // they are optional there
    std::int64_t files[3] = {0, 0, 0};
    std::int64_t rows[3] = {0, 0, 0};
    for (const ManifestEntry& entry : manifest.entries) {
      const auto status = static_cast<std::size_t>(entry.status);
      ++files[status];
      rows[status] += entry.file->row_count;
    }
    const auto check = [&](std::string_view what, std::int64_t said, std::int64_t counted) {
      if (said == counted) return Status::Ok();
      return Contradiction(
          fmt::format("a manifest list counts {} {}, but its manifest has {}: "
                      "table \"{}\", manifest {}",
                      said, what, counted, table_.name, file.path));
    };
    WEIRHOUSE_TRY_STATUS(check("existing files", file.existing_files, files[0]));
    WEIRHOUSE_TRY_STATUS(check("added files", file.added_files, files[1]));
    WEIRHOUSE_TRY_STATUS(check("deleted files", file.deleted_files, files[2]));
    WEIRHOUSE_TRY_STATUS(check("existing rows", file.existing_rows, rows[0]));
    WEIRHOUSE_TRY_STATUS(check("added rows", file.added_rows, rows[1]));
    return check("deleted rows", file.deleted_rows, rows[2]);
  }

  Status CheckEntry(const ManifestFile& manifest, const ManifestEntry& entry) const {
    const DataFile& file = *entry.file;
    const bool is_data = file.content == ContentKind::kData;
    if (is_data != (manifest.content == ManifestFile::Content::kData)) {
      return Contradiction(
          fmt::format("a manifest of {} holds a file of {}: table \"{}\", manifest "
                      "{}, file {}",
                      is_data ? "deletes" : "data", is_data ? "data" : "deletes", table_.name,
                      manifest.path, file.path));
    }
    if (!entry.live() || table_.format_version == 1) return Status::Ok();
    if (file.data_sequence_number <= after_.sequence_number && file.data_sequence_number >= 0) {
      return Status::Ok();
    }
    return Contradiction(fmt::format(
        "a file has sequence number {}, but its snapshot has {}: table \"{}\", "
        "manifest {}, file {}",
        file.data_sequence_number, after_.sequence_number, table_.name, manifest.path, file.path));
  }

  Status Twice(const std::string& path) const {
    return Contradiction(
        fmt::format("a snapshot holds a file twice: table \"{}\", snapshot {}, "
                    "file {}",
                    table_.name, after_.id.value(), path));
  }

  void Compare() {
    for (const auto& [identity, file] : new_files_) {
      const auto it = old_files_.find(identity);
      const bool data = file->content == ContentKind::kData;
      if (it == old_files_.end()) {
        (data ? change_.added_data : change_.added_deletes).push_back(*file);
        continue;
      }
      if (it->second->data_sequence_number != file->data_sequence_number) {
        change_.renumbered.push_back(file->path);
      }
      if (!SameDescription(*it->second, *file)) change_.redescribed.push_back(file->path);
    }
    for (const auto& [identity, file] : old_files_) {
      if (new_files_.contains(identity)) continue;
      (file->content == ContentKind::kData ? change_.removed_data : change_.removed_deletes)
          .push_back(*file);
    }
    const auto by_path = [](const DataFile& a, const DataFile& b) {
      return std::tie(a.path, a.referenced_data_file) < std::tie(b.path, b.referenced_data_file);
    };
    for (auto* files : {&change_.added_data, &change_.added_deletes, &change_.removed_data,
                        &change_.removed_deletes}) {
      std::sort(files->begin(), files->end(), by_path);
    }
    std::sort(change_.renumbered.begin(), change_.renumbered.end());
    std::sort(change_.redescribed.begin(), change_.redescribed.end());
  }

  // A file listed a second time in a new manifest would be read twice.
  Status RefuseDoubles() const {
    for (const ManifestFile* file : shared_) {
      if (new_files_.empty() || !file->has_live_files()) continue;
      WEIRHOUSE_TRY(const std::shared_ptr<const Manifest> manifest,
                    LoadManifest(store_, table_, *file));
      for (const auto& [identity, added] : new_files_) {
        if (added->format != FileFormat::kPuffin && manifest->live_by_path.contains(added->path)) {
          return Twice(added->path);
        }
      }
    }
    return Status::Ok();
  }

  platform::ObjectStore& store_;
  const TableMetadata& table_;
  const Snapshot& after_;
  const MayOpen& may_open_;
  ListPtr was_ = std::make_shared<const ManifestList>();
  ListPtr is_;
  std::vector<const ManifestFile*> shared_, fresh_, gone_;
  Files old_files_, new_files_;
  SnapshotChange change_;
};
}  // namespace

Result<SnapshotChange> CompareSnapshots(platform::ObjectStore& store, const TableMetadata& table,
                                        const Snapshot* before, const Snapshot& after,
                                        const MayOpen& may_open) {
  return Comparison(store, table, after, may_open).Run(before);
}
}  // namespace weirhouse::iceberg

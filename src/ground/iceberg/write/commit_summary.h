// Builds a snapshot's summary: counts of what was added and removed, and totals continued from the
// parent.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/metadata.h"

namespace weirhouse::iceberg {

// Rows left once deletes are applied. Iceberg's total-records also counts deleted rows, and its
// delete totals keep counting deletes of files that are gone.
inline constexpr char kLiveRowsKey[] = "weirhouse.live-rows";
inline constexpr char kDeletedRowsKey[] = "weirhouse.deleted-rows";

class CommitSummary {
 public:
  void Add(const DataFile& file);
  void Remove(const DataFile& file);
  void AddMaskedRows(std::int64_t rows) { masked_rows_ += rows; }
  // Adds rows of removed data files that were live until now.
  void AddRemovedLiveRows(std::int64_t rows) { removed_live_rows_ += rows; }
  void CountManifests(std::int64_t created, std::int64_t kept, std::int64_t replaced);

  bool only_adds() const { return removed_.data_files == 0 && added_.delete_files == 0; }
  bool adds_data() const { return added_.data_files > 0; }

  // `parent_manifests` replace totals that a parent of another engine lacks.
  std::map<std::string, std::string> Build(const Snapshot* parent,
                                           const std::vector<ManifestFile>& parent_manifests,
                                           bool starts_empty) const;

 private:
  struct Counts {
    std::int64_t data_files = 0;
    std::int64_t records = 0;
    std::int64_t files_size = 0;
    std::int64_t delete_files = 0;
    std::int64_t position_delete_files = 0;
    std::int64_t equality_delete_files = 0;
    std::int64_t position_deletes = 0;
    std::int64_t equality_deletes = 0;
    void Count(const DataFile& file);
  };
  Counts added_;
  Counts removed_;
  std::int64_t masked_rows_ = 0;
  std::int64_t removed_live_rows_ = 0;
  std::int64_t manifests_created_ = 0;
  std::int64_t manifests_kept_ = 0;
  std::int64_t manifests_replaced_ = 0;
  std::set<std::pair<int, std::vector<std::optional<std::string>>>> partitions_;
};
}  // namespace weirhouse::iceberg

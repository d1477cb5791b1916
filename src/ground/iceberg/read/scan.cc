#include "ground/iceberg/read/scan.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ground/base/text.h"
#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

constexpr int kFilePathId = 2147483546;

// A range with its column resolved.
struct Range {
  Field field;
  std::optional<std::string> minimum;
  std::optional<std::string> maximum;
};

bool Below(const Type& type, const std::optional<std::string>& a,
           const std::optional<std::string>& b) {
  if (!a || !b) return false;
  return CompareValues(type, *a, *b).value_or(0) < 0;
}

// False only if no row can lie in the range, by the column's bounds in the file.
bool BoundsMayMatch(const DataFile& file, const Range& range) {
  const auto it = file.columns.find(range.field.id);
  if (it == file.columns.end()) return true;
  const platform::ColumnStatistics& column = it->second;
  if (column.value_count > 0 && column.null_count == column.value_count) return false;
  return !Below(range.field.type, column.upper_bound, range.minimum) &&
         !Below(range.field.type, range.maximum, column.lower_bound);
}

// As BoundsMayMatch, for one partition field and its least and greatest value.
bool PartitionMayMatch(const PartitionField& field, const Range& range,
                       const std::optional<std::string>& least,
                       const std::optional<std::string>& greatest) {
  if (field.source_id != range.field.id || !CanApply(field.transform) ||
      field.transform == "void") {
    return true;
  }
  const Result<Type> type = ResultType(field.transform, range.field.type);
  if (!type.ok()) return true;
  // Buckets do not preserve order: only a single value has one.
  const bool single = range.minimum && range.minimum == range.maximum;
  if (BucketCount(field.transform) > 0 && !single) return true;
  const auto minimum = ApplyTransform(field.transform, range.field.type, range.minimum);
  const auto maximum = ApplyTransform(field.transform, range.field.type, range.maximum);
  return !Below(*type, greatest, minimum) && !Below(*type, maximum, least);
}

bool IsUnpartitioned(const PartitionSpec& spec) {
  return std::all_of(spec.fields.begin(), spec.fields.end(),
                     [](const PartitionField& field) { return field.transform == "void"; });
}

// The delete files of a snapshot, indexed to find those that apply to a data file.
class DeleteIndex {
 public:
  explicit DeleteIndex(const TableMetadata& table) : table_(table) {}

  void Add(const std::shared_ptr<const DataFile>& file, const PartitionSpec* spec) {
    const bool global = file->content == DataFile::Content::kEqualityDeletes && spec != nullptr &&
                        IsUnpartitioned(*spec);
    if (global) {
      global_.push_back(file);
    } else {
      of_partition_[KeyOf(*file)].push_back(file);
    }
  }

  std::vector<std::shared_ptr<const DataFile>> For(const DataFile& data) {
    std::vector<std::shared_ptr<const DataFile>> out;
    const auto collect = [&](const std::vector<std::shared_ptr<const DataFile>>& files) {
      for (const auto& file : files) {
        if (Applies(*file, data)) out.push_back(file);
      }
    };
    collect(global_);
    if (of_partition_.empty()) return out;
    const auto it = of_partition_.find(KeyOf(data));
    if (it != of_partition_.end()) collect(it->second);
    return out;
  }

 private:
  using Key = std::pair<int, std::vector<std::optional<std::string>>>;

  // Values written before and after a promotion of their column belong to the same partition.
  Key KeyOf(const DataFile& file) {
    Key key{file.spec_id, file.partition};
    const auto [it, fresh] = types_.try_emplace(file.spec_id);
    if (fresh) {
      const PartitionSpec* spec = FindSpec(table_, file.spec_id);
      if (spec != nullptr) it->second = PartitionTypes(table_, *spec);
    }
    for (std::size_t i = 0; i < std::min(key.second.size(), it->second.size()); ++i) {
      if (!key.second[i] || !it->second[i]) continue;
      key.second[i] = Widen(*it->second[i], *std::move(key.second[i]));
    }
    return key;
  }

  static bool Applies(const DataFile& deletes, const DataFile& data) {
    if (deletes.content == DataFile::Content::kEqualityDeletes) {
      return data.data_sequence_number < deletes.data_sequence_number;
    }
    if (data.data_sequence_number > deletes.data_sequence_number) return false;
    if (deletes.referenced_data_file) return *deletes.referenced_data_file == data.path;
    const auto it = deletes.columns.find(kFilePathId);
    if (it == deletes.columns.end()) return true;
    const auto& [lower, upper] = std::tie(it->second.lower_bound, it->second.upper_bound);
    return (!lower || data.path >= *lower) && (!upper || data.path <= *upper);
  }

  std::vector<std::shared_ptr<const DataFile>> global_;
  const TableMetadata& table_;
  std::map<int, std::vector<std::optional<Type>>> types_;  // by spec
  std::map<Key, std::vector<std::shared_ptr<const DataFile>>> of_partition_;
};

Status UnknownColumn(const TableMetadata& table, const Schema& schema, const std::string& column) {
  std::vector<std::string> names;
  for (const Field& field : schema.fields) names.push_back(field.name);
  return Status(Code::kInvalidInput,
                fmt::format("table \"{}\" has no column \"{}\"", table.name, column))
      .WithError("WH7064")
      .WithHint(DidYouMean(column, names));
}

// Decides which files a read must open.
class Planner {
 public:
  Planner(platform::ObjectStore& store, const TableMetadata& table, const ScanOptions& options)
      : store_(store), table_(table), options_(options) {}

  Status ResolveRanges(const Schema& schema) {
    for (const ColumnRange& range : options_.ranges) {
      const Field* field = schema.Find(range.column);
      if (field == nullptr) return UnknownColumn(table_, schema, range.column);
      ranges_.push_back({*field, range.minimum, range.maximum});
    }
    return Status::Ok();
  }

  Result<std::vector<Scan::Task>> Plan(const Snapshot& snapshot) {
    WEIRHOUSE_TRY(const std::shared_ptr<const ManifestList> list,
                  LoadManifestList(store_, snapshot.manifest_list));
    std::vector<std::shared_ptr<const DataFile>> data;
    DeleteIndex deletes(table_);
    for (const ManifestFile& file : *list) {
      if (!file.has_live_files() || !ManifestMayMatch(file)) continue;
      WEIRHOUSE_TRY(const std::shared_ptr<const Manifest> manifest,
                    LoadManifest(store_, table_, file));
      const PartitionSpec* spec = FindSpec(table_, file.spec_id);
      for (const ManifestEntry& entry : manifest->entries) {
        if (!entry.live()) continue;
        if (entry.file->content != DataFile::Content::kData) {
          deletes.Add(entry.file, spec);
        } else if (FileMayMatch(*entry.file, spec)) {
          data.push_back(entry.file);
        }
      }
    }
    // Sorted by commit, then by name, so that a plan does not depend on how manifests were merged.
    std::sort(data.begin(), data.end(), [](const auto& a, const auto& b) {
      return std::tie(a->data_sequence_number, a->path) <
             std::tie(b->data_sequence_number, b->path);
    });
    std::vector<Scan::Task> tasks;
    tasks.reserve(data.size());
    for (const auto& file : data) tasks.push_back({*file, deletes.For(*file)});
    return tasks;
  }

 private:
  bool ManifestMayMatch(const ManifestFile& file) const {
    if (file.content == ManifestFile::Content::kData && options_.after_sequence_number &&
        file.sequence_number <= *options_.after_sequence_number) {
      return false;
    }
    const PartitionSpec* spec = FindSpec(table_, file.spec_id);
    // A global equality delete has no partition; its manifest has no summaries either.
    if (spec == nullptr || file.partitions.size() != spec->fields.size()) return true;
    for (std::size_t i = 0; i < spec->fields.size(); ++i) {
      for (const Range& range : ranges_) {
        if (!PartitionMayMatch(spec->fields[i], range, file.partitions[i].lower_bound,
                               file.partitions[i].upper_bound)) {
          return false;
        }
      }
    }
    return true;
  }

  bool FileMayMatch(const DataFile& file, const PartitionSpec* spec) const {
    if (options_.after_sequence_number &&
        file.data_sequence_number <= *options_.after_sequence_number) {
      return false;
    }
    for (const Range& range : ranges_) {
      if (!BoundsMayMatch(file, range)) return false;
      for (std::size_t i = 0; spec != nullptr && i < spec->fields.size(); ++i) {
        if (!PartitionMayMatch(spec->fields[i], range, file.partition[i], file.partition[i])) {
          return false;
        }
      }
    }
    return true;
  }

  platform::ObjectStore& store_;
  const TableMetadata& table_;
  const ScanOptions& options_;
  std::vector<Range> ranges_;
};

const Schema& SchemaOf(const TableMetadata& table, const Snapshot* snapshot) {
  if (snapshot == nullptr) return table.schema();
  for (const Schema& schema : table.schemas) {
    if (schema.schema_id == snapshot->schema_id) return schema;
  }
  return table.schema();
}
}  // namespace

Result<Scan> Scan::Plan(platform::ObjectStore& store, TablePtr table, const ScanOptions& options) {
  const Snapshot* snapshot = table->current_snapshot();
  // The head of the table is read with the current schema, earlier snapshots with theirs.
  const Schema* whole = &table->schema();
  if (options.snapshot) {
    snapshot = table->FindSnapshot(*options.snapshot);
    if (snapshot == nullptr) {
      return Status(Code::kNotFound, fmt::format("the table has no snapshot {}: table \"{}\"",
                                                 options.snapshot->value(), table->name))
          .WithError("WH7059")
          .WithHint(fmt::format("tables keep the last {} snapshots; history tables can be read as "
                                "of any commit",
                                kSnapshotsKept));
    }
    whole = &SchemaOf(*table, snapshot);
  }
  Scan scan;
  scan.store_ = &store;
  scan.options_ = options;
  scan.schema_ = *whole;
  if (!options.columns.empty()) {
    scan.schema_.fields.clear();
    for (const std::string& column : options.columns) {
      const Field* field = whole->Find(column);
      if (field == nullptr) return UnknownColumn(*table, *whole, column);
      scan.schema_.fields.push_back(*field);
    }
  }
  if (const auto arrow_schema = scan.schema_.ToArrow(); !arrow_schema.ok()) {
    return arrow_schema.status().WithContext(fmt::format("table \"{}\"", table->name));
  }
  Planner planner(store, *table, options);
  WEIRHOUSE_TRY_STATUS(planner.ResolveRanges(*whole));
  if (snapshot != nullptr) {
    WEIRHOUSE_TRY(scan.tasks_, planner.Plan(*snapshot));
  }
  scan.table_ = std::move(table);
  return scan;
}
}  // namespace weirhouse::iceberg

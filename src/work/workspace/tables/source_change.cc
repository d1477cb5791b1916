#include "work/workspace/tables/source_change.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/type/key_encoding.h"
#include "work/project/table_rules.h"
#include "work/workspace/scratch.h"
#include "work/workspace/tables/arrow_rows.h"
#include "work/workspace/tables/external_table.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
using RowsPtr = std::shared_ptr<arrow::Table>;
using Tasks = std::map<std::string, const iceberg::Scan::Task*>;  // by the data file's path

Tasks ByPath(const iceberg::Scan& scan) {
  Tasks tasks;
  for (const iceberg::Scan::Task& task : scan.tasks()) tasks[task.file.path] = &task;
  return tasks;
}

std::set<std::string> DeletesOf(const iceberg::Scan::Task& task) {
  std::set<std::string> paths;
  for (const auto& file : task.deletes) paths.insert(file->path);
  return paths;
}

std::set<std::string> PathsOfEqualityDeletes(const iceberg::Scan& scan) {
  std::set<std::string> paths;
  for (const iceberg::Scan::Task& task : scan.tasks()) {
    for (const auto& file : task.deletes) {
      if (file->content == iceberg::DataFile::Content::kEqualityDeletes) paths.insert(file->path);
    }
  }
  return paths;
}

// Rows of the files of `scan` that `other` does not hold, or holds with other deletes.
Result<RowsPtr> RowsNotShared(const iceberg::Scan& scan, const Tasks& other) {
  std::vector<RowsPtr> parts;
  for (const iceberg::Scan::Task& task : scan.tasks()) {
    const auto same = other.find(task.file.path);
    if (same != other.end() && DeletesOf(*same->second) == DeletesOf(task)) continue;
    WEIRHOUSE_TRY(RowsPtr rows, scan.Read(task));
    parts.push_back(PlainRows(rows));
  }
  if (!parts.empty()) return Concatenate(parts);
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Schema> schema, scan.schema().ToArrow());
  auto empty = arrow::Table::MakeEmpty(schema);
  if (!empty.ok()) return Status(Code::kInternal, empty.status().ToString());
  return PlainRows(*empty);
}

// The rows of `rows` that `others` does not hold; equal rows cancel one by one.
Result<RowsPtr> Without(const RowsPtr& rows, const std::vector<Digest>& digests,
                        const std::vector<Digest>& others) {
  std::map<Digest, std::int64_t> held;
  for (const Digest& digest : others) ++held[digest];
  arrow::BooleanBuilder keep;
  arrow::Status status = keep.Reserve(rows->num_rows());
  for (std::size_t i = 0; status.ok() && i < digests.size(); ++i) {
    const auto found = held.find(digests[i]);
    const bool equal = found != held.end() && found->second > 0;
    if (equal) --found->second;
    keep.UnsafeAppend(!equal);
  }
  std::shared_ptr<arrow::Array> mask;
  if (status.ok()) status = keep.Finish(&mask);
  if (!status.ok()) return Status(Code::kInternal, status.ToString());
  auto filtered = arrow::compute::Filter(rows, mask);
  if (!filtered.ok()) return Status(Code::kInternal, filtered.status().ToString());
  return filtered->table();
}

Result<std::vector<Digest>> DigestsOfAll(const arrow::Table& rows) {
  std::vector<int> columns(static_cast<std::size_t>(rows.num_columns()));
  std::iota(columns.begin(), columns.end(), 0);
  return iceberg::RowDigests(rows, columns);
}

SourceChange Whole(std::string why) {
  SourceChange change;
  change.whole = true;
  change.why_whole = std::move(why);
  return change;
}

// The change of an external table between two commits.
Result<SourceChange> ReadExternal(Workspace& workspace,
                                  const transform::CheckedTransform& transform,
                                  const std::optional<catalog::SnapshotRecord>& before,
                                  const catalog::SnapshotRecord& now) {
  const std::string& source = transform.definition.name();
  SourceChange change;
  if (!before) {
    change = Whole("its first rows");
  } else {
    WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace.LoadTable(source));
    WEIRHOUSE_TRY(change, CompareRows(workspace.store(), table, before->snapshot, now.snapshot,
                                      transform.declared));
  }
  if (!change.whole) return change;
  WEIRHOUSE_TRY(change.rows, ExternalRows(workspace, transform, now.snapshot));
  return change;
}

// The transform that makes `table`, or that `table` is the history of.
const transform::CheckedTransform* MakerOf(const ProjectDefinition& project,
                                           const std::string& table) {
  for (const transform::CheckedTransform& transform : project.transforms) {
    const auto& definition = transform.definition;
    if (table == definition.name() || table == definition.history_table()) return &transform;
  }
  return nullptr;
}

constexpr char kUnknown[] = "unknown";  // a snapshot in between is no longer kept

// The strongest statement of the snapshots after `before`, up to `now`, about rows that left; empty
// if there is none.
std::string LossBetween(const iceberg::TableMetadata& table, SnapshotId before, SnapshotId now) {
  std::string loss;
  const iceberg::Snapshot* snapshot = table.FindSnapshot(now);
  while (snapshot != nullptr && snapshot->id != before) {
    const auto said = snapshot->summary.find(kChangeSummary);
    if (said != snapshot->summary.end()) loss = said->second;
    if (loss == kMadeAnew) return loss;
    snapshot = snapshot->parent ? table.FindSnapshot(*snapshot->parent) : nullptr;
  }
  return snapshot == nullptr ? std::string(kUnknown) : loss;
}

// Adds to `change`, which holds the rows that joined a processed table since `before`, the rows
// that left.
Status AddLosses(Workspace& workspace, const transform::CheckedTransform& transform,
                 const iceberg::TablePtr& table, SnapshotId before, SnapshotId now,
                 SourceChange& change) {
  const std::string loss = LossBetween(*table, before, now);
  // Rows made of records never leave, whatever a snapshot that is gone said.
  const bool may_lose = transform.driver && transform::KindOfTable(*transform.driver) ==
                                                transform::TableKind::kProcessed;
  if (loss.empty() || (loss == kUnknown && !may_lose)) return Status();
  if (loss != kRetracted) {
    change = Whole("its source was made anew");
    return Status();
  }
  if (table->name != transform.definition.name()) {
    change = Whole("versions left its source");
    return Status();
  }
  WEIRHOUSE_TRY(const SourceChange keys, CompareRows(workspace.store(), table, before, now,
                                                     transform.definition.key_columns()));
  if (keys.whole) {
    change = keys;
  } else {
    change.left = keys.left;
  }
  return Status();
}

bool HasTwice(const iceberg::KeyList& list) {
  std::vector<std::string_view> keys(list.begin(), list.end());
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

// Why `change` cannot be followed by key; empty if it can.
Result<std::string> FindReasonNotByKey(Workspace& workspace, const std::string& follower,
                                       const SourceChange& change,
                                       const std::vector<std::string>& key) {
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace.FindTable(follower));
  if (!table) return std::string("its first rows");
  const auto unique = (*table)->properties.find(kUniqueKeysProperty);
  if (unique == (*table)->properties.end() || unique->second != "true") {
    return std::string("its key is not unique");
  }
  WEIRHOUSE_TRY(iceberg::KeyIndex * index,
                workspace.IndexOf(follower, {"row_key"}, {}, iceberg::IndexedFacts::kPosition));
  WEIRHOUSE_TRY(const iceberg::KeyList come, iceberg::EncodeKeys(*change.rows, key));
  WEIRHOUSE_TRY(const iceberg::KeyList gone, iceberg::EncodeKeys(*change.left, key));
  if (HasTwice(come) || HasTwice(gone)) return std::string("its key is not unique");
  WEIRHOUSE_TRY(const std::vector<std::string> gone_keys, EncodeRowKeys(gone.Strings()));
  WEIRHOUSE_TRY(const auto found_gone, index->Find(gone_keys));
  for (std::size_t i = 0; i < found_gone.size(); ++i) {
    if (found_gone[i] == nullptr) return std::string("a row that left was not followed");
  }
  const std::set<std::string_view> left(gone.begin(), gone.end());
  WEIRHOUSE_TRY(const std::vector<std::string> come_keys, EncodeRowKeys(come.Strings()));
  WEIRHOUSE_TRY(const auto found_come, index->Find(come_keys));
  for (std::size_t i = 0; i < come.size(); ++i) {
    if (found_come[i] != nullptr && left.count(come[i]) == 0)
      return std::string("its key is not unique");
  }
  return std::string();
}
}  // namespace

Result<SourceChange> CompareRows(platform::ObjectStore& store, const iceberg::TablePtr& table,
                                 SnapshotId before, SnapshotId now,
                                 const std::vector<std::string>& columns, EqualityDeletes deletes) {
  if (table->FindSnapshot(before) == nullptr) {
    return Whole("the snapshot seen last is not kept any more");
  }
  iceberg::ScanOptions options;
  options.columns = columns;
  WEIRHOUSE_TRY(const iceberg::Scan old_scan,
                iceberg::Scan::Plan(store, AtSnapshot(table, before), options));
  WEIRHOUSE_TRY(const iceberg::Scan new_scan,
                iceberg::Scan::Plan(store, AtSnapshot(table, now), options));
  const std::set<std::string> known = PathsOfEqualityDeletes(old_scan);
  for (const std::string& path : PathsOfEqualityDeletes(new_scan)) {
    if (deletes == EqualityDeletes::kRead) break;
    if (known.count(path) == 0) return Whole("equality deletes name no keys");
  }
  WEIRHOUSE_TRY(const RowsPtr gone, RowsNotShared(old_scan, ByPath(new_scan)));
  WEIRHOUSE_TRY(const RowsPtr come, RowsNotShared(new_scan, ByPath(old_scan)));
  WEIRHOUSE_TRY(const std::vector<Digest> gone_digests, iceberg::DeclaredDigests(*gone));
  WEIRHOUSE_TRY(const std::vector<Digest> come_digests, iceberg::DeclaredDigests(*come));
  SourceChange change;
  WEIRHOUSE_TRY(change.left, Without(gone, gone_digests, come_digests));
  WEIRHOUSE_TRY(change.rows, Without(come, come_digests, gone_digests));
  return change;
}

Result<RowChange> ChangeBetween(const RowsPtr& before, const RowsPtr& after) {
  WEIRHOUSE_TRY(const std::vector<Digest> old_digests, DigestsOfAll(*before));
  WEIRHOUSE_TRY(const std::vector<Digest> new_digests, DigestsOfAll(*after));
  RowChange change;
  WEIRHOUSE_TRY(change.left, Without(before, old_digests, new_digests));
  WEIRHOUSE_TRY(change.joined, Without(after, new_digests, old_digests));
  return change;
}

Result<std::optional<RowChange>> RowsBetween(Workspace& workspace, const std::string& source,
                                             const std::optional<catalog::SnapshotRecord>& before,
                                             const std::optional<catalog::SnapshotRecord>& now) {
  if (!before || !now) return std::optional<RowChange>();
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace.LoadTable(source));
  if (table->FindSnapshot(before->snapshot) == nullptr ||
      table->FindSnapshot(now->snapshot) == nullptr)
    return std::optional<RowChange>();
  WEIRHOUSE_TRY(const iceberg::Scan old_scan,
                iceberg::Scan::Plan(workspace.store(), AtSnapshot(table, before->snapshot), {}));
  WEIRHOUSE_TRY(const iceberg::Scan new_scan,
                iceberg::Scan::Plan(workspace.store(), AtSnapshot(table, now->snapshot), {}));
  WEIRHOUSE_TRY(const RowsPtr gone, RowsNotShared(old_scan, ByPath(new_scan)));
  WEIRHOUSE_TRY(const RowsPtr come, RowsNotShared(new_scan, ByPath(old_scan)));
  // Only rows in merged files record the commit that wrote them.
  const auto digests = [](const arrow::Table& rows) {
    std::vector<int> columns;
    for (int i = 0; i < rows.num_columns(); ++i) {
      if (rows.schema()->field(i)->name() != iceberg::kCommitSeqColumn) columns.push_back(i);
    }
    return iceberg::RowDigests(rows, columns);
  };
  WEIRHOUSE_TRY(const std::vector<Digest> gone_digests, digests(*gone));
  WEIRHOUSE_TRY(const std::vector<Digest> come_digests, digests(*come));
  RowChange change;
  WEIRHOUSE_TRY(change.left, Without(gone, gone_digests, come_digests));
  WEIRHOUSE_TRY(change.joined, Without(come, come_digests, gone_digests));
  return std::optional<RowChange>(std::move(change));
}

Result<SourceChange> ReadChange(Workspace& workspace, const std::string& source, CommitSeq after,
                                CommitSeq seq, bool replaced) {
  SourceChange change;
  WEIRHOUSE_TRY(const std::optional<catalog::SnapshotRecord> now,
                workspace.catalog().SnapshotAsOf(source, seq));
  if (!now) return change;
  WEIRHOUSE_TRY(const std::optional<catalog::SnapshotRecord> before,
                workspace.catalog().SnapshotAsOf(source, after));
  if (before && before->snapshot == now->snapshot) return change;
  if (const auto* external = FindExternal(workspace.project(), source)) {
    return ReadExternal(workspace, *external, before, *now);
  }
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace.LoadTable(source));
  const transform::CheckedTransform* transform = MakerOf(workspace.project(), source);
  iceberg::ScanOptions options;
  // A snapshot older than the last hundred is gone, but the current one holds its rows.
  options.snapshot =
      table->FindSnapshot(now->snapshot) != nullptr ? now->snapshot : table->current_snapshot()->id;
  if (replaced) {
    change = Whole("a table that it reads was made anew");
  } else if (transform != nullptr && transform->definition.mode == transform::Mode::kFull) {
    change = Whole("mode full");
  }
  if (!change.whole && before && transform != nullptr) {
    WEIRHOUSE_TRY_STATUS(
        AddLosses(workspace, *transform, table, before->snapshot, *options.snapshot, change));
  }
  if (!change.whole && before) options.after_sequence_number = before->sequence_number;
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace.store(), table, options));
  platform::RowStore rows(ScratchOf(workspace));
  for (const iceberg::Scan::Task& task : scan.tasks()) {
    WEIRHOUSE_TRY(const RowsPtr some, scan.Read(task));
    WEIRHOUSE_TRY_STATUS(rows.Add(some));
  }
  WEIRHOUSE_TRY(change.rows, rows.Finish());
  if (change.rows == nullptr) {
    WEIRHOUSE_TRY(change.rows, scan.ReadAll());
  }
  return change;
}

Result<SourceChange> FollowKeys(Workspace& workspace, const std::string& source,
                                const std::string& follower, SourceChange change, CommitSeq seq) {
  const transform::CheckedTransform* external = FindExternal(workspace.project(), source);
  if (external == nullptr || change.rows == nullptr || change.whole) return change;
  WEIRHOUSE_TRY(const std::string why, FindReasonNotByKey(workspace, follower, change,
                                                          external->definition.key_columns()));
  if (why.empty()) return change;
  change = Whole(why);
  WEIRHOUSE_TRY(change.rows, ExternalRowsAsOf(workspace, *external, seq));
  return change;
}

Result<bool> HasUniqueKeys(const arrow::Table& rows, const std::vector<std::string>& key) {
  WEIRHOUSE_TRY(const iceberg::KeyList keys, iceberg::EncodeKeys(rows, key));
  return !HasTwice(keys);
}

Result<std::vector<std::string>> EncodeRowKeys(const std::vector<std::string>& row_keys) {
  arrow::BinaryBuilder builder;
  arrow::Status status;
  for (const std::string& key : row_keys) {
    if (status.ok()) status = builder.Append(key);
  }
  std::shared_ptr<arrow::Array> column;
  if (status.ok()) status = builder.Finish(&column);
  if (!status.ok()) return Status(Code::kInternal, status.ToString());
  const RowsPtr rows =
      arrow::Table::Make(arrow::schema({arrow::field("row_key", arrow::binary())}),
                         std::vector<std::shared_ptr<arrow::Array>>{std::move(column)});
  WEIRHOUSE_TRY(const iceberg::KeyList keys, iceberg::EncodeKeys(*rows, {"row_key"}));
  return keys.Strings();
}

json Describe(const SourceChange& change) {
  if (change.whole) {
    return {{"how", "rebuild"}, {"rows", change.rows->num_rows()}, {"why", change.why_whole}};
  }
  const std::int64_t left = change.left == nullptr ? 0 : change.left->num_rows();
  return {{"how", left == 0 ? "append" : "retractions"},
          {"rows", change.rows->num_rows()},
          {"keys", left}};
}
}  // namespace weirhouse::work

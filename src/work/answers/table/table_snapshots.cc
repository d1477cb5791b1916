#include "work/answers/table/table_snapshots.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "ground/base/text.h"
#include "ground/iceberg/read/reachable.h"
#include "ground/iceberg/read/snapshot_change.h"
#include "ground/platform/sql/sql.h"
#include "work/answers/rows_json.h"
#include "work/answers/table_answer.h"
#include "work/upkeep/upkeep.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

// Rows of `snapshot`, registered under a name for the comparison.
Status RegisterSnapshot(work::Workspace& workspace, platform::SqlSession& session,
                        const iceberg::TablePtr& table, SnapshotId snapshot,
                        const std::string& name) {
  iceberg::ScanOptions options;
  options.snapshot = snapshot;
  for (const iceberg::Field& field : table->schema().fields)
    if (!iceberg::IsHidden(field.name)) options.columns.push_back(field.name);
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace.store(), table, options));
  WEIRHOUSE_TRY(const auto rows, scan.ReadAll());
  return session.Register(name, rows);
}

std::vector<std::string> RefsAt(const iceberg::TableMetadata& table, SnapshotId snapshot) {
  std::vector<std::string> names;
  for (const auto& [name, ref] : table.refs)
    if (ref.snapshot == snapshot) names.push_back(name);
  return names;
}
}  // namespace

Result<const iceberg::Snapshot*> SnapshotNamed(work::Workspace& workspace,
                                               const iceberg::TableMetadata& table,
                                               const std::string& text) {
  if (!text.empty()) {
    WEIRHOUSE_TRY(const SnapshotId id, work::FindTableSnapshot(workspace, table, text));
    return table.FindSnapshot(id);
  }
  if (table.current_snapshot() != nullptr) return table.current_snapshot();
  return Status(Code::kNotFound, fmt::format("table \"{}\" has no snapshot yet", table.name))
      .WithError("WH7059");
}

Result<TableHistoryAnswer> ReadTableHistory(work::Workspace& workspace, const std::string& name,
                                            std::int64_t limit) {
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace.LoadTable(name));
  WEIRHOUSE_TRY(const auto recorded, workspace.catalog().Snapshots(name));
  TableHistoryAnswer answer;
  std::map<RunId, std::string> by;
  for (auto one = recorded.rbegin();
       one != recorded.rend() && static_cast<std::int64_t>(answer.history.size()) < limit; ++one) {
    auto [known, fresh] = by.try_emplace(one->run);
    if (fresh) {
      WEIRHOUSE_TRY(const catalog::Run run, workspace.catalog().GetRun(one->run));
      known->second = fmt::format("{} {}", catalog::ShownName(run.plan.kind), run.plan.name);
    }
    const bool kept = table->FindSnapshot(one->snapshot) != nullptr;
    answer.history.push_back({*one, known->second,
                              kept ? RefsAt(*table, one->snapshot) : std::vector<std::string>(),
                              kept});
  }
  return answer;
}

json ToJson(const TableHistoryAnswer& answer) {
  json list = json::array();
  for (const TableCommit& one : answer.history) {
    const catalog::SnapshotRecord& snapshot = one.snapshot;
    list.push_back({{"commit", CommitText(snapshot.seq)},
                    {"snapshot", std::to_string(snapshot.snapshot.value())},
                    {"operation", snapshot.operation},
                    {"added", snapshot.added_rows},
                    {"deleted", snapshot.deleted_rows},
                    {"rows", snapshot.total_rows},
                    {"run", ToString(snapshot.run)},
                    {"by", one.by},
                    {"refs", Join(one.refs, ", ")},
                    {"kept", one.kept ? "yes" : "expired"},
                    {"ref", snapshot.ref}});
  }
  return {{"history", std::move(list)}};
}

std::string TableFilesAnswer::partition(const iceberg::DataFile& file) const {
  return iceberg::FormatPartition(*table, file);
}

Result<TableFilesAnswer> ReadTableFiles(work::Workspace& workspace, const std::string& name,
                                        const std::string& at) {
  TableFilesAnswer answer;
  WEIRHOUSE_TRY(answer.table, workspace.LoadTable(name));
  WEIRHOUSE_TRY(const iceberg::Snapshot* snapshot, SnapshotNamed(workspace, *answer.table, at));
  WEIRHOUSE_TRY(answer.files, iceberg::LiveFiles(workspace.store(), *answer.table, *snapshot));
  std::sort(answer.files.begin(), answer.files.end(),
            [](const iceberg::DataFile& a, const iceberg::DataFile& b) {
              return std::tie(a.data_sequence_number, a.path) <
                     std::tie(b.data_sequence_number, b.path);
            });
  return answer;
}

std::string_view ContentName(iceberg::DataFile::Content content) {
  switch (content) {
    case iceberg::DataFile::Content::kData:
      return "data";
    case iceberg::DataFile::Content::kPositionDeletes:
      return "position deletes";
    case iceberg::DataFile::Content::kEqualityDeletes:
      return "equality deletes";
  }
  return "unknown";
}

json ToJson(const TableFilesAnswer& answer) {
  json list = json::array();
  for (const iceberg::DataFile& file : answer.files) {
    list.push_back({{"content", ContentName(file.content)},
                    {"rows", file.row_count},
                    {"bytes", file.size_bytes},
                    {"partition", answer.partition(file)},
                    {"sequence", file.data_sequence_number},
                    {"path", file.path},
                    {"added_by_snapshot", file.added_by.value()}});
  }
  return {{"files", std::move(list)}};
}

Result<TableDiffAnswer> ReadTableDiff(work::Workspace& workspace, const std::string& name,
                                      const std::string& from, const std::string& to,
                                      std::int64_t limit, std::int64_t rows_max) {
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace.LoadTable(name));
  WEIRHOUSE_TRY(const iceberg::Snapshot* before, SnapshotNamed(workspace, *table, from));
  WEIRHOUSE_TRY(const iceberg::Snapshot* after, SnapshotNamed(workspace, *table, to));
  WEIRHOUSE_TRY(const iceberg::SnapshotChange files,
                iceberg::CompareSnapshots(workspace.store(), *table, before, *after));
  if (files.rows_before > rows_max || files.rows_after > rows_max - files.rows_before) {
    return Status(Code::kInvalidInput,
                  fmt::format("the two snapshots have more rows than are compared here: {} and {}, "
                              "at most {} together",
                              WithThousands(files.rows_before), WithThousands(files.rows_after),
                              WithThousands(rows_max)))
        .WithError("WH8048")
        .WithHint(fmt::format("`wh table diff {}` compares any number", table->name));
  }
  WEIRHOUSE_TRY(const auto session, workspace.sql().Connect());
  WEIRHOUSE_TRY_STATUS(RegisterSnapshot(workspace, *session, table, before->id, "diff.before"));
  WEIRHOUSE_TRY_STATUS(RegisterSnapshot(workspace, *session, table, after->id, "diff.after"));
  WEIRHOUSE_TRY(const auto rows,
                session->Query("SELECT '-' AS change, * FROM (SELECT * FROM diff.before EXCEPT ALL "
                               "SELECT * FROM diff.after) UNION ALL SELECT '+' AS change, * FROM "
                               "(SELECT * FROM diff.after EXCEPT ALL SELECT * FROM diff.before) "
                               "ORDER BY ALL"));
  TableDiffAnswer answer;
  answer.table = table->name;
  answer.from = before->id;
  answer.to = after->id;
  answer.rows_before = files.rows_before;
  answer.rows_after = files.rows_after;
  answer.differing_rows = rows->num_rows();
  answer.data_files_added = files.added_data.size();
  answer.data_files_removed = files.removed_data.size();
  answer.delete_files_added = files.added_deletes.size();
  answer.delete_files_removed = files.removed_deletes.size();
  answer.rows = rows->Slice(0, limit);
  return answer;
}

json ToJson(const TableDiffAnswer& answer) {
  return {{"table", answer.table},
          {"from", answer.from.value()},
          {"to", answer.to.value()},
          {"rows_before", answer.rows_before},
          {"rows_after", answer.rows_after},
          {"differing_rows", answer.differing_rows},
          {"data_files_added", answer.data_files_added},
          {"data_files_removed", answer.data_files_removed},
          {"delete_files_added", answer.delete_files_added},
          {"delete_files_removed", answer.delete_files_removed},
          {"rows", RowsAsObjects(*answer.rows)}};
}
}  // namespace weirhouse::answers

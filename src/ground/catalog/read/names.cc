// Reads by name: pointers, namespaces, and what was recorded of a table under its names.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ground/catalog/store/row.h"
#include "ground/catalog/store/span.h"
#include "ground/catalog/store/sql_catalog.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;
using platform::DatabaseValue;

Result<std::string> TextOfRow(const DatabaseRow& row) { return row.Text(0); }

// Adds the properties, which lie in rows (namespace, key, value), to the namespaces.
Status AddProperties(Database& db, std::string_view sql,
                     const std::vector<DatabaseValue>& parameters,
                     std::map<std::string, NamespaceRecord>& namespaces) {
  return db.Each(sql, parameters, [&](const DatabaseRow& row) {
    if (const auto found = namespaces.find(row.Text(0)); found != namespaces.end()) {
      found->second.properties.emplace(row.Text(1), row.Text(2));
    }
    return Status::Ok();
  });
}
}  // namespace

// ---- Pointers
Result<std::optional<TablePointer>> SqlCatalog::FindTable(std::string_view name) {
  return FindOne<TablePointer>(
      fmt::format("SELECT {} FROM table_pointer WHERE name = ?", kPointerColumns),
      {std::string(name)}, ParsePointerRow);
}

Result<std::vector<TablePointer>> SqlCatalog::Tables() {
  return Collect<TablePointer>(
      fmt::format("SELECT {} FROM table_pointer ORDER BY name", kPointerColumns), {},
      ParsePointerRow);
}

Result<std::vector<std::string>> SqlCatalog::TableNames(std::string_view name_space,
                                                        PointerKind kind, std::string_view after,
                                                        std::int64_t limit) {
  return Collect<std::string>(
      "SELECT name FROM table_pointer WHERE namespace = ? AND kind = ? AND name > ? ORDER BY name "
      "LIMIT ?",
      {std::string(name_space), PointerKindName(kind), std::string(after), limit}, TextOfRow);
}

// ---- Namespaces
Result<std::vector<NamespaceRecord>> SqlCatalog::Namespaces() {
  std::map<std::string, NamespaceRecord> found;
  const auto read = [&](Database& db) -> Status {
    WEIRHOUSE_TRY_STATUS(
        db.Each("SELECT name FROM namespace UNION SELECT namespace FROM table_pointer", {},
                [&](const DatabaseRow& row) {
                  found.emplace(row.Text(0), NamespaceRecord{row.Text(0), {}});
                  return Status::Ok();
                }));
    return AddProperties(db, "SELECT namespace, key, value FROM namespace_property", {}, found);
  };
  WEIRHOUSE_TRY_STATUS(ReadOneState(read));
  std::vector<NamespaceRecord> namespaces;
  namespaces.reserve(found.size());
  for (auto& [name, record] : found) namespaces.push_back(std::move(record));
  return namespaces;
}

Result<std::optional<NamespaceRecord>> SqlCatalog::FindNamespace(std::string_view name) {
  const std::string wanted(name);
  std::map<std::string, NamespaceRecord> found;
  const auto read = [&](Database& db) -> Status {
    WEIRHOUSE_TRY_STATUS(
        db.Each("SELECT name FROM namespace WHERE name = ? UNION SELECT namespace FROM "
                "table_pointer WHERE namespace = ?",
                {wanted, wanted}, [&](const DatabaseRow& row) {
                  found.emplace(row.Text(0), NamespaceRecord{row.Text(0), {}});
                  return Status::Ok();
                }));
    return AddProperties(db,
                         "SELECT namespace, key, value FROM namespace_property WHERE namespace = ?",
                         {wanted}, found);
  };
  WEIRHOUSE_TRY_STATUS(ReadOneState(read));
  if (found.empty()) return std::optional<NamespaceRecord>();
  return std::optional<NamespaceRecord>(std::move(found.begin()->second));
}

// ---- What was recorded of a table
template <typename T>
Result<std::vector<T>> SqlCatalog::CollectRecorded(std::string_view table, std::string_view select,
                                                   const std::vector<DatabaseValue>& parameters,
                                                   std::string_view order,
                                                   Result<T> (*of_row)(const DatabaseRow&),
                                                   std::string_view seq) {
  std::vector<T> rows;
  const std::string sql =
      fmt::format("{0} AND table_name = ? AND {1} > ? AND {1} <= ? {2}", select, seq, order);
  const auto read = [&](Database& db) -> Status {
    WEIRHOUSE_TRY(const TableSpans spans, LoadSpans(db, table));
    for (const TableSpan& span : spans) {
      std::vector<DatabaseValue> values = parameters;
      values.emplace_back(span.recorded_as);
      values.emplace_back(span.after);
      values.emplace_back(span.until);
      WEIRHOUSE_TRY_STATUS(db.Each(sql, values, [&](const DatabaseRow& row) -> Status {
        WEIRHOUSE_TRY(T value, of_row(row));
        rows.push_back(std::move(value));
        return Status::Ok();
      }));
    }
    return Status::Ok();
  };
  WEIRHOUSE_TRY_STATUS(ReadOneState(read));
  return rows;
}

Result<std::vector<SnapshotRecord>> SqlCatalog::Snapshots(std::string_view table) {
  return CollectRecorded<SnapshotRecord>(
      table, fmt::format("SELECT {} FROM snapshot WHERE id > 0", kSnapshotColumns), {},
      "ORDER BY seq, id", ParseSnapshotRow);
}

Result<CommitSeq> SqlCatalog::SeqOf(std::string_view table, std::int64_t sequence_number) {
  WEIRHOUSE_TRY(
      const std::vector<SnapshotRecord> found,
      CollectRecorded<SnapshotRecord>(
          table,
          fmt::format("SELECT {} FROM snapshot WHERE ref = 'main' AND sequence_number = ?",
                      kSnapshotColumns),
          {sequence_number}, "ORDER BY seq + 0 LIMIT 1", ParseSnapshotRow,
          // Keeps the planner from the index of commits, which would scan the table's whole
          // history, so that it uses that of sequence numbers.
          "seq + 0"));
  if (!found.empty()) return found.front().seq;
  return Status(Code::kNotFound,
                fmt::format("table \"{}\" has no published snapshot with sequence number {}", table,
                            sequence_number))
      .WithError("WH7086");
}

Result<std::optional<SnapshotRecord>> SqlCatalog::SnapshotAsOf(std::string_view table,
                                                               CommitSeq seq) {
  WEIRHOUSE_TRY(
      std::vector<SnapshotRecord> found,
      CollectRecorded<SnapshotRecord>(
          table,
          fmt::format("SELECT {} FROM snapshot WHERE ref = 'main' AND seq <= ?", kSnapshotColumns),
          {seq.value()}, "ORDER BY seq DESC, id DESC LIMIT 1", ParseSnapshotRow));
  if (found.empty()) return std::optional<SnapshotRecord>();
  return std::optional<SnapshotRecord>(std::move(found.back()));
}

Result<std::vector<FileRecord>> SqlCatalog::Files(std::optional<std::string> table) {
  if (!table) {
    return Collect<FileRecord>(
        fmt::format("SELECT {} FROM file WHERE released = 0 ORDER BY table_name, id", kFileColumns),
        {}, ParseFileRow);
  }
  return CollectRecorded<FileRecord>(
      *table, fmt::format("SELECT {} FROM file WHERE released = 0", kFileColumns), {},
      "ORDER BY id", ParseFileRow);
}

Result<std::vector<FileRecord>> SqlCatalog::FilesSince(CommitSeq after) {
  return Collect<FileRecord>(
      fmt::format("SELECT {} FROM file WHERE seq > ? ORDER BY id", kFileColumns), {after.value()},
      ParseFileRow);
}

Result<std::vector<MetricRecord>> SqlCatalog::Metrics(const std::string& table,
                                                      const std::string& name, EventTime from,
                                                      EventTime to) {
  WEIRHOUSE_TRY(
      std::vector<MetricRecord> metrics,
      CollectRecorded<MetricRecord>(
          table,
          fmt::format("SELECT {} FROM metric WHERE name = ? AND batch_end >= ? AND batch_end < ?",
                      kMetricColumns),
          {name, Micros(from), Micros(to)}, "ORDER BY batch_end, id", ParseMetricRow));
  // Batches may run in any order, so a later span may hold an earlier day.
  std::stable_sort(
      metrics.begin(), metrics.end(),
      [](const MetricRecord& a, const MetricRecord& b) { return a.batch_end < b.batch_end; });
  return metrics;
}
}  // namespace weirhouse::catalog

// Totals that are kept as commits add to them, so that asking for them costs the same after a year
// as on the first day; and the check that they are the sums of the rows.
#include <fmt/format.h>

#include <map>

#include "ground/catalog/store/row.h"
#include "ground/catalog/store/sql_catalog.h"
#include "ground/catalog/write/publish.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;

constexpr std::string_view kRunsCounter = "runs";
constexpr std::string_view kObjectsCounter = "objects";
constexpr std::string_view kRecordsCounter = "object_records";
constexpr std::string_view kEventsCounter = "events";

Status AddTo(Database& db, std::string_view counter, std::int64_t count) {
  if (count == 0) return Status::Ok();
  return db.Run("UPDATE counter SET next = next + ? WHERE name = ?", {count, std::string(counter)});
}

Result<std::int64_t> IntOfRow(const DatabaseRow& row) { return row.Int(0); }

Status CheckCounter(Database& db, std::string_view counter, std::string_view sum) {
  std::int64_t kept = -1;
  WEIRHOUSE_TRY_STATUS(db.Each("SELECT next FROM counter WHERE name = ?", {std::string(counter)},
                               [&](const DatabaseRow& row) {
                                 kept = row.Int(0);
                                 return Status::Ok();
                               }));
  std::int64_t summed = 0;
  WEIRHOUSE_TRY_STATUS(db.Each(sum, {}, [&](const DatabaseRow& row) {
    summed = row.Int(0);
    return Status::Ok();
  }));
  if (kept == summed) return Status::Ok();
  return Status(Code::kCorruption,
                fmt::format("the total \"{}\" was changed: it is {}, but its rows add up to {}",
                            counter, kept, summed))
      .WithError("WH7008")
      .WithHint("restore a backup of the project's catalog");
}
}  // namespace

Status CountNewRun(Database& db) { return AddTo(db, kRunsCounter, 1); }

Status WriteTotals(CommitContext& commit) {
  const CommitRequest& request = commit.request;
  std::int64_t records = 0;
  for (const ObjectRecord& object : request.objects) records += object.record_count;
  WEIRHOUSE_TRY_STATUS(
      AddTo(commit.db, kObjectsCounter, static_cast<std::int64_t>(request.objects.size())));
  WEIRHOUSE_TRY_STATUS(AddTo(commit.db, kRecordsCounter, records));
  WEIRHOUSE_TRY_STATUS(
      AddTo(commit.db, kEventsCounter, static_cast<std::int64_t>(request.events.size())));
  if (request.run_state != RunState::kCommitted) return Status::Ok();
  for (const RecordStateCount& count : request.record_states) {
    WEIRHOUSE_TRY_STATUS(commit.db.Run(
        "INSERT INTO record_total (source, table_name, state, count) VALUES (?, ?, ?, ?) ON "
        "CONFLICT (source, table_name, state) DO UPDATE SET count = record_total.count + "
        "excluded.count",
        {count.source, count.table, WordOf(count.state), count.count}));
  }
  return Status::Ok();
}

Status CheckTotals(Database& db) {
  WEIRHOUSE_TRY_STATUS(CheckCounter(db, kRunsCounter, "SELECT count(*) FROM run"));
  WEIRHOUSE_TRY_STATUS(CheckCounter(db, kObjectsCounter, "SELECT count(*) FROM object"));
  WEIRHOUSE_TRY_STATUS(CheckCounter(db, kEventsCounter, "SELECT count(*) FROM outbox"));
  WEIRHOUSE_TRY_STATUS(CheckCounter(
      db, kRecordsCounter, "SELECT CAST(coalesce(sum(record_count), 0) AS BIGINT) FROM object"));
  std::map<std::vector<std::string>, std::int64_t> differences;
  for (const auto& [sql, sign] :
       {std::pair("SELECT source, table_name, state, count FROM record_total", std::int64_t{-1}),
        std::pair("SELECT r.source, r.table_name, r.state, CAST(sum(r.count) AS BIGINT) FROM "
                  "record_state r JOIN commit_log c ON c.seq = r.seq WHERE c.state = 'committed' "
                  "GROUP BY r.source, r.table_name, r.state",
                  std::int64_t{1})}) {
    WEIRHOUSE_TRY_STATUS(db.Each(sql, {}, [&, by = sign](const DatabaseRow& row) {
      differences[{row.Text(0), row.Text(1), row.Text(2)}] += by * row.Int(3);
      return Status::Ok();
    }));
  }
  for (const auto& [of, difference] : differences) {
    if (difference == 0) continue;
    return Status(Code::kCorruption, fmt::format("the total of \"{}\" records in state {} was "
                                                 "changed: it differs from its rows by {}",
                                                 of[0], of[2], difference))
        .WithError("WH7008")
        .WithHint("restore a backup of the project's catalog");
  }
  return Status::Ok();
}

Result<std::vector<RecordStateCount>> SqlCatalog::RecordStates() {
  return Collect<RecordStateCount>(
      "SELECT source, table_name, state, count FROM record_total ORDER BY source, table_name, "
      "state",
      {}, [](const DatabaseRow& row) -> Result<RecordStateCount> {
        WEIRHOUSE_TRY(const RecordState state,
                      StoredKind<RecordState>(row.Text(2), "state of records"));
        return RecordStateCount{row.Text(0), row.Text(1), state, row.Int(3)};
      });
}

Result<Catalog::ObjectTotals> SqlCatalog::CountObjects() {
  ObjectTotals totals;
  WEIRHOUSE_TRY_STATUS(Read([&](Database& db) {
    return db.Each(
        "SELECT name, next FROM counter WHERE name IN (?, ?)",
        {std::string(kObjectsCounter), std::string(kRecordsCounter)}, [&](const DatabaseRow& row) {
          (row.Text(0) == kObjectsCounter ? totals.objects : totals.records) = row.Int(1);
          return Status::Ok();
        });
  }));
  return totals;
}

Result<std::int64_t> SqlCatalog::RecordsSince(CommitSeq after) {
  WEIRHOUSE_TRY(
      const std::optional<std::int64_t> records,
      FindOne<std::int64_t>(
          "SELECT CAST(coalesce(sum(record_count), 0) AS BIGINT) FROM object WHERE seq > ?",
          {after.value()}, IntOfRow));
  return records.value_or(0);
}

// Runs in none of the counted states have committed.
Result<std::vector<std::pair<RunState, std::int64_t>>> SqlCatalog::RunCounts() {
  using Count = std::pair<RunState, std::int64_t>;
  std::vector<Count> counts;
  std::int64_t committed = 0;
  const auto read = [&](Database& db) -> Status {
    WEIRHOUSE_TRY_STATUS(db.Each("SELECT next FROM counter WHERE name = ?",
                                 {std::string(kRunsCounter)}, [&](const DatabaseRow& row) {
                                   committed = row.Int(0);
                                   return Status::Ok();
                                 }));
    return db.Each(
        "SELECT state, count(*) FROM run WHERE state IN ('discarded', 'failed', 'halted', "
        "'planned') GROUP BY state ORDER BY state",
        {}, [&](const DatabaseRow& row) -> Status {
          WEIRHOUSE_TRY(const RunState state, StoredState(row.Text(0)));
          counts.emplace_back(state, row.Int(1));
          committed -= row.Int(1);
          return Status::Ok();
        });
  };
  WEIRHOUSE_TRY_STATUS(ReadOneState(read));
  if (committed > 0) counts.insert(counts.begin(), {RunState::kCommitted, committed});
  return counts;
}

// Events in none of the counted states were sent.
Result<std::vector<std::pair<std::string, std::int64_t>>> SqlCatalog::EventCounts() {
  using Count = std::pair<std::string, std::int64_t>;
  std::vector<Count> counts;
  const auto read = [&](Database& db) -> Status {
    std::map<std::string, std::int64_t> rows;
    const auto add = [&](const DatabaseRow& row) {
      rows[row.Text(0)] = row.Int(1);
      return Status::Ok();
    };
    WEIRHOUSE_TRY_STATUS(
        db.Each("SELECT 'dead', count(*) FROM outbox WHERE state = 'dead'", {}, add));
    WEIRHOUSE_TRY_STATUS(
        db.Each("SELECT 'pending', count(*) FROM outbox WHERE state = 'pending'", {}, add));
    WEIRHOUSE_TRY_STATUS(db.Each("SELECT 'sent', next FROM counter WHERE name = ?",
                                 {std::string(kEventsCounter)}, add));
    rows["sent"] -= rows["dead"] + rows["pending"];
    for (const auto& [state, count] : rows) {
      if (count > 0) counts.emplace_back(state, count);
    }
    return Status::Ok();
  };
  WEIRHOUSE_TRY_STATUS(ReadOneState(read));
  return counts;
}
}  // namespace weirhouse::catalog

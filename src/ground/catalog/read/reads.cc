// Reads of arrivals, verdicts and the commit log.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "ground/catalog/store/row.h"
#include "ground/catalog/store/sql_catalog.h"
#include "ground/catalog/write/publish.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;
using platform::DatabaseValue;
}  // namespace

// ---- Arrival
Result<std::vector<ObjectRecord>> SqlCatalog::Objects(const ObjectFilter& filter) {
  std::string sql = fmt::format("{} WHERE o.id > 0", kObjectSelect);
  std::vector<DatabaseValue> parameters;
  if (filter.source) {
    sql += " AND o.source = ?";
    parameters.emplace_back(*filter.source);
  }
  if (filter.batch) {
    sql += " AND o.batch = ?";
    parameters.emplace_back(*filter.batch);
  }
  if (filter.seq) {
    sql += " AND o.seq = ?";
    parameters.emplace_back(filter.seq->value());
  }
  if (filter.state) {
    sql += " AND o.state = ?";
    parameters.push_back(WordOf(*filter.state));
  }
  if (filter.refused_at_attempts) {
    sql +=
        " AND o.id IN (SELECT id FROM object WHERE state = 'quarantined' UNION SELECT r.id FROM "
        "parse_attempt a JOIN object r ON r.source = a.source AND r.name = a.name AND r.digest = "
        "a.digest AND r.state <> 'duplicate' WHERE a.attempts >= ? UNION SELECT id FROM object "
        "WHERE attempts > 0 AND attempts >= ?)";
    parameters.emplace_back(std::int64_t{*filter.refused_at_attempts});
    parameters.emplace_back(std::int64_t{*filter.refused_at_attempts});
  }
  sql += " ORDER BY o.id";
  return Collect<ObjectRecord>(sql, parameters, ParseObjectRow);
}

Result<std::optional<ObjectRecord>> SqlCatalog::FindObject(ObjectId id) {
  return FindOne<ObjectRecord>(fmt::format("{} WHERE o.id = ?", kObjectSelect), {id.value()},
                               ParseObjectRow);
}

Result<std::optional<ObjectRecord>> SqlCatalog::ObjectOfRecord(RecordId record) {
  // Ranges do not overlap, so only the last one that begins at or before the record can hold it.
  // Objects without records reserve nothing and are left out.
  WEIRHOUSE_TRY(
      std::optional<ObjectRecord> object,
      FindOne<ObjectRecord>(fmt::format("{} WHERE o.first_record_id <= ? AND o.record_count > 0 "
                                        "ORDER BY o.first_record_id DESC LIMIT 1",
                                        kObjectSelect),
                            {record.value()}, ParseObjectRow));
  if (object && record.value() >= object->first_record_id.value() + object->record_count) {
    object.reset();
  }
  return object;
}

Result<std::optional<ObjectRecord>> SqlCatalog::FindArrival(const std::string& source,
                                                            const std::string& name,
                                                            const Digest& digest) {
  return FindOne<ObjectRecord>(fmt::format("{} WHERE o.source = ? AND o.name = ? AND o.digest = ? "
                                           "AND o.state <> 'duplicate'",
                                           kObjectSelect),
                               {source, name, digest.ToHex()}, ParseObjectRow);
}

Result<std::vector<ObjectRecord>> SqlCatalog::FindArrivals(const std::vector<Arrival>& arrivals) {
  // Always as many at once, so that the statement is prepared once. CROSS JOIN makes SQLite look up
  // each asked arrival in the index instead of reading all objects.
  constexpr std::size_t kAtOnce = 100;
  std::string sql = "WITH asked (source, name, digest) AS (VALUES (?, ?, ?)";
  for (std::size_t i = 1; i < kAtOnce; ++i) sql += ", (?, ?, ?)";
  sql += fmt::format(
      ") {} WHERE o.id IN (SELECT f.id FROM asked a CROSS JOIN object f WHERE f.source = a.source "
      "AND f.name = a.name AND f.digest = a.digest AND f.state <> 'duplicate')",
      kObjectSelect);
  std::vector<ObjectRecord> found;
  for (std::size_t first = 0; first < arrivals.size(); first += kAtOnce) {
    std::vector<DatabaseValue> some;
    for (std::size_t i = first; i < first + kAtOnce; ++i) {
      // Asking for one several times finds it once.
      const Arrival& arrival = arrivals[std::min(i, arrivals.size() - 1)];
      some.emplace_back(arrival.source);
      some.emplace_back(arrival.name);
      some.emplace_back(arrival.digest.ToHex());
    }
    WEIRHOUSE_TRY(std::vector<ObjectRecord> known,
                  Collect<ObjectRecord>(sql, some, ParseObjectRow));
    std::move(known.begin(), known.end(), std::back_inserter(found));
  }
  return found;
}

Result<std::optional<LandingRecord>> SqlCatalog::FindLanding(const std::string& path) {
  return FindOne<LandingRecord>(
      fmt::format("SELECT {} FROM landing WHERE path = ?", kLandingColumns), {path},
      ParseLandingRow);
}

Result<std::vector<LandingRecord>> SqlCatalog::Landings(const std::string& source) {
  return Collect<LandingRecord>(
      fmt::format("SELECT {} FROM landing WHERE source = ? ORDER BY path", kLandingColumns),
      {source}, ParseLandingRow);
}

Result<std::vector<LandingRecord>> SqlCatalog::FindLandings(const std::vector<std::string>& paths) {
  // Always as many at once, so that the statement is prepared once.
  constexpr std::size_t kAtOnce = 100;
  std::string sql = fmt::format("SELECT {} FROM landing WHERE path IN (?", kLandingColumns);
  for (std::size_t i = 1; i < kAtOnce; ++i) sql += ", ?";
  sql += ")";
  std::vector<LandingRecord> found;
  for (std::size_t first = 0; first < paths.size(); first += kAtOnce) {
    std::vector<DatabaseValue> some;
    for (std::size_t i = first; i < first + kAtOnce; ++i)
      some.emplace_back(i < paths.size() ? DatabaseValue(paths[i]) : DatabaseValue());
    WEIRHOUSE_TRY(std::vector<LandingRecord> known,
                  Collect<LandingRecord>(sql, some, ParseLandingRow));
    std::move(known.begin(), known.end(), std::back_inserter(found));
  }
  return found;
}

Result<int> SqlCatalog::CountParseAttempt(const std::string& source, const std::string& name,
                                          const Digest& digest) {
  WEIRHOUSE_TRY(const std::vector<int> counts, CountParseAttempts({{source, name, digest}}));
  return counts.front();
}

Result<std::vector<int>> SqlCatalog::CountParseAttempts(const std::vector<Arrival>& arrivals) {
  std::vector<int> counts;
  const auto count_all = [&](Database& db) -> Status {
    counts.clear();
    for (const Arrival& arrival : arrivals) {
      const std::vector<DatabaseValue> key{arrival.source, arrival.name, arrival.digest.ToHex()};
      WEIRHOUSE_TRY_STATUS(
          db.Run("INSERT INTO parse_attempt (source, name, digest, attempts) VALUES (?, ?, ?, 1) "
                 "ON CONFLICT (source, name, digest) DO UPDATE SET attempts = "
                 "parse_attempt.attempts + 1",
                 key));
      WEIRHOUSE_TRY_STATUS(
          db.Each("SELECT attempts FROM parse_attempt WHERE source = ? AND name = ? AND digest = ?",
                  key, [&](const DatabaseRow& row) {
                    counts.push_back(static_cast<int>(row.Int(0)));
                    return Status::Ok();
                  }));
    }
    return Status::Ok();
  };
  WEIRHOUSE_TRY_STATUS(Write(count_all));
  WEIRHOUSE_FAILPOINT("catalog.attempt.after");
  return counts;
}

Result<int> SqlCatalog::ParseAttempts(const Arrival& arrival) {
  WEIRHOUSE_TRY(
      const std::optional<int> counted,
      FindOne<int>(
          "SELECT attempts FROM parse_attempt WHERE source = ? AND name = ? AND digest = ?",
          {arrival.source, arrival.name, arrival.digest.ToHex()},
          [](const DatabaseRow& row) -> Result<int> { return static_cast<int>(row.Int(0)); }));
  return counted.value_or(0);
}

Status SqlCatalog::ForgetParseAttempts(const Arrival& arrival) {
  WEIRHOUSE_TRY_STATUS(Write([&](Database& db) { return DropParseAttempts(db, arrival); }));
  WEIRHOUSE_FAILPOINT("catalog.attempt.forgotten");
  return Status::Ok();
}

// ---- Judgement
Result<std::vector<VerdictRecord>> SqlCatalog::Verdicts(const VerdictFilter& filter) {
  std::string sql = fmt::format("SELECT {} FROM verdict WHERE id > 0", kVerdictColumns);
  std::vector<DatabaseValue> parameters;
  if (filter.gate) {
    sql += " AND gate = ?";
    parameters.emplace_back(*filter.gate);
  }
  if (filter.run) {
    sql += " AND run = ?";
    parameters.emplace_back(filter.run->value());
  }
  sql += " ORDER BY id DESC LIMIT ?";
  parameters.emplace_back(filter.limit);
  return Collect<VerdictRecord>(sql, parameters, ParseVerdictRow);
}

// ---- The commit log
Result<CommitSeq> SqlCatalog::LastSeq() {
  WEIRHOUSE_TRY(std::optional<CommitSeq> last,
                FindOne<CommitSeq>("SELECT coalesce(max(seq), 0) FROM commit_log", {},
                                   [](const DatabaseRow& row) -> Result<CommitSeq> {
                                     return CommitSeq(row.Int(0));
                                   }));
  return *last;
}

Result<std::vector<Catalog::CommitEntry>> SqlCatalog::Commits(CommitSeq after, std::int64_t limit) {
  return Collect<CommitEntry>(
      fmt::format("SELECT {} FROM commit_log WHERE seq > ? ORDER BY seq LIMIT ?", kCommitColumns),
      {after.value(), limit}, ParseCommitRow);
}

Result<std::optional<Catalog::CommitEntry>> SqlCatalog::NextCommit(Layer layer, CommitSeq after) {
  return FindOne<CommitEntry>(
      fmt::format("SELECT {} FROM commit_log WHERE layer = ? AND state = 'committed' AND seq > ? "
                  "ORDER BY seq LIMIT 1",
                  kCommitColumns),
      {WordOf(layer), after.value()}, ParseCommitRow);
}

Result<EventTime> SqlCatalog::ReplayNow() {
  WEIRHOUSE_TRY(
      std::optional<EventTime> now,
      FindOne<EventTime>("SELECT max(batch_end) FROM commit_log WHERE state = 'committed'", {},
                         [](const DatabaseRow& row) -> Result<EventTime> {
                           if (row.IsNull(0)) return EventTime::min();
                           return EventTimeOfMicros(row.Int(0));
                         }));
  return *now;
}
}  // namespace weirhouse::catalog

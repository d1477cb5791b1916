#include "ground/catalog/write/publish.h"

#include <fmt/format.h>

#include "ground/catalog/store/row.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;

Status WriteSnapshot(CommitContext& commit, const SnapshotRecord& snapshot) {
  return commit.db.Run(
      "INSERT INTO snapshot (table_name, snapshot_id, sequence_number, ref, operation, added_rows, "
      "deleted_rows, total_rows, seq, run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {snapshot.table, snapshot.snapshot.value(), snapshot.sequence_number, snapshot.ref,
       snapshot.operation, snapshot.added_rows, snapshot.deleted_rows, snapshot.total_rows,
       commit.seq.value(), commit.run.id.value()});
}

// A file released by expiry or a purge may be deleted at any time, so no commit may name it again.
Status CheckNotReleased(CommitContext& commit, const std::string& path) {
  bool released = false;
  WEIRHOUSE_TRY_STATUS(
      commit.db.Each("SELECT 1 FROM released_file WHERE path = ?", {path}, [&](const DatabaseRow&) {
        released = true;
        return Status::Ok();
      }));
  if (!released) return Status::Ok();
  return Status(
             Code::kInvalidInput,
             fmt::format("the file was released by expiry or a purge and cannot be named again: {}",
                         path))
      .WithError("WH7089")
      .WithHint("write new files under new names");
}

// Files are written once: if the path is recorded already (staged at a halt, named again by the
// override), the bytes must be the same.
Status WriteFileRow(CommitContext& commit, const FileRecord& file) {
  const std::string digest = file.sha256.ToHex();
  WEIRHOUSE_TRY_STATUS(commit.db.Run(
      "INSERT INTO file (path, table_name, kind, size_bytes, sha256, seq, run) VALUES (?, ?, ?, ?, "
      "?, ?, ?) ON CONFLICT (path) DO NOTHING",
      {file.path, file.table, WordOf(file.kind), file.size_bytes, digest, commit.seq.value(),
       commit.run.id.value()}));
  if (commit.db.Changes() == 1) return Status::Ok();
  WEIRHOUSE_TRY_STATUS(CheckNotReleased(commit, file.path));
  std::string stored;
  WEIRHOUSE_TRY_STATUS(commit.db.Each("SELECT sha256 FROM file WHERE path = ?", {file.path},
                                      [&](const DatabaseRow& row) {
                                        stored = row.Text(0);
                                        return Status::Ok();
                                      }));
  if (stored == digest) return Status::Ok();
  return Status(Code::kCorruption,
                fmt::format(
                    "the file was committed before with other bytes: {}: SHA-256 {} then, {} now",
                    file.path, stored, digest))
      .WithError(kOtherBytes)
      .WithHint("`wh verify --deep` shows which of the two the file has");
}

Status WriteObject(CommitContext& commit, const ObjectRecord& object) {
  const std::string digest = object.digest.ToHex();
  if (object.state != ObjectState::kDuplicate) {
    std::int64_t earlier = 0;
    WEIRHOUSE_TRY_STATUS(
        commit.db.Each("SELECT id FROM object WHERE source = ? AND name = ? AND digest = ? AND "
                       "state <> 'duplicate'",
                       {object.source, object.name, digest}, [&](const DatabaseRow& row) {
                         earlier = row.Int(0);
                         return Status::Ok();
                       }));
    if (earlier != 0) {
      return Status(Code::kConflict,
                    fmt::format("the object has arrived before: source \"{}\", \"{}\" is {}",
                                object.source, object.name, ToString(ObjectId(earlier))))
          .WithError("WH7006")
          .WithHint("treat it as a duplicate");
    }
  }
  WEIRHOUSE_TRY(const std::optional<std::int64_t> id,
                commit.db.Insert(
                    "INSERT INTO object (source, name, digest, size_bytes, record_count, "
                    "first_record_id, path, batch, contract_version, sender, arrived_at, state, "
                    "attempts, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                    {object.source, object.name, digest, object.size_bytes, object.record_count,
                     object.first_record_id.value(), object.path, object.batch,
                     object.contract_version, object.sender, Micros(object.arrived_at),
                     WordOf(object.state), std::int64_t{object.attempts}, commit.seq.value()}));
  commit.objects.emplace_back(id.value_or(0));
  return Status::Ok();
}

// A path in a landing folder may be reused: the latest record counts.
Status WriteLanding(CommitContext& commit, const LandingRecord& landing) {
  return commit.db.Run(
      "INSERT INTO landing (path, size_bytes, mtime_us, inode, source, digest, state, seq, "
      "ctime_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET size_bytes = "
      "excluded.size_bytes, "
      "mtime_us = excluded.mtime_us, inode = excluded.inode, source = excluded.source, digest = "
      "excluded.digest, state = excluded.state, seq = excluded.seq, ctime_us = excluded.ctime_us",
      {landing.path, landing.size_bytes, landing.mtime_us, static_cast<std::int64_t>(landing.inode),
       landing.source, landing.digest.ToHex(), WordOf(landing.state), commit.seq.value(),
       landing.ctime_us});
}

Status WriteVerdict(CommitContext& commit, const VerdictRecord& verdict) {
  return commit.db.Run(
      "INSERT INTO verdict (gate, table_name, state, batch, batch_end, checks, override_reason, "
      "override_by, run, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {verdict.gate, verdict.table, WordOf(verdict.state), verdict.batch, Micros(verdict.batch_end),
       JsonText(verdict.checks), verdict.override_reason, verdict.override_by,
       commit.run.id.value(), commit.seq.value()});
}

Status WriteMetric(CommitContext& commit, const MetricRecord& metric) {
  return commit.db.Run(
      "INSERT INTO metric (table_name, name, batch, batch_end, in_baseline, value, run, seq) "
      "VALUES "
      "(?, ?, ?, ?, ?, ?, ?, ?)",
      {metric.table, metric.name, metric.batch, Micros(metric.batch_end),
       std::int64_t{metric.in_baseline ? 1 : 0}, JsonText(metric.value), commit.run.id.value(),
       commit.seq.value()});
}

Status WritePrediction(CommitContext& commit, const PredictionRecord& prediction) {
  return commit.db.Run(
      "INSERT INTO prediction (id, model, at, request, vector, vector_digest, output, "
      "features_seq, "
      "seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {prediction.id, prediction.model, Micros(prediction.at), JsonText(prediction.request),
       JsonText(prediction.vector), prediction.vector_digest.ToHex(), JsonText(prediction.output),
       prediction.features_seq.value(), commit.seq.value()});
}

Result<Catalog::Offset> StoredOffset(Database& db, const std::string& consumer) {
  Catalog::Offset offset;
  WEIRHOUSE_TRY_STATUS(
      db.Each("SELECT position, generation FROM consumer_offset WHERE consumer = ?", {consumer},
              [&](const DatabaseRow& row) {
                offset = {row.Int(0), row.Int(1)};
                return Status::Ok();
              }));
  return offset;
}
}  // namespace

Status WriteTables(CommitContext& commit) {
  for (const auto& snapshot : commit.request.snapshots) {
    WEIRHOUSE_TRY_STATUS(WriteSnapshot(commit, snapshot));
  }
  for (const auto& file : commit.request.files) WEIRHOUSE_TRY_STATUS(WriteFileRow(commit, file));
  for (const auto& object : commit.request.objects) {
    WEIRHOUSE_TRY_STATUS(WriteObject(commit, object));
  }
  for (const auto& landing : commit.request.landings) {
    WEIRHOUSE_TRY_STATUS(WriteLanding(commit, landing));
  }
  for (const Arrival& arrival : commit.request.forgotten_attempts) {
    WEIRHOUSE_TRY_STATUS(DropParseAttempts(commit.db, arrival));
  }
  return Status::Ok();
}

Status WriteJudgement(CommitContext& commit) {
  for (const auto& verdict : commit.request.verdicts) {
    WEIRHOUSE_TRY_STATUS(WriteVerdict(commit, verdict));
  }
  for (const auto& metric : commit.request.metrics) {
    WEIRHOUSE_TRY_STATUS(WriteMetric(commit, metric));
  }
  for (const auto& count : commit.request.record_states) {
    WEIRHOUSE_TRY_STATUS(commit.db.Run(
        "INSERT INTO record_state (source, table_name, state, count, run, seq) VALUES (?, ?, ?, ?, "
        "?, ?)",
        {count.source, count.table, WordOf(count.state), count.count, commit.run.id.value(),
         commit.seq.value()}));
  }
  for (const auto& prediction : commit.request.predictions) {
    WEIRHOUSE_TRY_STATUS(WritePrediction(commit, prediction));
  }
  for (const auto& [key, value] : commit.request.settings) {
    if (key == setting::ProjectId().key()) {
      return Status(Code::kInternal,
                    "the project's id cannot be changed: the hash chain begins with it")
          .WithError("WH7085");
    }
    if (value.is_null()) {
      WEIRHOUSE_TRY_STATUS(commit.db.Run("DELETE FROM setting WHERE key = ?", {key.text()}));
      continue;
    }
    WEIRHOUSE_TRY_STATUS(
        commit.db.Run("INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE "
                      "SET value = excluded.value",
                      {key.text(), JsonText(value)}));
  }
  return Status::Ok();
}

Status WriteEvents(CommitContext& commit) {
  for (const auto& event : commit.request.events) {
    WEIRHOUSE_TRY_STATUS(commit.db.Run(
        "INSERT INTO outbox (type, subject, data, seq, attempts, state) VALUES (?, ?, ?, ?, 0, "
        "'pending')",
        {event.type, event.subject, JsonText(event.data), commit.seq.value()}));
  }
  return Status::Ok();
}

Status DropParseAttempts(Database& db, const Arrival& arrival) {
  return db.Run("DELETE FROM parse_attempt WHERE source = ? AND name = ? AND digest = ?",
                {arrival.source, arrival.name, arrival.digest.ToHex()});
}

Status CheckOffsets(Database& db, const CommitRequest& request) {
  for (const OffsetMove& move : request.offsets) {
    WEIRHOUSE_TRY(const Catalog::Offset stored, StoredOffset(db, move.consumer));
    if (move.generation < stored.generation) {
      return Status(Code::kConflict, fmt::format("consumer \"{}\" is fenced off: its generation is "
                                                 "{}, and generation {} has taken over",
                                                 move.consumer, move.generation, stored.generation))
          .WithError("WH7005")
          .WithHint("stop this consumer: a newer one reads in its place");
    }
    if (move.expected != stored.position) {
      return Status(Code::kConflict, fmt::format("the offset of consumer \"{}\" was moved by "
                                                 "another writer: expected {}, found {}",
                                                 move.consumer, move.expected, stored.position))
          .WithError("WH7081")
          .WithHint("read again from the stored offset and redo the run");
    }
  }
  return Status::Ok();
}

Status WriteOffsets(Database& db, const CommitRequest& request, CommitSeq seq) {
  for (const OffsetMove& move : request.offsets) {
    WEIRHOUSE_TRY_STATUS(
        db.Run("INSERT INTO consumer_offset (consumer, position, generation, seq) VALUES (?, ?, ?, "
               "?) ON CONFLICT (consumer) DO UPDATE SET position = excluded.position, generation = "
               "excluded.generation, seq = excluded.seq",
               {move.consumer, move.position, move.generation, seq.value()}));
  }
  return Status::Ok();
}
}  // namespace weirhouse::catalog

// Catalog::Commit: what a run publishes, in one transaction.
#include <fmt/format.h>

#include <algorithm>

#include "ground/catalog/store/row.h"
#include "ground/catalog/store/sql_catalog.h"
#include "ground/catalog/write/publish.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;

// The run as messages name it; a run that its commit plans has no id yet.
std::string RunOf(const CommitRequest& request) {
  if (!request.plan) return ToString(request.run);
  return fmt::format("{} \"{}\"", Name(request.plan->kind), request.plan->name);
}

Status Inconsistent(const CommitRequest& request, std::string_view why) {
  return Status(Code::kInternal,
                fmt::format("the commit of run {} is inconsistent: {}", RunOf(request), why))
      .WithError("WH7085");
}

Status CheckRequest(const CommitRequest& request) {
  if (request.idempotency_key.empty()) return Inconsistent(request, "it has no idempotency key");
  if (request.plan && request.run != RunId()) {
    return Inconsistent(request, "it has both a plan and a planned run");
  }
  if (request.plan && request.plan->idempotency_key != request.idempotency_key) {
    return Inconsistent(request, "its idempotency key differs from its run's");
  }
  if (request.run_state != RunState::kCommitted && request.run_state != RunState::kHalted) {
    return Inconsistent(request, "the run's state must be committed or halted");
  }
  if (request.run_state == RunState::kHalted && !request.offsets.empty()) {
    return Inconsistent(request, "a halted run must not move offsets");
  }
  if (request.also_closes.has_value() != request.also_state.has_value()) {
    return Inconsistent(request, "a closed run and its new state must be given together");
  }
  if (request.also_state && *request.also_state != RunState::kCommitted &&
      *request.also_state != RunState::kDiscarded) {
    return Inconsistent(request, "a closed run must become committed or discarded");
  }
  return Status::Ok();
}

// What must be equal in two requests with one key: which run publishes what, and how far. File
// names, UUIDs, times and fence generations are excluded, because a later attempt of the same run
// stages the same rows under other names and must get the first answer.
Digest ContentOf(const CommitRequest& request) {
  std::vector<std::string> parts;
  for (const auto& table : request.tables) parts.push_back(fmt::format("table {}", table.name));
  for (const auto& count : request.record_states) {
    parts.push_back(fmt::format("records {}\x1f{}\x1f{}\x1f{}", count.source, count.table,
                                Name(count.state), count.count));
  }
  for (const auto& move : request.offsets) {
    parts.push_back(fmt::format("offset {}\x1f{}", move.consumer, move.position));
  }
  for (const auto& drop : request.drops) parts.push_back(fmt::format("drop {}", drop.name));
  for (const auto& rename : request.renames) {
    parts.push_back(fmt::format("rename {}\x1f{}", rename.name, rename.new_name));
  }
  for (const auto& change : request.namespaces) {
    parts.push_back(fmt::format("namespace {}\x1f{}\x1f{}", static_cast<int>(change.what),
                                change.wanted.name,
                                JsonText(nlohmann::json(change.wanted.properties))));
  }
  if (request.plan) {
    parts.push_back(fmt::format("step {}", request.plan->step_identity.ToHex()));
  }
  for (const Arrival& arrival : request.forgotten_attempts) {
    parts.push_back(
        fmt::format("forget {}\x1f{}\x1f{}", arrival.source, arrival.name, arrival.digest.ToHex()));
  }
  if (request.also_closes) {
    parts.push_back(fmt::format("closes {} {}", ToString(*request.also_closes),
                                RunStateName(*request.also_state)));
  }
  std::sort(parts.begin(), parts.end());
  Sha256 sha;
  sha.UpdateSized("weirhouse commit 1");
  sha.UpdateInt(request.run.value());
  sha.UpdateSized(RunStateName(request.run_state));
  sha.UpdateSized(Name(request.layer));
  sha.UpdateSized(request.batch);
  for (const std::string& part : parts) sha.UpdateSized(part);
  return sha.Finish();
}

struct StoredAnswer {
  CommitAnswer answer;
  std::string content;
};

Result<std::optional<StoredAnswer>> FindAnswer(Database& db, std::string_view key) {
  std::optional<StoredAnswer> found;
  WEIRHOUSE_TRY_STATUS(
      db.Each("SELECT a.seq, a.content, c.run FROM answer a JOIN commit_log c ON c.seq = a.seq "
              "WHERE a.idempotency_key = ?",
              {std::string(key)}, [&](const DatabaseRow& row) {
                found.emplace();
                found->answer.seq = CommitSeq(row.Int(0));
                found->answer.run = RunId(row.Int(2));
                found->answer.repeated = true;
                found->content = row.Text(1);
                return Status::Ok();
              }));
  if (!found) return found;
  WEIRHOUSE_TRY_STATUS(db.Each("SELECT id FROM object WHERE seq = ? ORDER BY id",
                               {found->answer.seq.value()}, [&](const DatabaseRow& row) {
                                 found->answer.objects.emplace_back(row.Int(0));
                                 return Status::Ok();
                               }));
  return found;
}

Status CheckSameContent(const CommitRequest& request, const StoredAnswer& stored) {
  if (stored.content == ContentOf(request).ToHex()) return Status::Ok();
  return Status(Code::kInvalidInput,
                fmt::format("the idempotency key was used by another commit: run {}, key \"{}\", "
                            "commit {} has other content",
                            RunOf(request), request.idempotency_key, stored.answer.seq.value()))
      .WithError("WH7004")
      .WithHint("plan the run again: other inputs give another key");
}

Status NotPlanned(const Run& run) {
  return Status(Code::kConflict, fmt::format("run {} cannot be published: it is {}",
                                             ToString(run.id), RunStateName(run.state)))
      .WithError("WH7007")
      .WithHint("plan the run again");
}

// The run, which must be planned.
Result<Run> RunToPublish(Database& db, const CommitRequest& request, ProcessTime now) {
  const RunId id = request.run;
  std::optional<Run> run;
  if (request.plan) {
    WEIRHOUSE_TRY(run, PlanOne(db, *request.plan, now));
    if (run->state == RunState::kPlanned) return *std::move(run);
    return NotPlanned(*run);
  }
  WEIRHOUSE_TRY_STATUS(db.Each(fmt::format("SELECT {} FROM run WHERE id = ?", kRunColumns),
                               {id.value()}, [&](const DatabaseRow& row) -> Status {
                                 WEIRHOUSE_TRY(run, ParseRunRow(row));
                                 return Status::Ok();
                               }));
  if (!run) {
    return Status(Code::kNotFound, fmt::format("run does not exist: {}", ToString(id)))
        .WithError("WH7086")
        .WithHint("plan the run before it works");
  }
  if (run->state == RunState::kPlanned) return *std::move(run);
  return NotPlanned(*run);
}

Status CloseRuns(CommitContext& commit) {
  const CommitRequest& request = commit.request;
  WEIRHOUSE_TRY_STATUS(
      commit.db.Run("UPDATE run SET state = ?, finished_at = ?, seq = ? WHERE id = ?",
                    {std::string(RunStateName(request.run_state)), Micros(commit.now),
                     commit.seq.value(), commit.run.id.value()}));
  if (!request.also_closes) return Status::Ok();
  WEIRHOUSE_TRY_STATUS(commit.db.Run(
      "UPDATE run SET state = ?, finished_at = ?, seq = ? WHERE id = ? AND state = 'halted'",
      {std::string(RunStateName(*request.also_state)), Micros(commit.now), commit.seq.value(),
       request.also_closes->value()}));
  if (commit.db.Changes() == 1) return Status::Ok();
  return Status(Code::kConflict, fmt::format("run {} cannot be closed: it is not halted",
                                             ToString(*request.also_closes)))
      .WithError("WH7007")
      .WithHint("`wh status` lists the halted runs");
}

Result<CommitSeq> NextSeq(Database& db, const CommitRequest& request, RunId run, ProcessTime now) {
  // Counted in a row, not by the database: a rolled-back commit must leave no gap, because a gap
  // means that a commit was removed from the log.
  std::int64_t seq = 0;
  WEIRHOUSE_TRY_STATUS(
      db.Each("SELECT next FROM counter WHERE name = 'commit'", {}, [&](const DatabaseRow& row) {
        seq = row.Int(0);
        return Status::Ok();
      }));
  WEIRHOUSE_TRY_STATUS(db.Run("UPDATE counter SET next = next + 1 WHERE name = 'commit'"));
  WEIRHOUSE_TRY_STATUS(db.Run(
      "INSERT INTO commit_log (seq, run, state, layer, batch, committed_at, batch_end, record, "
      "chain) VALUES (?, ?, ?, ?, ?, ?, ?, '', '')",
      {seq, run.value(), std::string(RunStateName(request.run_state)), WordOf(request.layer),
       request.batch, Micros(now), OrNull(request.batch_end)}));
  return CommitSeq(seq);
}

// Links the commit to the one before it. Last of all, over the rows as they were written.
Status WriteChain(CommitContext& commit) {
  std::string head;
  WEIRHOUSE_TRY_STATUS(
      commit.db.Each("SELECT chain FROM commit_log WHERE seq < ? ORDER BY seq DESC LIMIT 1",
                     {commit.seq.value()}, [&](const DatabaseRow& row) {
                       head = row.Text(0);
                       return Status::Ok();
                     }));
  auto before = head.empty() ? ChainStart(commit.db) : StoredDigest(head, "chain of a commit");
  if (!before.ok()) return before.status();
  WEIRHOUSE_TRY(std::string record, BuildRecord(commit));
  const Digest chain = ChainStep(*before, record);
  return commit.db.Run("UPDATE commit_log SET record = ?, chain = ? WHERE seq = ?",
                       {std::move(record), chain.ToHex(), commit.seq.value()});
}

Result<CommitAnswer> WriteCommit(Database& db, const CommitRequest& request, ProcessTime now) {
  WEIRHOUSE_TRY(Run run, RunToPublish(db, request, now));
  WEIRHOUSE_TRY_STATUS(CheckOffsets(db, request));
  WEIRHOUSE_TRY(const CommitSeq seq, NextSeq(db, request, run.id, now));
  CommitContext commit{db, request, std::move(run), seq, now, {}};
  WEIRHOUSE_TRY_STATUS(WritePointers(commit));
  WEIRHOUSE_FAILPOINT("catalog.commit.pointers");
  WEIRHOUSE_TRY_STATUS(WriteTables(commit));
  WEIRHOUSE_TRY_STATUS(WriteReleased(commit));
  WEIRHOUSE_TRY_STATUS(WriteJudgement(commit));
  WEIRHOUSE_TRY_STATUS(WriteTotals(commit));
  WEIRHOUSE_TRY_STATUS(CloseRuns(commit));
  WEIRHOUSE_TRY_STATUS(WriteLineage(commit));
  WEIRHOUSE_FAILPOINT("catalog.commit.lineage");
  WEIRHOUSE_TRY_STATUS(WriteEvents(commit));
  if (!Planted("offset_outside")) WEIRHOUSE_TRY_STATUS(WriteOffsets(db, request, seq));
  if (request.reply) WEIRHOUSE_TRY_STATUS(WriteReply(db, *request.reply, now));
  WEIRHOUSE_FAILPOINT("catalog.commit.outbox");
  WEIRHOUSE_TRY_STATUS(db.Run("INSERT INTO answer (idempotency_key, content, seq) VALUES (?, ?, ?)",
                              {request.idempotency_key, ContentOf(request).ToHex(), seq.value()}));
  WEIRHOUSE_TRY_STATUS(WriteChain(commit));
  return CommitAnswer{seq, commit.run.id, /*repeated=*/false, std::move(commit.objects)};
}

// The planted bug: offsets in a transaction of their own, so that a crash between both shows.
Status WriteOffsetsOutside(Database& db, const CommitRequest& request, CommitSeq seq) {
  WEIRHOUSE_FAILPOINT("catalog.commit.offset_gap");
  WEIRHOUSE_TRY_STATUS(db.Begin());
  WEIRHOUSE_TRY_STATUS(WriteOffsets(db, request, seq));
  return db.Commit();
}
}  // namespace

Result<CommitAnswer> SqlCatalog::Commit(const CommitRequest& request) {
  WEIRHOUSE_TRY_STATUS(CheckRequest(request));
  CommitAnswer answer;
  const auto find_answer = [&](Database& db) -> Result<bool> {
    WEIRHOUSE_TRY(std::optional<StoredAnswer> stored, FindAnswer(db, request.idempotency_key));
    if (!stored) return false;
    WEIRHOUSE_TRY_STATUS(CheckSameContent(request, *stored));
    answer = std::move(stored->answer);
    return true;
  };
  WriteWork work;
  work.what = fmt::format("commit of run {}", RunOf(request));
  work.body = [&](Database& db) -> Status {
    WEIRHOUSE_FAILPOINT("catalog.commit.begin");
    WEIRHOUSE_TRY(const bool there, find_answer(db));
    if (there) return Status::Ok();
    WEIRHOUSE_TRY(answer, WriteCommit(db, request, clock_->Now()));
    WEIRHOUSE_FAILPOINT("catalog.commit.before_commit");
    return Status::Ok();
  };
  work.took_place = [&](Database& db) -> Result<bool> {
    const bool repeated = answer.repeated;
    WEIRHOUSE_TRY(const bool there, find_answer(db));
    answer.repeated = repeated;
    return there;
  };
  work.after = [&](Database& db) -> Status {
    WEIRHOUSE_FAILPOINT("catalog.commit.after_commit");
    if (!Planted("offset_outside") || answer.repeated) return Status::Ok();
    return WriteOffsetsOutside(db, request, answer.seq);
  };
  WEIRHOUSE_TRY_STATUS(writer_.Write(work));
  return answer;
}

Result<std::optional<CommitAnswer>> SqlCatalog::Outcome(std::string_view idempotency_key) {
  std::optional<CommitAnswer> answer;
  // Otherwise "absent" could become wrong a moment later.
  WEIRHOUSE_TRY_STATUS(Read([](Database& db) { return db.WaitForWriters(); }));
  WEIRHOUSE_TRY_STATUS(ReadOneState([&](Database& db) -> Status {
    WEIRHOUSE_TRY(std::optional<StoredAnswer> stored, FindAnswer(db, idempotency_key));
    if (stored) answer = std::move(stored->answer);
    return Status::Ok();
  }));
  return answer;
}
}  // namespace weirhouse::catalog

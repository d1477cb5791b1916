// Runs: planned before they work, resumed after a crash, never minted again.
#include <fmt/format.h>

#include "ground/catalog/store/row.h"
#include "ground/catalog/store/sql_catalog.h"
#include "ground/catalog/write/publish.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;
using platform::DatabaseValue;

Result<std::optional<Run>> FindStep(Database& db, RunKind kind, const Digest& identity) {
  std::optional<Run> found;
  WEIRHOUSE_TRY_STATUS(
      db.Each(fmt::format("SELECT {} FROM run WHERE kind = ? AND step_identity = ?", kRunColumns),
              {WordOf(kind), identity.ToHex()}, [&](const DatabaseRow& row) -> Status {
                WEIRHOUSE_TRY(found, ParseRunRow(row));
                return Status::Ok();
              }));
  return found;
}

Result<std::int64_t> NextRecordId(Database& db) {
  std::int64_t next = 0;
  WEIRHOUSE_TRY_STATUS(
      db.Each("SELECT next FROM counter WHERE name = 'record'", {}, [&](const DatabaseRow& row) {
        next = row.Int(0);
        return Status::Ok();
      }));
  return next;
}

// Takes `count` record ids from the sequence; the first of them, or 0 for none.
Result<RecordId> ReserveRecordIds(Database& db, std::int64_t count) {
  if (count == 0) return RecordId();
  WEIRHOUSE_TRY(const std::int64_t first, NextRecordId(db));
  WEIRHOUSE_TRY_STATUS(db.Run("UPDATE counter SET next = next + ? WHERE name = 'record'", {count}));
  return RecordId(first);
}

Result<Run> InsertRun(Database& db, const RunPlan& plan, ProcessTime now) {
  Run run;
  run.plan = plan;
  run.planned_at = now;
  WEIRHOUSE_TRY(run.first_record_id, ReserveRecordIds(db, plan.record_ids_wanted));
  WEIRHOUSE_TRY(
      const std::optional<std::int64_t> id,
      db.Insert("INSERT INTO run (kind, name, step_identity, idempotency_key, inputs, parameters, "
                "record_ids_wanted, first_record_id, state, attempt, planned_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'planned', 1, ?) RETURNING id",
                {WordOf(plan.kind), plan.name, plan.step_identity.ToHex(), plan.idempotency_key,
                 JsonText(plan.inputs), JsonText(plan.parameters), plan.record_ids_wanted,
                 run.first_record_id.value(), Micros(now)}));
  run.id = RunId(id.value_or(0));
  WEIRHOUSE_TRY_STATUS(CountNewRun(db));
  return run;
}

Result<Run> ResumeRun(Database& db, Run run, const RunPlan& plan, ProcessTime now) {
  WEIRHOUSE_TRY(const std::int64_t next, NextRecordId(db));
  const bool last = run.first_record_id.value() + run.plan.record_ids_wanted == next;
  if (plan.record_ids_wanted != run.plan.record_ids_wanted ||
      (plan.record_ids_wanted > 0 && !last)) {
    // The reserved ids no longer fit: either the plan needs another number, or other runs have
    // reserved ids since and may have published their records. Numbers follow the order of
    // publication, because of equal records the first wins. Nothing of this run was published, so
    // it gives its ids up and counts as planned now: records with greater numbers then do not
    // arrive earlier.
    WEIRHOUSE_TRY(run.first_record_id, ReserveRecordIds(db, plan.record_ids_wanted));
    run.plan.record_ids_wanted = plan.record_ids_wanted;
    run.planned_at = now;
    WEIRHOUSE_TRY_STATUS(db.Run(
        "UPDATE run SET record_ids_wanted = ?, first_record_id = ?, planned_at = ? WHERE id = ?",
        {plan.record_ids_wanted, run.first_record_id.value(), Micros(now), run.id.value()}));
  }
  ++run.attempt;
  run.state = RunState::kPlanned;
  run.finished_at.reset();
  run.error = nullptr;
  WEIRHOUSE_TRY_STATUS(
      db.Run("UPDATE run SET state = 'planned', attempt = ?, finished_at = NULL, error = NULL "
             "WHERE id = ?",
             {std::int64_t{run.attempt}, run.id.value()}));
  return run;
}

Status NoSuchRun(RunId run) {
  return Status(Code::kNotFound, fmt::format("run does not exist: {}", ToString(run)))
      .WithError("WH7086")
      .WithHint("`wh status` shows the last runs");
}
}  // namespace

Result<Run> PlanOne(Database& db, const RunPlan& plan, ProcessTime now) {
  if (plan.record_ids_wanted < 0) {
    return Status(Code::kInternal,
                  fmt::format("run \"{}\" wants a negative number of record ids", plan.name))
        .WithError("WH7085");
  }
  WEIRHOUSE_TRY(std::optional<Run> found, FindStep(db, plan.kind, plan.step_identity));
  if (!found) return InsertRun(db, plan, now);
  if (found->state == RunState::kPlanned || found->state == RunState::kFailed) {
    return ResumeRun(db, *std::move(found), plan, now);
  }
  return *std::move(found);
}

Result<Run> SqlCatalog::PlanRun(const RunPlan& plan) {
  WEIRHOUSE_TRY(std::vector<Run> runs, PlanRuns({plan}));
  return std::move(runs.front());
}

Result<std::vector<Run>> SqlCatalog::PlanRuns(const std::vector<RunPlan>& plans) {
  WEIRHOUSE_FAILPOINT("catalog.plan.before");
  const ProcessTime now = clock_->Now();
  std::vector<Run> runs;
  WEIRHOUSE_TRY_STATUS(Write([&](Database& db) -> Status {
    runs.clear();
    for (const RunPlan& plan : plans) {
      WEIRHOUSE_TRY(Run run, PlanOne(db, plan, now));
      runs.push_back(std::move(run));
    }
    return Status::Ok();
  }));
  WEIRHOUSE_FAILPOINT("catalog.plan.after");
  return runs;
}

Status SqlCatalog::FailRun(RunId run, const Status& why) {
  nlohmann::json error{{"code", CodeName(why.code())}, {"message", why.message()}};
  if (!why.hint().empty()) error["hint"] = why.hint();
  if (!why.error_code().empty()) error["error"] = why.error_code();
  const std::int64_t now = Micros(clock_->Now());
  return Write([&](Database& db) -> Status {
    WEIRHOUSE_TRY_STATUS(db.Run(
        "UPDATE run SET state = 'failed', finished_at = ?, error = ? WHERE id = ? AND state IN "
        "('planned', 'failed')",
        {now, JsonText(error), run.value()}));
    if (db.Changes() == 1) return Status::Ok();
    std::string state;
    WEIRHOUSE_TRY_STATUS(
        db.Each("SELECT state FROM run WHERE id = ?", {run.value()}, [&](const DatabaseRow& row) {
          state = row.Text(0);
          return Status::Ok();
        }));
    if (state.empty()) return NoSuchRun(run);
    return Status(Code::kConflict,
                  fmt::format("run {} cannot fail: it is {}", ToString(run), state))
        .WithError("WH7007");
  });
}

Result<Run> SqlCatalog::GetRun(RunId run) {
  WEIRHOUSE_TRY(std::optional<Run> found,
                FindOne<Run>(fmt::format("SELECT {} FROM run WHERE id = ?", kRunColumns),
                             {run.value()}, ParseRunRow));
  if (!found) return NoSuchRun(run);
  return *std::move(found);
}

Result<std::optional<Run>> SqlCatalog::FindRun(RunKind kind, const Digest& step_identity) {
  return FindOne<Run>(
      fmt::format("SELECT {} FROM run WHERE kind = ? AND step_identity = ?", kRunColumns),
      {WordOf(kind), step_identity.ToHex()}, ParseRunRow);
}

Result<std::vector<Run>> SqlCatalog::Runs(const RunFilter& filter) {
  std::string sql = fmt::format("SELECT {} FROM run WHERE id > 0", kRunColumns);
  std::vector<DatabaseValue> parameters;
  if (filter.kind) {
    sql += " AND kind = ?";
    parameters.push_back(WordOf(*filter.kind));
  }
  if (filter.state) {
    sql += " AND state = ?";
    parameters.emplace_back(std::string(RunStateName(*filter.state)));
  }
  if (filter.name) {
    sql += " AND name = ?";
    parameters.emplace_back(*filter.name);
  }
  sql += " ORDER BY id DESC LIMIT ?";
  parameters.emplace_back(filter.limit);
  return Collect<Run>(sql, parameters, ParseRunRow);
}
}  // namespace weirhouse::catalog

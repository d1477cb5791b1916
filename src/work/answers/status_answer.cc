#include "work/answers/status_answer.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ground/catalog/moment.h"
#include "work/pipeline/pipeline.h"
#include "work/records/batch_records.h"
#include "work/upkeep/upkeep.h"
#include "work/workspace/state/parsing_mark.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

constexpr std::int64_t kFailedRead = 10'000;

Status ReadBalance(catalog::Catalog& catalog, const std::vector<json>& halted,
                   StatusAnswer* answer) {
  WEIRHOUSE_TRY(const catalog::Catalog::Offset offset, catalog.OffsetOf("processed"));
  WEIRHOUSE_TRY(const auto arrived, catalog.CountObjects());
  answer->objects = arrived.objects;
  answer->records = arrived.records;
  WEIRHOUSE_TRY(answer->waiting_records, catalog.RecordsSince(CommitSeq(offset.position)));
  catalog::ObjectFilter filter;
  filter.refused_at_attempts = work::kParseAttemptsMax;
  WEIRHOUSE_TRY(const auto refused, catalog.Objects(filter));
  for (const catalog::ObjectRecord& object : refused)
    answer->refused.push_back(object.source + "/" + object.name);
  const auto count = [answer](const std::string& source, const std::string& state,
                              std::int64_t records) {
    answer->states[state] += records;
    if (state == "quarantined") answer->quarantined[source] += records;
  };
  WEIRHOUSE_TRY(const auto states, catalog.RecordStates());
  for (const catalog::RecordStateCount& state : states)
    count(state.source, std::string(catalog::Name(state.state)), state.count);
  // Quarantine is published whatever a gate says, so only valid records wait behind a halt.
  for (const json& story : halted) {
    for (const json& state : story.value("states", json::array())) {
      if (state.value("state", "") != "quarantined") continue;
      const auto records = state.value("count", std::int64_t{0});
      if (story.contains("retried") && !story["retried"].is_null()) continue;
      count(state.value("source", ""), "quarantined", records);
      answer->waiting_records -= records;
    }
  }
  std::erase_if(answer->quarantined, [](const auto& entry) { return entry.second == 0; });
  std::erase_if(answer->states, [](const auto& entry) { return entry.second == 0; });
  return Status();
}

// Records of `source` that its own table holds, or that are counted for another table of its
// records, but that a table over a table, or a view, left out.
Result<std::int64_t> KeylessFurtherOn(work::Workspace& workspace, const std::string& source) {
  const std::string name = "quarantine." + source;
  const auto& transforms = workspace.project().transforms;
  const auto owner = std::find_if(transforms.begin(), transforms.end(), [&](const auto& transform) {
    return transform.driver == "records." + source;
  });
  if (owner == transforms.end()) return std::int64_t{0};
  WEIRHOUSE_TRY(const auto table, workspace.FindTable(name));
  if (!table || (*table)->current_snapshot() == nullptr) return std::int64_t{0};
  // Skips files whose reasons all sort before this range or after it.
  iceberg::ScanOptions options;
  options.columns = {"object", "object_digest", "ordinal", "reason"};
  options.ranges = {{"reason", "WH2112 ", "WH4015!"}};
  WEIRHOUSE_TRY(const auto scan, iceberg::Scan::Plan(workspace.store(), *table, options));
  WEIRHOUSE_TRY(const auto rows, scan.ReadAll());
  WEIRHOUSE_TRY(const auto session, workspace.sql().Connect());
  WEIRHOUSE_TRY_STATUS(session->Register("kept_out", rows));
  WEIRHOUSE_TRY(const auto records,
                session->Query(fmt::format(
                    "SELECT object FROM kept_out WHERE reason[:6] IN ('WH2112', 'WH2114', "
                    "'WH4006', 'WH4015') "
                    "GROUP BY object, object_digest, ordinal "
                    "HAVING NOT bool_or(ends_with(reason, ' of {}'))",
                    owner->definition.name())));
  return records->num_rows();
}

// Objects of `source` that its contract rejected as a whole.
Result<std::vector<std::string>> RejectedObjects(work::Workspace& workspace,
                                                 const std::string& source) {
  std::vector<std::string> objects;
  WEIRHOUSE_TRY(const auto table, workspace.FindTable("quarantine." + source));
  if (!table || (*table)->current_snapshot() == nullptr) return objects;
  const std::string code(work::kRejectedObjectError);
  iceberg::ScanOptions options;
  options.columns = {"object", "reason"};
  options.ranges = {{"reason", code + " ", code + "!"}};
  WEIRHOUSE_TRY(const auto scan, iceberg::Scan::Plan(workspace.store(), *table, options));
  WEIRHOUSE_TRY(const auto rows, scan.ReadAll());
  const auto cell = [&](const char* column, std::int64_t row) {
    const auto value = rows->GetColumnByName(column)->GetScalar(row);
    return value.ok() ? (*value)->ToString() : std::string();
  };
  for (std::int64_t row = 0; row < rows->num_rows(); ++row) {
    if (cell("reason", row).starts_with(code + " "))
      objects.push_back(source + "/" + cell("object", row));
  }
  return objects;
}

// The stored stories of the batches that wait for a decision.
Result<std::vector<json>> HaltedStories(catalog::Catalog& catalog) {
  WEIRHOUSE_TRY(const auto runs,
                catalog.Runs({std::nullopt, catalog::RunState::kHalted, std::nullopt, 100}));
  std::vector<json> stories;
  for (const catalog::Run& run : runs) {
    WEIRHOUSE_TRY(const auto story, catalog::setting::Halted(run.id).In(catalog));
    json told = story && story->is_object() ? *story : json::object();
    told["run"] = ToString(run.id);
    told["name"] = run.plan.name;
    stories.push_back(std::move(told));
  }
  return stories;
}

// Reads what must be of one state: a writer may commit between any two reads.
Status ReadStanding(catalog::Catalog& catalog, StatusAnswer* answer) {
  return catalog::AtOneMoment(catalog, [&]() -> Status {
    WEIRHOUSE_TRY(answer->commit, catalog.LastSeq());
    WEIRHOUSE_TRY(const std::vector<json> halted, HaltedStories(catalog));
    for (const json& story : halted) {
      WEIRHOUSE_TRY(const RunId run, ParseRunId(story["run"].get<std::string>()));
      answer->halted.push_back({run, story["name"].get<std::string>(), story.value("message", "")});
    }
    WEIRHOUSE_TRY_STATUS(ReadBalance(catalog, halted, answer));
    WEIRHOUSE_TRY(answer->tables, TableRowsAsOf(catalog, answer->commit));
    WEIRHOUSE_TRY(const auto runs, catalog.RunCounts());
    for (const auto& [state, count] : runs)
      answer->runs[std::string(catalog::RunStateName(state))] = count;
    return Status();
  });
}

// Adds, by reason, the records of `source` that a view can make no row of.
Status AddLeftOut(work::Workspace& workspace, const std::string& source,
                  std::vector<std::string>* notes) {
  WEIRHOUSE_TRY(const auto table, workspace.FindTable("quarantine." + source));
  if (!table || (*table)->current_snapshot() == nullptr) return Status();
  iceberg::ScanOptions options;
  options.columns = {"reason"};
  options.ranges = {{"reason", "WH4006 ", "WH4015!"}};
  WEIRHOUSE_TRY(const auto scan, iceberg::Scan::Plan(workspace.store(), *table, options));
  WEIRHOUSE_TRY(const auto rows, scan.ReadAll());
  WEIRHOUSE_TRY(const auto session, workspace.sql().Connect());
  WEIRHOUSE_TRY_STATUS(session->Register("left_out", rows));
  WEIRHOUSE_TRY(const auto reasons,
                session->Query("SELECT count(*)::VARCHAR || ' of ' AS n, reason FROM left_out "
                               "WHERE reason[:6] IN ('WH4006', 'WH4015') GROUP BY reason "
                               "ORDER BY count(*) DESC, reason LIMIT 5"));
  for (std::int64_t row = 0; row < reasons->num_rows(); ++row) {
    const auto count = reasons->column(0)->GetScalar(row);
    const auto reason = reasons->column(1)->GetScalar(row);
    if (!count.ok() || !reason.ok()) continue;
    notes->push_back(fmt::format("a view leaves out {}{}: {}", (*count)->ToString(), source,
                                 (*reason)->ToString()));
  }
  return Status();
}

// Remarks of each source's last batch about its fields, and about tables that were not updated.
Result<std::vector<std::string>> ReadNotes(work::Workspace& workspace) {
  std::vector<std::string> notes;
  for (const work::Source& source : workspace.project().sources) {
    WEIRHOUSE_TRY(const auto kept, catalog::setting::Absent(source.name).In(workspace.catalog()));
    if (kept) notes.insert(notes.end(), kept->begin(), kept->end());
    WEIRHOUSE_TRY_STATUS(AddLeftOut(workspace, source.name, &notes));
  }
  for (const transform::CheckedTransform& transform : workspace.project().transforms) {
    const std::string& name = transform.definition.name();
    WEIRHOUSE_TRY(const auto why, catalog::setting::Standing(name).In(workspace.catalog()));
    if (why)
      notes.push_back(fmt::format("{} stays as it was: {} ({})", name, why->message, why->code));
  }
  return notes;
}

// Runs whose process ended before they published, and that have no work left.
Result<std::int64_t> CountGivenUp(catalog::Catalog& catalog) {
  catalog::RunFilter filter;
  filter.state = catalog::RunState::kFailed;
  filter.limit = kFailedRead;
  WEIRHOUSE_TRY(const auto runs, catalog.Runs(filter));
  return std::count_if(runs.begin(), runs.end(), [](const catalog::Run& run) {
    return run.error.is_object() && run.error.value("error", "") == work::kGivenUp;
  });
}

// The plan finds the files that wait; a project whose files would be refused still has a status.
Result<Waiting> ReadWaiting(work::Workspace& workspace) {
  Waiting waiting;
  auto plan = work::MakePlan(workspace);
  if (!plan.ok()) {
    if (plan.status().code() != Code::kContractRefused) return plan.status();
    waiting.refused = plan.status().message();
    return waiting;
  }
  waiting.objects = plan->waiting_objects;
  waiting.batches = plan->waiting_batches;
  waiting.in_topics = plan->waiting_in_topics;
  waiting.changes = plan->items.size();
  waiting.being_written = plan->being_written;
  waiting.behind_halted = plan->behind_halt;
  waiting.views = plan->waiting_views;
  waiting.untaken_files = plan->untaken;
  waiting.missing_folders = plan->missing_folders;
  return waiting;
}

// The last verdict of each gate; an overdue check overrides it.
Result<std::vector<GateState>> ReadGateStates(work::Workspace& workspace,
                                              const std::vector<work::OverdueCheck>& overdue) {
  std::vector<GateState> gates;
  for (const gate::GateDefinition& gate : workspace.project().gates) {
    WEIRHOUSE_TRY(const auto last, workspace.catalog().Verdicts({gate.name, std::nullopt, 1}));
    GateState state{gate.name, gate.table, std::nullopt, std::nullopt};
    if (!last.empty()) {
      state.state = std::string(catalog::Name(last[0].state));
      state.batch = last[0].batch;
    }
    for (const work::OverdueCheck& check : overdue) {
      if (check.gate != gate.name) continue;
      state.state = check.warns && state.state != "failed" ? "warned" : "failed";
    }
    gates.push_back(std::move(state));
  }
  return gates;
}
}  // namespace

bool StatusAnswer::adds_up() const {
  std::int64_t sum = waiting_records;
  for (const auto& [state, count] : states) sum += count;
  return sum == records;
}

Result<StatusAnswer> ReadStatus(work::Workspace& workspace) {
  catalog::Catalog& catalog = workspace.catalog();
  StatusAnswer answer;
  WEIRHOUSE_TRY_STATUS(ReadStanding(catalog, &answer));
  for (const work::Source& source : workspace.project().sources) {
    WEIRHOUSE_TRY(const std::int64_t further, KeylessFurtherOn(workspace, source.name));
    if (further > 0) answer.quarantined[source.name] += further;
    WEIRHOUSE_TRY(const auto rejected, RejectedObjects(workspace, source.name));
    answer.refused.insert(answer.refused.end(), rejected.begin(), rejected.end());
  }
  answer.project = workspace.project().name;
  answer.profile = workspace.project().profile.name;
  WEIRHOUSE_TRY(answer.now, workspace.Now());
  answer.replay_clock = workspace.project().replay_clock;
  answer.clock_went_back = workspace.clock_went_back();
  WEIRHOUSE_TRY(answer.runs_given_up, CountGivenUp(catalog));
  WEIRHOUSE_TRY(const auto events, catalog.EventCounts());
  answer.events = {events.begin(), events.end()};
  WEIRHOUSE_TRY(answer.deliveries, work::ReadOutboxStory(workspace));
  WEIRHOUSE_TRY(answer.notes, ReadNotes(workspace));
  WEIRHOUSE_TRY(answer.overdue, work::FindOverdue(workspace));
  WEIRHOUSE_TRY(answer.upkeep, work::ReadUpkeepDebt(workspace));
  WEIRHOUSE_TRY(answer.gates, ReadGateStates(workspace, answer.overdue));
  WEIRHOUSE_TRY(answer.waiting, ReadWaiting(workspace));
  return answer;
}
}  // namespace weirhouse::answers

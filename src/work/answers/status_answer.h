// What became of every record, the current tables, what waits and what is halted.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "work/answers/table_answer.h"
#include "work/events/courier.h"
#include "work/pipeline/plan/plan.h"
#include "work/upkeep/upkeep_log.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

// What the next run would take, and what `apply` would change.
struct Waiting {
  std::string refused;  // why the files would be refused; then the rest is unknown
  std::int64_t objects = 0;
  std::int64_t batches = 0;
  std::map<std::string, std::int64_t> in_topics;  // source → records of its topic, if any
  std::size_t changes = 0;
  std::int64_t being_written = 0;  // landed files that a process has open for writing
  std::optional<work::BehindHalt> behind_halted;
  std::vector<std::string> views;                      // views that lag behind their source
  std::map<std::string, std::string> untaken_files;    // path → why
  std::map<std::string, std::string> missing_folders;  // source → landing folder
};
struct GateState {
  std::string gate;
  std::string table;
  std::optional<std::string> state;  // absent: it never judged
  std::optional<std::string> batch;
};
struct HaltedRun {
  RunId run;
  std::string batch;
  std::string message;
};

struct StatusAnswer {
  std::string project;
  std::string profile;
  CommitSeq commit;           // the last
  EventTime now{};            // the project's; EventTime::min(): the replay clock has no time yet
  bool replay_clock = false;  // else the wall clock
  std::optional<std::string> clock_went_back;

  // ---- Records. The first four are of the same committed state.
  std::int64_t objects = 0;
  std::int64_t records = 0;                    // of all raw objects
  std::map<std::string, std::int64_t> states;  // of those that were consumed
  std::int64_t waiting_records = 0;  // records of raw objects that no run has consumed yet
  std::map<std::string, std::int64_t> quarantined;  // by source
  std::vector<std::string> refused;  // objects quarantined as a whole: "weather/x.csv"
  bool adds_up() const;              // waiting records and states sum to all records

  std::vector<TableRow> tables;              // of that state too
  std::map<std::string, std::int64_t> runs;  // by state, of that state too
  std::int64_t runs_given_up = 0;
  std::vector<HaltedRun> halted;
  std::map<std::string, std::int64_t> events;  // by state
  work::OutboxStory deliveries;
  std::vector<std::string> notes;  // remarks of the last batches, a line each
  std::vector<work::OverdueCheck> overdue;
  std::vector<GateState> gates;
  work::UpkeepDebt upkeep;
  Waiting waiting;
};
// Errors: those of the catalog, of tables that cannot be read, and of work::MakePlan except
// kContractRefused, which becomes Waiting::refused. Cost: reads the quarantine's reasons and lists
// the landing folders.
Result<StatusAnswer> ReadStatus(work::Workspace& workspace);
// As docs/reference/http.md has it; lists of refused objects are cut at 100.
nlohmann::json ToJson(const StatusAnswer& answer);

// ---- Parts that other answers contain too
// {"targets": [{target, pending, given_up}], "pending": [{event, type, subject, target, state,
// tries, next_try, error}], "given_up": […], "recent": […]}
nlohmann::json ToJson(const work::OutboxStory& outbox);
// [{gate, table, owner, check, state, newest, since, max}]
nlohmann::json ToJson(const std::vector<work::OverdueCheck>& overdue);
// {run, records}; null if nothing is halted
nlohmann::json ToJson(const std::optional<work::BehindHalt>& behind);
}  // namespace weirhouse::answers

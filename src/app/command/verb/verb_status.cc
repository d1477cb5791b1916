// status: what became of every record, which tables stand where, what waits and what halts.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "app/command/delivery_report.h"
#include "app/command/verb/run_report.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "ground/catalog/moment.h"
#include "ground/catalog/settings.h"
#include "ground/catalog/table_catalog.h"
#include "work/pipeline/pipeline.h"
#include "work/pipeline/plan/plan.h"
#include "work/records/batch_records.h"
#include "work/upkeep/upkeep.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/state/parsing_mark.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

constexpr std::size_t kRefusedShown = 3;
constexpr std::size_t kRefusedListed = 100;
constexpr std::int64_t kFailedRead = 10'000;

std::vector<std::string> FirstLine(const std::vector<std::string>& all, std::size_t count) {
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size()))};
}

struct Balance {
  std::int64_t objects = 0;
  std::int64_t records = 0;                         // of all raw objects
  std::map<std::string, std::int64_t> states;       // of those that were consumed
  std::int64_t waiting = 0;                         // of raw objects that no run has consumed yet
  std::map<std::string, std::int64_t> quarantined;  // records, by source
  std::vector<std::string> refused;                 // objects that are in quarantine whole
  bool adds_up() const {
    std::int64_t sum = waiting;
    for (const auto& [state, count] : states) sum += count;
    return sum == records;
  }
};

Result<Balance> MakeBalance(catalog::Catalog& catalog, const std::vector<json>& halted) {
  Balance balance;
  WEIRHOUSE_TRY(const catalog::Catalog::Offset offset, catalog.OffsetOf("processed"));
  WEIRHOUSE_TRY(const auto arrived, catalog.CountObjects());
  balance.objects = arrived.objects;
  balance.records = arrived.records;
  WEIRHOUSE_TRY(balance.waiting, catalog.RecordsSince(CommitSeq(offset.position)));
  catalog::ObjectFilter filter;
  filter.refused_at_attempts = work::kParseAttemptsMax;
  WEIRHOUSE_TRY(const auto refused, catalog.Objects(filter));
  for (const catalog::ObjectRecord& object : refused)
    balance.refused.push_back(object.source + "/" + object.name);
  const auto count = [&balance](const std::string& source, const std::string& state,
                                std::int64_t records) {
    balance.states[state] += records;
    if (state == "quarantined") balance.quarantined[source] += records;
  };
  WEIRHOUSE_TRY(const auto states, catalog.RecordStates());
  for (const catalog::RecordStateCount& state : states)
    count(state.source, state.state, state.count);
  // Quarantine publishes whatever a gate says: behind a halt only the valid records wait.
  for (const json& story : halted) {
    for (const json& state : story.value("states", json::array())) {
      if (state.value("state", "") != "quarantined") continue;
      const auto records = state.value("count", std::int64_t{0});
      if (story.contains("retried") && !story["retried"].is_null()) continue;
      count(state.value("source", ""), "quarantined", records);
      balance.waiting -= records;
    }
  }
  std::erase_if(balance.quarantined, [](const auto& entry) { return entry.second == 0; });
  std::erase_if(balance.states, [](const auto& entry) { return entry.second == 0; });
  return balance;
}

// Records of `source` that its own table holds, or another table of its records is counted for, and
// that a table over a table, or a view, left out.
Result<std::int64_t> KeylessFurtherOn(work::Workspace& workspace, const std::string& source) {
  const std::string name = "quarantine." + source;
  const auto& transforms = workspace.project().transforms;
  const auto owner = std::find_if(transforms.begin(), transforms.end(), [&](const auto& transform) {
    return transform.driver == "records." + source;
  });
  if (owner == transforms.end()) return std::int64_t{0};
  WEIRHOUSE_TRY(const auto table, workspace.FindTable(name));
  if (!table || (*table)->current_snapshot() == nullptr) return std::int64_t{0};
  // Files in which every other reason comes before this one, or after it, are not opened.
  iceberg::ScanOptions options;
  options.columns = {"object", "object_digest", "ordinal", "reason"};
  options.ranges = {{"reason", "WH2112 ", "WH4015!"}};
  WEIRHOUSE_TRY(const auto scan, iceberg::Scan::Plan(workspace.disk(), *table, options));
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

// Objects of `source` that its contract rejected whole.
Result<std::vector<std::string>> RejectedObjects(work::Workspace& workspace,
                                                 const std::string& source) {
  std::vector<std::string> objects;
  WEIRHOUSE_TRY(const auto table, workspace.FindTable("quarantine." + source));
  if (!table || (*table)->current_snapshot() == nullptr) return objects;
  const std::string code(work::kRejectedObjectError);
  iceberg::ScanOptions options;
  options.columns = {"object", "reason"};
  options.ranges = {{"reason", code + " ", code + "!"}};
  WEIRHOUSE_TRY(const auto scan, iceberg::Scan::Plan(workspace.disk(), *table, options));
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

// What the engine remembers of the batches that wait for a decision, their stories included.
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

// Records of `source` of which a view can make no row, by reason.
Status AddLeftOut(work::Workspace& workspace, const std::string& source, json& notes) {
  WEIRHOUSE_TRY(const auto table, workspace.FindTable("quarantine." + source));
  if (!table || (*table)->current_snapshot() == nullptr) return Status();
  iceberg::ScanOptions options;
  options.columns = {"reason"};
  options.ranges = {{"reason", "WH4006 ", "WH4015!"}};
  WEIRHOUSE_TRY(const auto scan, iceberg::Scan::Plan(workspace.disk(), *table, options));
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
    notes.push_back(fmt::format("a view leaves out {}{}: {}", (*count)->ToString(), source,
                                (*reason)->ToString()));
  }
  return Status();
}

// What the last batch of each source left to be said of its fields, and of tables that stand still.
Result<json> FieldNotes(work::Workspace& workspace) {
  json notes = json::array();
  for (const work::Source& source : workspace.project().sources) {
    WEIRHOUSE_TRY(const auto kept, catalog::setting::Absent(source.name).In(workspace.catalog()));
    if (kept) {
      for (const std::string& note : *kept) notes.push_back(note);
    }
    WEIRHOUSE_TRY_STATUS(AddLeftOut(workspace, source.name, notes));
  }
  for (const transform::CheckedTransform& transform : workspace.project().transforms) {
    const std::string& name = transform.definition.name();
    WEIRHOUSE_TRY(const auto why, catalog::setting::Standing(name).In(workspace.catalog()));
    if (!why) continue;
    notes.push_back(fmt::format("{} stays as it was: {} ({})", name, why->message, why->code));
  }
  return notes;
}

Result<Listing> ListTables(catalog::TableCatalog& catalog, CommitSeq last) {
  Listing listing("tables", {"table", "rows", "commit"});
  WEIRHOUSE_TRY(const auto tables, catalog.Tables());
  for (const catalog::TablePointer& table : tables) {
    WEIRHOUSE_TRY(const auto snapshot, catalog.SnapshotAsOf(table.name, last));
    listing.Add({table.name, snapshot ? json(snapshot->total_rows) : json(0),
                 fmt::format("@{}", table.seq.value())});
  }
  return listing;
}

json Counts(const std::vector<std::pair<std::string, std::int64_t>>& counts) {
  json object = json::object();
  for (const auto& [name, count] : counts) object[name] = count;
  return object;
}

std::string CountsText(const json& counts) {
  std::string text;
  for (const auto& [name, count] : counts.items())
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", DisplayText(count), name);
  return text.empty() ? "none" : text;
}

// Runs whose process ended before they published, and of which nothing is left to do.
Result<std::int64_t> CountGivenUp(catalog::Catalog& catalog) {
  catalog::RunFilter filter;
  filter.state = catalog::RunState::kFailed;
  filter.limit = kFailedRead;
  WEIRHOUSE_TRY(const auto runs, catalog.Runs(filter));
  return std::count_if(runs.begin(), runs.end(), [](const catalog::Run& run) {
    return run.error.is_object() && run.error.value("error", "") == work::kGivenUp;
  });
}

// What must agree: a writer may commit between any two reads.
struct Standing {
  CommitSeq last;
  std::vector<json> halted;
  Balance balance;
  Listing tables{"tables", {}};
  json runs = json::object();
};

Result<Standing> ReadStanding(catalog::Catalog& catalog) {
  Standing standing;
  WEIRHOUSE_TRY_STATUS(catalog::AtOneMoment(catalog, [&]() -> Status {
    WEIRHOUSE_TRY(standing.last, catalog.LastSeq());
    WEIRHOUSE_TRY(standing.halted, HaltedStories(catalog));
    WEIRHOUSE_TRY(standing.balance, MakeBalance(catalog, standing.halted));
    WEIRHOUSE_TRY(standing.tables, ListTables(catalog, standing.last));
    WEIRHOUSE_TRY(const auto runs, catalog.RunCounts());
    for (const auto& [state, count] : runs)
      standing.runs[std::string(catalog::RunStateName(state))] = count;
    return Status();
  }));
  return standing;
}

// Files that wait are found by the plan; a project whose files would be refused still has a status.
Status AddWaiting(work::Workspace& workspace, json& document) {
  const auto plan = work::MakePlan(workspace);
  if (plan.ok()) {
    document["waiting"] = {{"objects", plan->waiting_objects},
                           {"batches", plan->waiting_batches},
                           {"changes", plan->items.size()},
                           {"being_written", plan->being_written},
                           {"behind_halted", ToJson(plan->behind_halt)},
                           {"views", plan->waiting_views},
                           {"untaken_files", plan->untaken}};
    return Status();
  }
  if (plan.status().code() != Code::kContractRefused) return plan.status();
  document["waiting"] = {{"refused", plan.status().message()}};
  return Status();
}

// What each gate said last; of one that is overdue, that it is.
Result<json> GateStates(work::Workspace& workspace,
                        const std::vector<work::OverdueCheck>& overdue) {
  json gates = json::array();
  for (const gate::GateDefinition& gate : workspace.project().gates) {
    WEIRHOUSE_TRY(const auto last, workspace.catalog().Verdicts({gate.name, std::nullopt, 1}));
    json state = last.empty() ? json() : json(last[0].state);
    for (const work::OverdueCheck& check : overdue) {
      if (check.gate != gate.name) continue;
      state = check.warns && state != "failed" ? "warned" : "failed";
    }
    gates.push_back({{"gate", gate.name},
                     {"table", gate.table},
                     {"state", std::move(state)},
                     {"batch", last.empty() ? json() : json(last[0].batch)}});
  }
  return gates;
}

Result<json> MakeDocument(work::Workspace& workspace, const Standing& standing) {
  catalog::Catalog& catalog = workspace.catalog();
  const Balance& balance = standing.balance;
  json document = {{"project", workspace.project().name},
                   {"profile", workspace.project().profile.name},
                   {"commit", standing.last.value()},
                   {"objects", balance.objects},
                   {"records", balance.records},
                   {"states", balance.states},
                   {"waiting_records", balance.waiting},
                   {"adds_up", balance.adds_up()},
                   {"quarantined", balance.quarantined},
                   {"refused_objects", balance.refused.size()},
                   {"refused", FirstLine(balance.refused, kRefusedListed)},
                   {"tables", standing.tables.AsJson()},
                   {"runs", standing.runs}};
  WEIRHOUSE_TRY(const EventTime now, workspace.Now());
  document["now"] = now == EventTime::min() ? json() : json(FormatTime(now));
  document["clock"] = workspace.project().replay_clock ? "replay" : "wall";
  WEIRHOUSE_TRY(document["runs_given_up"], CountGivenUp(catalog));
  WEIRHOUSE_TRY(const auto events, catalog.EventCounts());
  document["events"] = Counts(events);
  WEIRHOUSE_TRY(const work::OutboxStory outbox, work::TellOutbox(workspace));
  document["deliveries"] = DeliveriesAsJson(outbox);
  if (workspace.clock_went_back()) document["clock_went_back"] = *workspace.clock_went_back();
  document["halted"] = json::array();
  for (const json& story : standing.halted) {
    document["halted"].push_back(
        {{"run", story["run"]}, {"batch", story["name"]}, {"message", story.value("message", "")}});
  }
  WEIRHOUSE_TRY(document["notes"], FieldNotes(workspace));
  WEIRHOUSE_TRY(const auto overdue, work::FindOverdue(workspace));
  document["overdue"] = ToJson(overdue);
  WEIRHOUSE_TRY(document["gates"], GateStates(workspace, overdue));
  WEIRHOUSE_TRY_STATUS(AddWaiting(workspace, document));
  return document;
}

void PrintDocument(Context& context, const json& document, const Standing& standing) {
  const Balance& balance = standing.balance;
  const Listing& tables = standing.tables;
  context.Line(fmt::format("project    {}   profile {}   commit {}   {} clock {}",
                           EscapeControl(document["project"].get<std::string>()),
                           document["profile"].get<std::string>(), document["commit"].dump(),
                           document["clock"].get<std::string>(), DisplayText(document["now"])));
  std::string sum = FormatStates(balance.states);
  if (balance.waiting > 0) sum += fmt::format(" + {} waiting", WithThousands(balance.waiting));
  context.Line(fmt::format("records    {} objects  {} records {} {}",
                           WithThousands(balance.objects), WithThousands(balance.records),
                           balance.adds_up() ? "=" : "DIFFERS FROM", sum));
  const json& waiting = document["waiting"];
  context.Line(waiting.contains("refused")
                   ? "waiting    unknown: " + EscapeControl(waiting["refused"].get<std::string>())
                   : fmt::format("waiting    {} landed objects in {} batches; {} changes to apply",
                                 DisplayText(waiting["objects"]), DisplayText(waiting["batches"]),
                                 waiting["changes"].dump()));
  if (const json behind = waiting.value("behind_halted", json()); !behind.is_null()) {
    context.Line(fmt::format("           {} records of stored batches behind {}",
                             DisplayText(behind["records"]), behind["run"].get<std::string>()));
  }
  if (waiting.contains("views") && !waiting["views"].empty()) {
    context.Line("           " + StoryOfViews(waiting["views"].get<std::vector<std::string>>()));
  }
  if (waiting.contains("being_written") && waiting["being_written"] != 0) {
    context.Line(fmt::format("           {} files that somebody has open for writing",
                             DisplayText(waiting["being_written"])));
  }
  std::string quarantined;
  for (const auto& [source, records] : balance.quarantined) {
    quarantined += fmt::format("{}{} of {}", quarantined.empty() ? "" : ", ",
                               WithThousands(records), EscapeControl(source));
  }
  if (!quarantined.empty())
    context.Line(fmt::format("quarantine {} (wh quarantine list --by reason)", quarantined));
  if (!balance.refused.empty()) {
    const std::vector<std::string> first = FirstLine(balance.refused, kRefusedShown);
    context.Line(fmt::format(
        "refused    {} whole: {}{}",
        balance.refused.size() == 1 ? "1 object"
                                    : fmt::format("{} objects", balance.refused.size()),
        EscapeControl(Join(first, ", ")), first.size() < balance.refused.size() ? ", …" : ""));
  }
  for (const json& note : document["notes"]) context.Line("note       " + DisplayText(note));
  for (const json& halted : document["halted"]) {
    context.Line(fmt::format("halted     {}  {}", halted["run"].get<std::string>(),
                             EscapeControl(halted["message"].get<std::string>())));
  }
  for (const json& overdue : document["overdue"]) {
    context.Line(fmt::format(
        "overdue    gate {} on {}: {} since {}, the newest is of {} (limit {})",
        EscapeControl(overdue["gate"].get<std::string>()),
        EscapeControl(overdue["table"].get<std::string>()),
        EscapeControl(overdue["check"].get<std::string>()), overdue["since"].get<std::string>(),
        overdue["newest"].get<std::string>(), overdue["max"].get<std::string>()));
  }
  std::string runs = CountsText(document["runs"]);
  if (document["runs_given_up"] != 0)
    runs += fmt::format(" (of these {} given up: wh explain WH7125)",
                        DisplayText(document["runs_given_up"]));
  context.Line("runs       " + runs);
  context.Line("events     " + CountsText(document["events"]));
  for (const std::string& line : DeliveryLines(document["deliveries"])) context.Line(line);
  if (document.contains("clock_went_back"))
    context.Line("clock      " + document["clock_went_back"].get<std::string>());
  if (tables.size() > 0) context.streams().Out("\n" + tables.AsText());
}
}  // namespace

Result<int> RunStatus(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(Standing standing, ReadStanding(workspace->catalog()));
  for (const work::Source& source : workspace->project().sources) {
    WEIRHOUSE_TRY(const std::int64_t further, KeylessFurtherOn(*workspace, source.name));
    if (further > 0) standing.balance.quarantined[source.name] += further;
    WEIRHOUSE_TRY(const auto rejected, RejectedObjects(*workspace, source.name));
    std::vector<std::string>& refused = standing.balance.refused;
    refused.insert(refused.end(), rejected.begin(), rejected.end());
  }
  WEIRHOUSE_TRY(json document, MakeDocument(*workspace, standing));
  if (!context.wants_json()) PrintDocument(context, document, standing);
  if (document["waiting"].contains("untaken_files")) {
    SayUntaken(context,
               document["waiting"]["untaken_files"].get<std::map<std::string, std::string>>());
  }
  context.Answer(std::move(document));
  if (!standing.balance.adds_up()) {
    context.Say(
        "the record states do not add up to the raw records: `wh verify --deep` says where");
    return kExitDiffers;
  }
  return kExitOk;
}
}  // namespace weirhouse::command

#include "work/ingest/raw_step.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include "ground/base/failpoint.h"
#include "ground/platform/io/put_together.h"
#include "work/ingest/arriving.h"
#include "work/ingest/landing_arrivals.h"
#include "work/ingest/landing_list.h"
#include "work/landing/landing_name.h"
#include "work/landing/stored_object.h"
#include "work/project/event/event_type.h"
#include "work/records/batch_records.h"
#include "work/workspace/awaited_event.h"
#include "work/workspace/publication.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
std::shared_ptr<arrow::Schema> LedgerSchema() {
  const auto time = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  return arrow::schema(
      {arrow::field("name", arrow::utf8(), false), arrow::field("digest", arrow::utf8(), false),
       arrow::field("size_bytes", arrow::int64(), false),
       arrow::field("record_count", arrow::int64(), false),
       arrow::field("first_record_id", arrow::int64(), false),
       arrow::field("arrived_at", time, false),
       arrow::field("contract_version", arrow::utf8(), false),
       arrow::field("batch", arrow::utf8(), false), arrow::field("path", arrow::utf8(), false),
       arrow::field("sender", arrow::utf8()), arrow::field("state", arrow::utf8(), false)});
}

Result<std::shared_ptr<arrow::Table>> LedgerRows(
    const std::vector<catalog::ObjectRecord>& objects) {
  RowBuilder rows(LedgerSchema());
  for (const catalog::ObjectRecord& object : objects) {
    rows.Text(0, object.name);
    rows.Text(1, object.digest.ToHex());
    rows.Int(2, object.size_bytes);
    rows.Int(3, object.record_count);
    rows.Int(4, object.first_record_id.value());
    rows.Int(5, Micros(object.arrived_at));
    rows.Text(6, object.contract_version);
    rows.Text(7, object.batch);
    rows.Text(8, object.path);
    rows.Text(9, object.sender);
    rows.Text(10, catalog::Name(object.state));
    rows.EndRow();
  }
  return rows.Finish();
}

catalog::LandingRecord LandingOf(const Arriving& arriving) {
  catalog::LandingRecord record = *arriving.arrival.seen;
  record.digest = arriving.digest;
  record.state =
      arriving.duplicate ? catalog::LandingState::kDuplicate : catalog::LandingState::kStored;
  return record;
}

std::string ContractOf(Workspace& workspace, const Source& source) {
  return workspace.project().contracts.at(source.contract)->version().ToString();
}

// Plans the raw run of these arrivals. Its identity is what arrived and how it is read, so the same
// arrivals resume the same run.
Result<catalog::Run> PlanRaw(Workspace& workspace, const std::string& batch,
                             const std::vector<Arriving>& arrivals) {
  StepInputs step;
  step.kind = catalog::RunKind::kRaw;
  step.name = batch;
  step.inputs = nlohmann::json::array();
  for (const Arriving& arriving : arrivals) {
    nlohmann::json input = {{"source", arriving.arrival.source},
                            {"name", arriving.arrival.name},
                            {"digest", arriving.digest.ToHex()}};
    if (!arriving.restored.empty()) input["restored"] = arriving.restored;
    if (arriving.duplicate) {
      // Each repeat is an event of its own: the file's identity tells repeats apart.
      input["duplicate"] = arriving.arrival.occurrence;
    } else {
      // The source's settings decide how many records the object has.
      const Source& source = *arriving.source;
      input["format"] = source.format;
      input["delimiter"] = std::string(1, source.delimiter);
      input["contract"] = ContractOf(workspace, source);
    }
    step.inputs.push_back(std::move(input));
    step.record_ids_wanted += arriving.record_count;
    if (!arriving.duplicate) step.tables.push_back("raw." + arriving.arrival.source);
  }
  return workspace.catalog().PlanRun(PlanOf(step));
}

// An object for each new arrival, in order.
std::vector<catalog::ObjectRecord> ObjectsOf(Workspace& workspace, const catalog::Run& run,
                                             const std::string& batch,
                                             const std::vector<Arriving>& arrivals) {
  std::vector<catalog::ObjectRecord> objects;
  std::int64_t next_record = run.first_record_id.value();
  for (const Arriving& arriving : arrivals) {
    if (arriving.duplicate) continue;
    catalog::ObjectRecord& object = objects.emplace_back();
    object.source = arriving.arrival.source;
    object.name = arriving.arrival.name;
    object.digest = arriving.digest;
    object.size_bytes = arriving.size_bytes;
    object.record_count = arriving.record_count;
    object.first_record_id = RecordId(next_record);
    object.arrived_at = run.planned_at;  // stays the same when a crashed run is resumed
    object.path =
        landing::ObjectPath(workspace.lake(), object.source, object.arrived_at, object.digest);
    object.batch = batch;
    object.contract_version = ContractOf(workspace, *arriving.source);
    object.sender = arriving.arrival.sender;
    object.state = arriving.problem.empty() ? catalog::ObjectState::kStored
                                            : catalog::ObjectState::kQuarantined;
    next_record += arriving.record_count;
  }
  return objects;
}

// The bytes of an arrival, to be stored. Opening gives kConflict (WH1314) if its file changed.
platform::NewObject ToPut(Arriving& arriving, const std::string& path) {
  return {path, [&arriving]() -> Result<std::unique_ptr<ByteStream>> {
            if (arriving.bytes)
              return std::unique_ptr<ByteStream>(std::make_unique<StreamOfBytes>(*arriving.bytes));
            return OpenAgain(arriving);
          }};
}

// Stores the bytes of all new arrivals. kConflict (WH1314), and `changed` of an arrival is set, if
// its file changed meanwhile.
Result<std::vector<catalog::ObjectRecord>> StoreObjects(Workspace& workspace,
                                                        const catalog::Run& run,
                                                        const std::string& batch,
                                                        std::vector<Arriving>& arrivals) {
  std::vector<catalog::ObjectRecord> objects = ObjectsOf(workspace, run, batch, arrivals);
  std::vector<platform::NewObject> puts;
  std::vector<Arriving*> senders;
  puts.reserve(objects.size());
  for (Arriving& arriving : arrivals) {
    if (arriving.duplicate) continue;
    puts.push_back(ToPut(arriving, objects[puts.size()].path));
    senders.push_back(&arriving);
  }
  WEIRHOUSE_FAILPOINT("raw.object.before");
  WEIRHOUSE_TRY(const std::vector<bool> created,
                platform::PutAllIfAbsent(workspace.store(), puts, kRawMode));
  WEIRHOUSE_FAILPOINT("raw.object.after");
  for (std::size_t i = 0; i < objects.size(); ++i) {
    // Stored before a crash, or under another name: the stored bytes must be those that arrived.
    if (!created[i]) WEIRHOUSE_TRY_STATUS(Restore(workspace, *senders[i], objects[i]));
  }
  return objects;
}

Status AppendLedgers(Workspace& workspace, Publication& publication,
                     const std::vector<catalog::ObjectRecord>& objects) {
  std::map<std::string, std::vector<catalog::ObjectRecord>> by_source;
  for (const catalog::ObjectRecord& object : objects) by_source[object.source].push_back(object);
  for (const auto& [source, list] : by_source) {
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, LedgerRows(list));
    WEIRHOUSE_TRY(const iceberg::TablePtr base,
                  TableOrNew(workspace, "raw." + source, *rows->schema(), {}, {}));
    iceberg::StageOptions options = publication.StageAs();
    options.snapshots_kept = iceberg::kLedgerSnapshotsKept;
    iceberg::StagedWrite write(workspace.store(), base, workspace.random(), std::move(options));
    WEIRHOUSE_TRY_STATUS(write.Append(*rows).status());
    WEIRHOUSE_TRY(const iceberg::StagedTable staged, write.Finish());
    publication.Add(staged);
  }
  return Status();
}

// Acknowledges arrivals that were all stored, or found stored, just now.
void AcknowledgeAll(Arrivals& source, const std::vector<Arriving>& arrivals, RunSummary& summary) {
  for (const Arriving& arriving : arrivals)
    source.Acknowledge(arriving.arrival, arriving.digest, summary.untaken_files);
}

struct Stored {
  catalog::Run run;
  std::vector<catalog::ObjectRecord> objects;
};

// Plans the run of `arrivals` and stores their objects. A file that changed meanwhile is left out
// for the next run to read; the run without it is planned anew. If no arrivals are left there is no
// run.
Result<Stored> PlanAndStore(Workspace& workspace, const std::string& batch,
                            std::vector<Arriving>& arrivals, RunSummary& summary) {
  Stored stored;
  while (!arrivals.empty()) {
    WEIRHOUSE_TRY(stored.run, PlanRaw(workspace, batch, arrivals));
    auto objects = StoreObjects(workspace, stored.run, batch, arrivals);
    if (objects.ok()) {
      stored.objects = std::move(objects).value();
      break;
    }
    const auto changed = std::ranges::find_if(arrivals, &Arriving::changed);
    if (!objects.status().Is(kChangedError) || changed == arrivals.end()) return objects.status();
    workspace.catalog().FailRun(stored.run.id, objects.status()).Ignore("the summary reports it");
    // A file moved aside with the same bytes was to be recorded as the repeat of this one.
    const auto gone = IdentityOf(*changed);
    std::erase_if(arrivals, [&](const Arriving& one) {
      const bool same = IdentityOf(one) == gone;
      if (same) summary.untaken_files[one.arrival.place] = std::string(kChangedWhy);
      return same;
    });
  }
  return stored;
}

// The event for an object that is in quarantine as a whole, with the number of records it would
// have.
catalog::OutboxEvent RefusedWhole(const Arriving& arriving, const std::string& batch) {
  const std::int64_t records = std::max<std::int64_t>(arriving.record_count, 1);
  return MakeEvent(EventKind::kRecordQuarantined, arriving.arrival.source,
                   {{"source", arriving.arrival.source},
                    {"batch", batch},
                    {"object", arriving.arrival.name},
                    {"reason", arriving.problem},
                    {"records", records},
                    {"quarantined", records}});
}

void AddEvents(const Arriving& arriving, bool arrival_awaited, catalog::CommitRequest& request) {
  const std::string subject = arriving.arrival.source + "/" + arriving.arrival.name;
  if (arrival_awaited) {
    request.events.push_back(
        MakeEvent(EventKind::kObjectArrived, subject,
                  {{"source", arriving.arrival.source},
                   {"name", arriving.arrival.name},
                   {"sha256", arriving.digest.ToHex()},
                   {"records", arriving.record_count},
                   {"state", arriving.duplicate         ? catalog::ObjectState::kDuplicate
                             : arriving.problem.empty() ? catalog::ObjectState::kStored
                                                        : catalog::ObjectState::kQuarantined}}));
  }
  if (arriving.restored.empty()) return;
  request.settings.push_back(catalog::setting::Restoring(arriving.restored).Removed());
  request.events.push_back(MakeEvent(EventKind::kObjectRestored, subject,
                                     {{"source", arriving.arrival.source},
                                      {"name", arriving.arrival.name},
                                      {"sha256", arriving.digest.ToHex()},
                                      {"path", arriving.restored},
                                      {"was", landing::ObjectStateName(arriving.found)}}));
}
}  // namespace

Result<bool> LandBatch(Workspace& workspace, const WaitingBatch& batch, RunSummary& summary,
                       Take take) {
  LandingArrivals files(workspace, batch);
  return StoreArrivals(workspace, batch.name, files, summary, take);
}

Result<bool> StoreArrivals(Workspace& workspace, const std::string& batch, Arrivals& source,
                           RunSummary& summary, Take take) {
  WEIRHOUSE_TRY(std::vector<Arriving> arrivals, ReadArrivals(workspace, source, summary, take));
  if (arrivals.empty()) return false;
  WEIRHOUSE_TRY(const Stored stored, PlanAndStore(workspace, batch, arrivals, summary));
  if (arrivals.empty()) return false;
  const std::vector<catalog::ObjectRecord>& objects = stored.objects;
  Publication publication(workspace, stored.run, catalog::Layer::kRaw, batch);
  WEIRHOUSE_TRY_STATUS(AppendLedgers(workspace, publication, objects));
  catalog::CommitRequest& request = publication.request();
  request.objects = objects;
  std::set<std::string> restored_paths;
  const bool arrival_awaited = IsAwaited(workspace.project(), EventKind::kObjectArrived, "");
  for (Arriving& arriving : arrivals) {
    // For two files of the same bytes, report the restoration once.
    if (!arriving.restored.empty() && !restored_paths.insert(arriving.restored).second)
      arriving.restored.clear();
    if (arriving.arrival.seen) request.landings.push_back(LandingOf(arriving));
    for (const catalog::SettingChange& change : arriving.arrival.settings)
      request.settings.push_back(change);
    AddEvents(arriving, arrival_awaited, request);
    if (!arriving.duplicate && !arriving.problem.empty())
      request.events.push_back(RefusedWhole(arriving, batch));
    if (arriving.restored.empty()) continue;
    summary.warnings.push_back(fmt::format(
        "the raw object of {}/{} was {}, and was restored from the file that landed: {}",
        arriving.arrival.source, arriving.arrival.name, landing::ObjectStateName(arriving.found),
        arriving.restored));
  }
  // Removing a landing file tells its sender that we have it, so it happens only after the commit.
  // (The planted bug does it before, and the crash harness must notice.)
  if (Planted("ack_before_commit")) AcknowledgeAll(source, arrivals, summary);
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("raw.committed");
  AcknowledgeAll(source, arrivals, summary);

  ++summary.commits;
  bool restored = false;
  for (const Arriving& arriving : arrivals) {
    restored = restored || !arriving.restored.empty();
    if (arriving.duplicate) {
      ++summary.duplicate_objects;
    } else {
      ++summary.objects;
      summary.records += arriving.record_count;
    }
  }
  return restored;
}

Result<bool> LandWaiting(Workspace& workspace, RunSummary& summary, Take take, Progress& progress) {
  WEIRHOUSE_TRY(const Waiting waiting, TidyLanding(workspace));
  bool restored = false;
  for (const WaitingBatch& batch : waiting.batches) {
    if (progress.Cancelled()) break;
    WEIRHOUSE_TRY(const bool one, LandBatch(workspace, batch, summary, take));
    restored = restored || one;
  }
  return restored;
}
}  // namespace weirhouse::work

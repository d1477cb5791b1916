#include "engine/raw_step.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "engine/arrow_rows.h"
#include "engine/batch_records.h"
#include "engine/publication.h"

namespace weirhouse::engine {
namespace {
constexpr unsigned kRawMode = 0444;              // raw bytes never change
constexpr std::size_t kArrivalObjectsMax = 256;  // objects of one batch where batches go by arrival
constexpr std::int64_t kArrivalBytesMax = 256 << 20;

struct Arriving {
  const raw::LandedFile* file = nullptr;
  const Source* source = nullptr;
  std::string bytes;
  Digest digest;
  std::int64_t record_count = 0;
  bool duplicate = false;
  std::string problem;  // why the object as a whole cannot be read
};

// Reads one landed file; nothing if it changed while it was read (it is looked at again next time).
Result<std::optional<Arriving>> ReadArrival(Workspace& workspace, const raw::LandedFile& file) {
  Arriving arriving;
  arriving.file = &file;
  arriving.source = workspace.project().FindSource(file.source);
  WEIRHOUSE_CHECK(arriving.source != nullptr);
  auto bytes = workspace.disk().Read(file.path);
  if (!bytes.ok()) {
    if (bytes.status().code() == Code::kNotFound) return std::optional<Arriving>();
    return bytes.status();
  }
  arriving.bytes = std::move(bytes).value();
  auto after = workspace.disk().Stat(file.path);
  if (!after.ok() || after->size_bytes != file.size_bytes || after->mtime_us != file.mtime_us ||
      static_cast<std::int64_t>(arriving.bytes.size()) != file.size_bytes) {
    return std::optional<Arriving>();
  }
  arriving.digest = Sha256Of(arriving.bytes);
  WEIRHOUSE_TRY(const std::optional<catalog::ObjectRecord> known,
                workspace.catalog().FindArrival(file.source, file.name, arriving.digest));
  arriving.duplicate = known.has_value();
  if (!arriving.duplicate) {
    auto count = contract::CountRecords(arriving.bytes, FormatOf(*arriving.source), file.name);
    if (count.ok()) {
      arriving.record_count = *count;
    } else {
      arriving.problem = count.status().ToString();
    }
  }
  return std::optional<Arriving>(std::move(arriving));
}

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
    rows.Text(10, object.state);
    rows.EndRow();
  }
  return rows.Finish();
}

catalog::LandingRecord LandingOf(const Arriving& arriving) {
  const raw::LandedFile& file = *arriving.file;
  return {file.path,
          file.size_bytes,
          file.mtime_us,
          file.inode,
          file.source,
          arriving.digest,
          arriving.duplicate ? "duplicate" : "stored"};
}

// The raw run of these arrivals: its identity is what arrived, so the same arrivals resume the same
// run.
Result<catalog::Run> PlanRaw(Workspace& workspace, const std::string& batch,
                             const std::vector<Arriving>& arrivals) {
  StepInputs step;
  step.kind = "raw";
  step.name = batch;
  step.inputs = nlohmann::json::array();
  for (const Arriving& arriving : arrivals) {
    nlohmann::json input = {{"source", arriving.file->source},
                            {"name", arriving.file->name},
                            {"digest", arriving.digest.ToHex()}};
    if (arriving.duplicate) {
      // A repeat is an event of its own each time it lands: the file's identity tells repeats
      // apart.
      input["duplicate"] = fmt::format("{}:{}:{}", arriving.file->path, arriving.file->inode,
                                       arriving.file->mtime_us);
    }
    step.inputs.push_back(std::move(input));
    step.record_ids_wanted += arriving.record_count;
    if (!arriving.duplicate) step.tables.push_back("raw." + arriving.file->source);
  }
  return workspace.catalog().PlanRun(PlanOf(step));
}

Result<std::vector<catalog::ObjectRecord>> StoreObjects(Workspace& workspace,
                                                        const catalog::Run& run,
                                                        const std::string& batch,
                                                        const std::vector<Arriving>& arrivals) {
  std::vector<catalog::ObjectRecord> objects;
  std::int64_t next_record = run.first_record_id.value();
  for (const Arriving& arriving : arrivals) {
    if (arriving.duplicate) continue;
    catalog::ObjectRecord object;
    object.source = arriving.file->source;
    object.name = arriving.file->name;
    object.digest = arriving.digest;
    object.size_bytes = static_cast<std::int64_t>(arriving.bytes.size());
    object.record_count = arriving.record_count;
    object.first_record_id = RecordId(next_record);
    object.arrived_at = run.planned_at;  // stays the same when a crashed run is resumed
    object.path =
        raw::ObjectPath(workspace.lake(), object.source, object.arrived_at, object.digest);
    object.batch = batch;
    const auto& contract = workspace.project().contracts.at(arriving.source->contract);
    object.contract_version = contract->version().ToString();
    object.sender = "landing";
    object.state = arriving.problem.empty() ? "stored" : "quarantined";
    next_record += arriving.record_count;
    WEIRHOUSE_FAILPOINT("raw.object.before");
    WEIRHOUSE_TRY(const bool created,
                  workspace.disk().PutIfAbsent(object.path, arriving.bytes, kRawMode));
    WEIRHOUSE_FAILPOINT("raw.object.after");
    if (!created) {
      // Put before a crash, or by another name of the same bytes: what is there must be what
      // arrived.
      WEIRHOUSE_TRY(const std::string stored, workspace.disk().Read(object.path));
      if (Sha256Of(stored) != object.digest) {
        return Status(Code::kCorruption,
                      fmt::format("a raw object does not match its digest: {}", object.path))
            .WithError("WH1302")
            .WithHint("restore it from a copy; `wh verify --deep` lists all that differ");
      }
    }
    objects.push_back(std::move(object));
  }
  return objects;
}

Status AppendLedgers(Workspace& workspace, Publication& publication,
                     const std::vector<catalog::ObjectRecord>& objects) {
  std::map<std::string, std::vector<catalog::ObjectRecord>> by_source;
  for (const catalog::ObjectRecord& object : objects) by_source[object.source].push_back(object);
  for (const auto& [source, list] : by_source) {
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, LedgerRows(list));
    WEIRHOUSE_TRY(const table::TablePtr base,
                  TableOrNew(workspace, "raw." + source, *rows->schema(), {}, {}));
    table::StagedWrite write(workspace.disk(), base, workspace.random(), publication.StageAs());
    WEIRHOUSE_TRY_STATUS(write.Append(*rows).status());
    WEIRHOUSE_TRY(const table::StagedTable staged, write.Finish());
    publication.Add(staged);
  }
  return Status();
}

Status Acknowledge(Workspace& workspace, const std::vector<Arriving>& arrivals) {
  for (const Arriving& arriving : arrivals) {
    if (arriving.source->delete_after)
      WEIRHOUSE_TRY_STATUS(workspace.disk().Remove(arriving.file->path));
  }
  return Status();
}
}  // namespace

Result<Waiting> ListWaiting(Workspace& workspace) {
  Waiting waiting;
  std::map<std::string, std::vector<raw::LandedFile>> dated;
  std::vector<raw::LandedFile> by_arrival;
  for (const Source& source : workspace.project().sources) {
    std::string folder = source.landing.starts_with("/")
                             ? source.landing
                             : workspace.project().root + "/" + source.landing;
    while (folder.ends_with('/')) folder.pop_back();
    const raw::LandingRule rule{source.name, folder, source.batch, source.delete_after};
    WEIRHOUSE_TRY(
        raw::Landing landing,
        raw::ListLanding(workspace.disk(), rule, workspace.catalog(), workspace.clock().Now()));
    for (raw::LandedFile& file : landing.complete) {
      ++waiting.files;
      (file.batch.empty() ? by_arrival : dated[file.batch]).push_back(std::move(file));
    }
    for (const raw::LandedFile& file : landing.acknowledged) {
      waiting.acknowledged.push_back(file.path);
    }
    for (const raw::LandedFile& file : landing.unmatched) waiting.unmatched.push_back(file.path);
  }
  for (auto& [name, files] : dated) waiting.batches.push_back({name, std::move(files)});

  std::sort(
      by_arrival.begin(), by_arrival.end(), [](const raw::LandedFile& a, const raw::LandedFile& b) {
        return std::tie(a.mtime_us, a.source, a.name) < std::tie(b.mtime_us, b.source, b.name);
      });
  std::int64_t bytes = 0;
  WaitingBatch current;
  for (raw::LandedFile& file : by_arrival) {
    if (!current.files.empty() && (current.files.size() >= kArrivalObjectsMax ||
                                   bytes + file.size_bytes > kArrivalBytesMax)) {
      waiting.batches.push_back(std::move(current));
      current = WaitingBatch();
      bytes = 0;
    }
    if (current.files.empty()) current.name = "arrival-" + FormatTime(file.mtime_us);
    bytes += file.size_bytes;
    current.files.push_back(std::move(file));
  }
  if (!current.files.empty()) waiting.batches.push_back(std::move(current));
  return waiting;
}

Status LandBatch(Workspace& workspace, const WaitingBatch& batch, RunSummary& summary) {
  std::vector<Arriving> arrivals;
  for (const raw::LandedFile& file : batch.files) {
    WEIRHOUSE_TRY(std::optional<Arriving> arriving, ReadArrival(workspace, file));
    if (!arriving) continue;
    // The same bytes under the same name twice in one batch (two sub-folders never share a name):
    // keep the first.
    arrivals.push_back(*std::move(arriving));
  }
  if (arrivals.empty()) return Status();
  WEIRHOUSE_TRY(const catalog::Run run, PlanRaw(workspace, batch.name, arrivals));
  WEIRHOUSE_TRY(const std::vector<catalog::ObjectRecord> objects,
                StoreObjects(workspace, run, batch.name, arrivals));

  Publication publication(workspace, run, "raw", batch.name);
  WEIRHOUSE_TRY_STATUS(AppendLedgers(workspace, publication, objects));
  catalog::CommitRequest& request = publication.request();
  request.objects = objects;
  for (const Arriving& arriving : arrivals) {
    request.landings.push_back(LandingOf(arriving));
    catalog::OutboxEvent event;
    event.type = "weirhouse.object.arrived";
    event.subject = arriving.file->source + "/" + arriving.file->name;
    event.data = {{"source", arriving.file->source},
                  {"name", arriving.file->name},
                  {"sha256", arriving.digest.ToHex()},
                  {"records", arriving.record_count},
                  {"state", arriving.duplicate ? "duplicate" : "stored"}};
    request.events.push_back(std::move(event));
  }
  // Removing a landing file tells its sender that we have it: only after the commit. (The planted
  // bug does it before, and the crash harness must notice.)
  if (Planted("ack_before_commit")) WEIRHOUSE_TRY_STATUS(Acknowledge(workspace, arrivals));
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("raw.committed");
  WEIRHOUSE_TRY_STATUS(Acknowledge(workspace, arrivals));

  ++summary.commits;
  for (const Arriving& arriving : arrivals) {
    if (arriving.duplicate) {
      ++summary.duplicate_objects;
    } else {
      ++summary.objects;
      summary.records += arriving.record_count;
    }
  }
  return Status();
}
}  // namespace weirhouse::engine

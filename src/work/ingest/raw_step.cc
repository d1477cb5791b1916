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
#include "work/ingest/landing_arrivals.h"
#include "work/ingest/landing_list.h"
#include "work/ingest/spooled_bytes.h"
#include "work/ingest/unread_file.h"
#include "work/landing/landing_name.h"
#include "work/landing/stored_object.h"
#include "work/project/event_type.h"
#include "work/records/batch_records.h"
#include "work/workspace/publication.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
constexpr unsigned kRawMode = 0444;  // raw bytes never change
constexpr Reason kChangedError{"WH1314"};
constexpr std::string_view kChangedWhy =
    "it changed while it was read, or is being written: nothing of it was stored, and the next run "
    "reads it again";
constexpr std::string_view kGoneWhy =
    "it was removed after it was listed and before it was read: nothing of it was stored";

// Small files are read once and held in memory until they are stored, up to this many bytes of a
// batch; larger ones are read a second time.
constexpr std::int64_t kHeldFileBytesMax = 4 << 20;
constexpr std::int64_t kHeldBatchBytesMax = 64 << 20;
// Arrivals that the catalog is asked about at once.
constexpr std::size_t kAskedTogetherMax = 512;

struct Arriving {
  Arrival arrival;
  const Source* source = nullptr;
  std::optional<std::string> bytes;     // absent: they are read again …
  std::shared_ptr<SpooledBytes> spool;  // … from this spool, if the source gives them once
  Digest digest;
  std::int64_t size_bytes = 0;
  // Of its records, or why they cannot be counted.
  Result<std::int64_t> count = std::int64_t{0};
  std::int64_t record_count = 0;
  bool duplicate = false;
  bool changed = false;  // its file was seen to be another one than was measured
  std::string problem;   // why the object as a whole cannot be read
  // Where its object lies, if that was missing or damaged and was restored from these bytes; and
  // how it was.
  std::string restored;
  landing::ObjectState found = landing::ObjectState::kWhole;
};

// What is reported about files that are not taken in.
struct Report {
  RunSummary& summary;
  UnreadFiles unread;
};

// Leaves the arrival in its folder; the others do not wait for it.
std::optional<Arriving> NotTaken(const Arrival& arrival, const Status& why, Report& told) {
  const std::string text = landing::TextOfName(why.message());
  told.summary.untaken_files[arrival.place] = text;
  told.unread.Note(arrival.place, arrival.version, text);
  return std::nullopt;
}

// Whether an arrival is new is looked up in one index. The file's own landing record, `seen`, is a
// second witness: if it says that these bytes were stored, the index has lost them.
Status CheckUnknown(Workspace& workspace, const Arrival& arrival, const Digest& digest,
                    const catalog::LandingRecord& seen) {
  if (seen.source != arrival.source || seen.digest != digest) return Status();
  // The landing folder may have been a parent or child folder: then the object has another name.
  WEIRHOUSE_TRY(const std::optional<catalog::ObjectRecord> known,
                landing::FindStored(workspace.catalog(), arrival.source, arrival.name,
                                    arrival.place, digest));
  if (known) return Status();
  catalog::ObjectFilter filter;
  filter.source = arrival.source;
  WEIRHOUSE_TRY(const std::vector<catalog::ObjectRecord> objects,
                workspace.catalog().Objects(filter));
  const bool there = std::any_of(objects.begin(), objects.end(), [&](const auto& object) {
    return object.name == arrival.name && object.digest == digest &&
           object.state != catalog::ObjectState::kDuplicate;
  });
  if (!there) return Status();
  return Status(Code::kCorruption,
                fmt::format("an index of the catalog's database is damaged: it lacks the object of "
                            "\"{}\", whose bytes were stored before",
                            arrival.place))
      .WithError("WH7009")
      .WithHint("nothing was taken in; `wh verify --deep` names the index");
}

Status ChangedMeanwhile(Arriving& arriving) {
  arriving.changed = true;
  const Arrival& arrival = arriving.arrival;
  return Status(Code::kConflict, fmt::format("a landed file changed while it was taken in: {}",
                                             landing::TextOfName(arrival.place)))
      .WithError(kChangedError);
}

// Reads the bytes of an arrival again; an error if its file has changed.
class ArrivedStream final : public ByteStream {
 public:
  ArrivedStream(Arriving& arriving, std::unique_ptr<ArrivalReader> reader)
      : arriving_(arriving), reader_(std::move(reader)) {}
  Result<std::size_t> Read(char* into, std::size_t room) override {
    WEIRHOUSE_TRY(const std::size_t got, reader_->Read(into, room));
    if (got > 0) return got;
    WEIRHOUSE_TRY(const std::optional<Digest> digest, reader_->Finish(arriving_.digest));
    if (!digest || *digest != arriving_.digest) return ChangedMeanwhile(arriving_);
    return got;
  }

 private:
  Arriving& arriving_;
  std::unique_ptr<ArrivalReader> reader_;
};

// Opens the measured bytes again. kConflict (WH1314) if they have changed.
Result<std::unique_ptr<ByteStream>> OpenAgain(Arriving& arriving) {
  if (arriving.spool != nullptr) return arriving.spool->Open();
  if (arriving.bytes && !arriving.arrival.opens_again) {
    return std::unique_ptr<ByteStream>(std::make_unique<StreamOfBytes>(*arriving.bytes));
  }
  WEIRHOUSE_TRY(OpenedArrival opened, arriving.arrival.open());
  if (opened.reader == nullptr) return ChangedMeanwhile(arriving);
  return std::unique_ptr<ByteStream>(
      std::make_unique<ArrivedStream>(arriving, std::move(opened.reader)));
}

// Records how an object was found, before it is restored. The note is kept until the commit that
// reports it, so that the next process reports it if this one ends in between.
Status NoteRestoring(Workspace& workspace, const catalog::ObjectRecord& known,
                     landing::ObjectState found) {
  StepInputs step;
  step.kind = catalog::RunKind::kRestore;
  step.name = known.name;
  step.inputs = {{"path", known.path}, {"id", workspace.random().Uuid4()}};
  Publication publication(workspace, PlanOf(step), catalog::Layer::kMaintenance, known.batch);
  publication.request().settings.push_back(
      catalog::setting::Restoring(known.path).To(std::string(landing::ObjectStateName(found))));
  return publication.Commit().status();
}

// Restores the object `known`, which should hold the bytes of this arrival, if it is missing or
// damaged. The bytes on the disk are replaced only once all new ones have arrived. kConflict
// (WH1314) if the file changed.
Status Restore(Workspace& workspace, Arriving& arriving, const catalog::ObjectRecord& known) {
  WEIRHOUSE_TRY(arriving.found,
                landing::LookAtObject(workspace.store(), known, landing::Depth::kDigest));
  WEIRHOUSE_TRY(const auto begun, catalog::setting::Restoring(known.path).In(workspace.catalog()));
  const bool noted = begun.has_value();
  if (arriving.found == landing::ObjectState::kWhole) {
    if (!noted) return Status();
    arriving.found = *begun == landing::ObjectStateName(landing::ObjectState::kMissing)
                         ? landing::ObjectState::kMissing
                         : landing::ObjectState::kDamaged;
    arriving.restored = known.path;
    return Status();
  }
  if (!noted) WEIRHOUSE_TRY_STATUS(NoteRestoring(workspace, known, arriving.found));
  WEIRHOUSE_FAILPOINT("raw.restore.before");
  WEIRHOUSE_TRY(const std::unique_ptr<ByteStream> stream, OpenAgain(arriving));
  WEIRHOUSE_TRY_STATUS(workspace.store().ReplaceByStream(known.path, *stream, kRawMode));
  WEIRHOUSE_FAILPOINT("raw.restore.after");
  arriving.restored = known.path;
  return Status();
}

enum class Measured : std::uint8_t { kWhole, kChanged, kGone };

// Reads the whole of `reader`, which has `size_bytes`, into memory.
Status Hold(ArrivalReader& reader, std::int64_t size_bytes, std::string& bytes) {
  bytes.resize(static_cast<std::size_t>(size_bytes));
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    WEIRHOUSE_TRY(const std::size_t got, reader.Read(bytes.data() + filled, bytes.size() - filled));
    if (got == 0) break;  // the file was cut; Finish reports that
    filled += got;
  }
  bytes.resize(filled);
  return Status();
}

// Measures bytes that can be read once only, or whose size is unknown.
Result<Measured> MeasureOnce(Workspace& workspace, Arriving& arriving, ArrivalReader& reader) {
  WEIRHOUSE_TRY(arriving.spool, SpooledBytes::Take(reader, workspace.state_folder() + "/tmp"));
  WEIRHOUSE_TRY(const std::optional<Digest> digest, reader.Finish());
  if (!digest) return Measured::kChanged;
  arriving.digest = arriving.spool->digest();
  arriving.size_bytes = arriving.spool->size_bytes();
  const std::unique_ptr<ByteStream> stream = arriving.spool->Open();
  arriving.count = contract::CountRecords(*stream, arriving.size_bytes, FormatOf(*arriving.source),
                                          arriving.arrival.name);
  return Measured::kWhole;
}

// The digest of what arrived and the number of its records. Keeps the bytes in `arriving.bytes` if
// they are to be held.
Result<Measured> Measure(Workspace& workspace, Arriving& arriving, std::int64_t held_bytes) {
  const Arrival& arrival = arriving.arrival;
  WEIRHOUSE_TRY(const OpenedArrival opened, arrival.open());
  ArrivalReader* const reader = opened.reader.get();
  if (reader == nullptr) return opened.gone ? Measured::kGone : Measured::kChanged;
  const bool hold = arrival.size_bytes && *arrival.size_bytes <= kHeldFileBytesMax &&
                    held_bytes + *arrival.size_bytes <= kHeldBatchBytesMax;
  if (!arrival.size_bytes || (!hold && !arrival.opens_again))
    return MeasureOnce(workspace, arriving, *reader);
  arriving.size_bytes = *arrival.size_bytes;
  const contract::SourceFormat format = FormatOf(*arriving.source);
  if (hold) {
    std::string& bytes = arriving.bytes.emplace();
    WEIRHOUSE_TRY_STATUS(Hold(*reader, arriving.size_bytes, bytes));
    arriving.count = contract::CountRecords(bytes, format, arrival.name);
  } else {
    arriving.count = contract::CountRecords(*reader, arriving.size_bytes, format, arrival.name);
  }
  WEIRHOUSE_TRY(const std::optional<Digest> digest, reader->Finish());
  if (digest) arriving.digest = *digest;
  return digest ? Measured::kWhole : Measured::kChanged;
}

// Reads and measures an arrival. Absent if it changed while it was read (the next run reads it
// again) or cannot be read, which the summary then reports.
Result<std::optional<Arriving>> MeasureArrival(Workspace& workspace, const Arrival& arrival,
                                               std::int64_t held_bytes, Report& told) {
  Arriving arriving;
  arriving.arrival = arrival;
  arriving.source = workspace.project().FindSource(arrival.source);
  WEIRHOUSE_CHECK(arriving.source != nullptr);
  WEIRHOUSE_FAILPOINT("raw.read");
  const Result<Measured> measured = Measure(workspace, arriving, held_bytes);
  if (!measured.ok()) return NotTaken(arrival, measured.status(), told);
  if (*measured != Measured::kWhole) {
    told.summary.untaken_files[arrival.place] =
        std::string(*measured == Measured::kGone ? kGoneWhy : kChangedWhy);
    return std::optional<Arriving>();
  }
  if (arriving.size_bytes == 0)
    told.summary.warnings.push_back("an empty file landed: " + arrival.place);
  return std::optional<Arriving>(std::move(arriving));
}

Result<std::optional<Arriving>> ReadArrival(Workspace& workspace, const Arrival& arrival,
                                            std::int64_t held_bytes, Report& told) {
  try {
    return MeasureArrival(workspace, arrival, held_bytes, told);
  } catch (const std::bad_alloc&) {
    return NotTaken(arrival, contract::OutOfMemory(), told);
  }
}

// What the catalog knows of some arrivals.
struct Recalled {
  std::map<std::tuple<std::string, std::string, Digest>, catalog::ObjectRecord> objects;
  std::map<std::string, catalog::LandingRecord> landings;  // by path, of unknown arrivals
};

std::tuple<std::string, std::string, Digest> IdentityOf(const Arriving& arriving) {
  return {arriving.arrival.source, arriving.arrival.name, arriving.digest};
}

Result<Recalled> Recall(Workspace& workspace, const std::vector<Arriving>& arrivals) {
  Recalled recalled;
  std::vector<catalog::Arrival> asked;
  asked.reserve(arrivals.size());
  for (const Arriving& one : arrivals)
    asked.push_back({one.arrival.source, one.arrival.name, one.digest});
  WEIRHOUSE_TRY(std::vector<catalog::ObjectRecord> objects,
                workspace.catalog().FindArrivals(asked));
  for (catalog::ObjectRecord& object : objects) {
    std::tuple identity{object.source, object.name, object.digest};
    recalled.objects.insert_or_assign(std::move(identity), std::move(object));
  }
  std::vector<std::string> places;
  for (const Arriving& one : arrivals) {
    if (!recalled.objects.contains(IdentityOf(one))) places.push_back(one.arrival.place);
  }
  WEIRHOUSE_TRY(std::vector<catalog::LandingRecord> landings,
                workspace.catalog().FindLandings(places));
  for (catalog::LandingRecord& landing : landings) {
    std::string path = landing.path;
    recalled.landings.insert_or_assign(std::move(path), std::move(landing));
  }
  return recalled;
}

// Decides whether a measured arrival is new, and restores the object of a known one. False if it is
// not taken in now.
Result<bool> Settle(Workspace& workspace, Arriving& arriving, const Recalled& recalled,
                    Report& told) {
  const Arrival& arrival = arriving.arrival;
  const auto known = recalled.objects.find(IdentityOf(arriving));
  arriving.duplicate = known != recalled.objects.end();
  if (arriving.duplicate) {
    // Bytes that can be read again need not be held.
    if (arrival.opens_again) arriving.bytes.reset();
    const Status restored = Restore(workspace, arriving, known->second);
    arriving.bytes.reset();
    if (!restored.ok()) {
      NotTaken(arrival, restored, told);
      return false;
    }
    told.unread.Forget(arrival.place);
    return true;
  }
  if (const auto seen = recalled.landings.find(arrival.place); seen != recalled.landings.end())
    WEIRHOUSE_TRY_STATUS(CheckUnknown(workspace, arrival, arriving.digest, seen->second));
  if (arriving.count.ok()) {
    arriving.record_count = *arriving.count;
  } else if (arriving.count.status().code() != Code::kInvalidInput) {
    NotTaken(arrival, arriving.count.status(), told);  // not the file's fault
    return false;
  } else {
    arriving.problem = arriving.count.status().ToString();
  }
  told.unread.Forget(arrival.place);
  return true;
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
  WEIRHOUSE_TRY(const std::vector<bool> created, workspace.store().PutAllIfAbsent(puts, kRawMode));
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

void AddEvents(const Arriving& arriving, catalog::CommitRequest& request) {
  const std::string subject = arriving.arrival.source + "/" + arriving.arrival.name;
  request.events.push_back(
      MakeEvent(EventKind::kObjectArrived, subject,
                {{"source", arriving.arrival.source},
                 {"name", arriving.arrival.name},
                 {"sha256", arriving.digest.ToHex()},
                 {"records", arriving.record_count},
                 {"state", arriving.duplicate         ? catalog::ObjectState::kDuplicate
                           : arriving.problem.empty() ? catalog::ObjectState::kStored
                                                      : catalog::ObjectState::kQuarantined}}));
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

namespace {
// Reads all arrivals that are to be taken in. The catalog is asked about many of them at once.
Result<std::vector<Arriving>> ReadAll(Workspace& workspace, Arrivals& source, RunSummary& summary,
                                      Take take) {
  std::vector<Arriving> arrivals;
  Report told{summary, UnreadFiles::Load(workspace)};
  std::set<std::tuple<std::string, std::string, Digest>> seen;
  std::int64_t held_bytes = 0;
  for (bool more = true; more;) {
    std::vector<Arriving> some;
    while (more && some.size() < kAskedTogetherMax) {
      WEIRHOUSE_TRY(const std::optional<Arrival> arrival, source.Next());
      more = arrival.has_value();
      if (!arrival) break;
      WEIRHOUSE_TRY(std::optional<Arriving> arriving,
                    ReadArrival(workspace, *arrival, held_bytes, told));
      if (!arriving) continue;
      if (arriving->bytes) held_bytes += static_cast<std::int64_t>(arriving->bytes->size());
      some.push_back(*std::move(arriving));
    }
    WEIRHOUSE_TRY(const Recalled recalled, Recall(workspace, some));
    for (Arriving& arriving : some) {
      const std::int64_t held =
          arriving.bytes ? static_cast<std::int64_t>(arriving.bytes->size()) : 0;
      WEIRHOUSE_TRY(bool taken, Settle(workspace, arriving, recalled, told));
      taken = taken && (take != Take::kKnown || arriving.duplicate);
      // A file moved aside and the file that has its name may hold the same bytes.
      if (taken && !seen.insert(IdentityOf(arriving)).second) {
        arriving.duplicate = true;
        arriving.record_count = 0;
        arriving.bytes.reset();
        arriving.spool.reset();
      }
      if (!taken || !arriving.bytes) held_bytes -= held;
      if (taken) arrivals.push_back(std::move(arriving));
    }
  }
  told.unread.Save();
  return arrivals;
}
}  // namespace

Result<bool> StoreArrivals(Workspace& workspace, const std::string& batch, Arrivals& source,
                           RunSummary& summary, Take take) {
  WEIRHOUSE_TRY(std::vector<Arriving> arrivals, ReadAll(workspace, source, summary, take));
  if (arrivals.empty()) return false;
  WEIRHOUSE_TRY(const Stored stored, PlanAndStore(workspace, batch, arrivals, summary));
  if (arrivals.empty()) return false;
  const std::vector<catalog::ObjectRecord>& objects = stored.objects;
  Publication publication(workspace, stored.run, catalog::Layer::kRaw, batch);
  WEIRHOUSE_TRY_STATUS(AppendLedgers(workspace, publication, objects));
  catalog::CommitRequest& request = publication.request();
  request.objects = objects;
  std::set<std::string> restored_paths;
  for (Arriving& arriving : arrivals) {
    // For two files of the same bytes, report the restoration once.
    if (!arriving.restored.empty() && !restored_paths.insert(arriving.restored).second)
      arriving.restored.clear();
    if (arriving.arrival.seen) request.landings.push_back(LandingOf(arriving));
    AddEvents(arriving, request);
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

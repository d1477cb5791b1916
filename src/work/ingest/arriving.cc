#include "work/ingest/arriving.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "ground/base/failpoint.h"
#include "ground/catalog/known_arrivals.h"
#include "work/ingest/unread_file.h"
#include "work/landing/landing_name.h"
#include "work/records/batch_records.h"
#include "work/workspace/publication.h"

namespace weirhouse::work {
namespace {
constexpr std::string_view kGoneWhy =
    "it was removed after it was listed and before it was read: nothing of it was stored";

// Small files are read once and held in memory until they are stored, up to this many bytes of a
// batch; larger ones are read a second time.
constexpr std::int64_t kHeldFileBytesMax = 4 << 20;
constexpr std::int64_t kHeldBatchBytesMax = 64 << 20;
// Arrivals that the catalog is asked about at once.
constexpr std::size_t kAskedTogetherMax = 512;

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

}  // namespace

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

namespace {
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

}  // namespace

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

namespace {
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

}  // namespace

std::tuple<std::string, std::string, Digest> IdentityOf(const Arriving& arriving) {
  return {arriving.arrival.source, arriving.arrival.name, arriving.digest};
}

namespace {
Result<Recalled> Recall(Workspace& workspace, const std::vector<Arriving>& arrivals) {
  Recalled recalled;
  std::vector<catalog::Arrival> asked;
  asked.reserve(arrivals.size());
  for (const Arriving& one : arrivals)
    asked.push_back({one.arrival.source, one.arrival.name, one.digest});
  WEIRHOUSE_TRY(std::vector<catalog::ObjectRecord> objects,
                catalog::FindArrivals(workspace.catalog(), asked));
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
}  // namespace

Result<std::vector<Arriving>> ReadArrivals(Workspace& workspace, Arrivals& source,
                                           RunSummary& summary, Take take) {
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
}  // namespace weirhouse::work

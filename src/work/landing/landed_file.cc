#include "work/landing/landed_file.h"

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <thread>

#include "ground/base/digest.h"
#include "ground/base/failpoint.h"
#include "work/landing/landing_name.h"
#include "work/landing/stored_object.h"

namespace weirhouse::landing {
namespace {
using platform::Descriptor;
using platform::Entry;
using platform::OpenFolder;

// The kernel's file times advance in steps of up to this long (a tick of its clock), so two writes
// may leave the same time.
constexpr std::chrono::milliseconds kTimeStep{10};
// How many files of one name may lie aside at once: in the folder aside, and in hidden ones in it.
constexpr int kAsideOfOneNameMax = 64;
constexpr std::size_t kPieceBytes = 256 << 10;

using StoredCheck = std::function<Result<bool>()>;

std::string_view FolderOf(std::string_view place) {
  const auto slash = place.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : place.substr(0, slash);
}
std::string BaseOf(std::string_view place) {
  return std::string(place.substr(place.rfind('/') + 1));
}

// Waits until every later write leaves a later change time than `entry` has.
void WaitUntilTimesTell(const Entry& entry) {
  const std::int64_t now_ns = Micros(SystemClock().Now()) * 1000;
  const std::chrono::nanoseconds age(now_ns - entry.ctime_ns);
  // If the clock was set back meanwhile, its age is unknown: then it waits for one step.
  if (age < kTimeStep) std::this_thread::sleep_for(age.count() < 0 ? kTimeStep : kTimeStep - age);
}

// Whether the file `base` in `aside` is `expected` and holds the bytes of `digest`. It can no
// longer be reached by its name: only a process that has it open for writing could change it.
Result<bool> IsTheFile(const OpenFolder& aside, const std::string& base, const Digest& digest,
                       const std::function<bool(const Entry&)>& expected) {
  WEIRHOUSE_TRY(const Entry found, aside.Look(base));
  if (!expected(found)) return false;
  WEIRHOUSE_TRY(const Descriptor fd, aside.OpenFile(base));
  WEIRHOUSE_TRY(const Entry held, platform::StatDescriptor(fd.get(), base));
  if (!held.SameBytesTimesAs(found)) return false;
  if (platform::FindWriters(fd.get()) == platform::Writers::kSome) return false;
  Sha256 sha;
  WEIRHOUSE_TRY_STATUS(platform::ReadPieces(fd.get(), base, held.size_bytes,
                                            [&](std::string_view piece) { sha.Update(piece); }));
  WEIRHOUSE_TRY(const Entry after, platform::StatDescriptor(fd.get(), base));
  return after.SameBytesTimesAs(held) && sha.Finish() == digest;
}

// Puts the file back under its name; false if that name is taken again.
Result<bool> PutBack(const OpenFolder& aside, const OpenFolder& folder, const std::string& base) {
  WEIRHOUSE_FAILPOINT("landing.put_back.before");
  const Status moved = aside.Move(base, folder, base);
  if (moved.ok()) return true;
  if (moved.code() == Code::kConflict) return false;
  return moved;
}

// Moves `base` from `folder` to `aside` and removes it there if it is `expected` and stored, else
// puts it back.
Result<Removal> RemoveThrough(const OpenFolder& aside, const OpenFolder& folder,
                              const std::string& base, const Entry& expected, const Digest& digest,
                              const StoredCheck& is_stored) {
  WEIRHOUSE_FAILPOINT("landing.aside.before");
  WEIRHOUSE_TRY_STATUS(folder.Move(base, aside, base));
  WEIRHOUSE_FAILPOINT("landing.aside.moved");
  const Result<bool> same = IsTheFile(
      aside, base, digest, [&](const Entry& found) { return found.SameBytesTimesAs(expected); });
  const bool is_it = same.ok() && *same;
  const Result<bool> stored = is_it ? is_stored() : Result<bool>(false);
  if (stored.ok() && *stored) {
    WEIRHOUSE_FAILPOINT("landing.remove.before");
    WEIRHOUSE_TRY_STATUS(aside.RemoveFile(base));
    WEIRHOUSE_FAILPOINT("landing.remove.after");
    return Removal::kRemoved;
  }
  WEIRHOUSE_TRY(const bool back, PutBack(aside, folder, base));
  if (!same.ok()) return same.status();
  if (!stored.ok()) return stored.status();
  if (!back) return Removal::kKeptAside;
  return is_it ? Removal::kNotStored : Removal::kOther;
}

// ".1": the folder for a file whose name lies aside already. No landed file has such a name.
std::string RoomName(int number) { return fmt::format(".{}", number); }
// Whether `entry` of the folder aside (not of a room in it) is such a room.
bool IsRoom(const Entry& entry, std::string_view place, const LandingRule& rule) {
  return entry.kind == platform::EntryKind::kFolder && entry.name.starts_with('.') &&
         BaseOf(place) == rule.aside_name;
}

std::string AsidePath(const LandingRule& rule, const std::string& aside_place) {
  return TextOfName(rule.folder + "/" + aside_place);
}

// Whether `place` lies in a folder aside.
bool LiesAside(std::string_view place, const LandingRule& rule) {
  std::string_view folder = FolderOf(place);
  if (BaseOf(folder).starts_with('.') && BaseOf(folder) != rule.aside_name)
    folder = FolderOf(folder);
  return BaseOf(folder) == rule.aside_name;
}

// Removes a file that was taken in from where it lies aside.
Result<Removal> RemoveAside(const OpenFolder& root, const LandedFile& file, const Digest& digest,
                            const LandingRule& rule, const StoredCheck& is_stored) {
  std::string room(FolderOf(file.place));
  {
    WEIRHOUSE_TRY(const OpenFolder folder, root.Walk(room));
    const std::string base = BaseOf(file.place);
    WEIRHOUSE_TRY(const bool same, IsTheFile(folder, base, digest, [&](const Entry& found) {
                    return found.SameBytesTimesAs(file.entry);
                  }));
    if (!same) return Removal::kOther;
    WEIRHOUSE_TRY(const bool stored, is_stored());
    if (!stored) return Removal::kNotStored;
    WEIRHOUSE_FAILPOINT("landing.remove.before");
    WEIRHOUSE_TRY_STATUS(folder.RemoveFile(base));
    WEIRHOUSE_FAILPOINT("landing.remove.after");
  }
  for (bool last = false; !last; room = std::string(FolderOf(room))) {
    last = BaseOf(room) == rule.aside_name;
    const auto parent = root.Walk(FolderOf(room));
    if (parent.ok()) parent->RemoveEmptyFolder(BaseOf(room)).Ignore("it holds others");
  }
  return Removal::kRemoved;
}

// Opens the folder aside in `folder` and lists it; reports what prevents that.
std::optional<std::pair<OpenFolder, std::vector<Entry>>> LookAside(const OpenFolder& folder,
                                                                   const LandingRule& rule,
                                                                   const std::string& aside_place,
                                                                   std::vector<Untaken>& untaken) {
  const auto told = [&](const Status& why) {
    if (why.code() != Code::kNotFound) {
      untaken.push_back({AsidePath(rule, aside_place),
                         fmt::format("it may hold files that were moved aside, and it cannot be "
                                     "read: {}",
                                     TextOfName(why.message()))});
    }
    return std::nullopt;
  };
  auto aside = folder.Enter(BaseOf(aside_place));
  if (!aside.ok()) return told(aside.status());
  auto entries = aside->List();
  if (!entries.ok()) return told(entries.status());
  return std::make_pair(std::move(aside).value(), std::move(entries).value());
}
}  // namespace

Result<bool> IsWhole(const OpenFolder& folder, const Entry& entry, ProcessTime now) {
  WEIRHOUSE_TRY(const Descriptor fd, folder.OpenFile(entry.name));
  WEIRHOUSE_TRY(const Entry held, platform::StatDescriptor(fd.get(), entry.name));
  if (!held.UnchangedSince(entry)) return false;  // replaced since it was listed
  const platform::Writers writers = platform::FindWriters(fd.get());
  if (writers != platform::Writers::kUnknown) return writers == platform::Writers::kNone;
  return Micros(now) - entry.mtime_us() >= kQuietUs;
}

Result<LandedReader::Opened> LandedReader::Open(const LandedFile& file) {
  const auto nothing = [](const Status& status) -> Result<Opened> {
    if (status.code() == Code::kNotFound) return Opened{nullptr, /*gone=*/true};
    return status;
  };
  const auto root = OpenFolder::Open(file.folder);
  if (!root.ok()) return nothing(root.status());
  const auto folder = root->Walk(FolderOf(file.place));
  if (!folder.ok()) return nothing(folder.status());
  auto fd = folder->OpenFile(BaseOf(file.place));
  if (!fd.ok()) return nothing(fd.status());
  WEIRHOUSE_TRY(const Entry before, platform::StatDescriptor(fd->get(), file.path));
  if (!before.UnchangedSince(file.entry)) return Opened();
  WaitUntilTimesTell(before);
  return Opened{std::unique_ptr<LandedReader>(new LandedReader(file, std::move(fd).value()))};
}

Result<std::size_t> LandedReader::Read(char* into, std::size_t room) {
  const auto left = static_cast<std::size_t>(file_.entry.size_bytes - offset_);
  WEIRHOUSE_TRY(const std::size_t got,
                platform::ReadSome(fd_.get(), file_.path, offset_, into, std::min(room, left)));
  sha_.Update({into, got});
  offset_ += static_cast<std::int64_t>(got);
  return got;
}

Result<std::optional<Digest>> LandedReader::Finish(const std::optional<Digest>& whole) {
  std::string piece(kPieceBytes, '\0');
  for (std::size_t got = 1; got > 0;) {
    WEIRHOUSE_TRY(got, Read(piece.data(), piece.size()));
  }
  const Digest digest = sha_.Finish();
  if (whole && digest == *whole) return std::optional<Digest>(digest);
  if (platform::FindWriters(fd_.get()) == platform::Writers::kSome) return std::optional<Digest>();
  WEIRHOUSE_TRY(const Entry after, platform::StatDescriptor(fd_.get(), file_.path));
  if (!after.UnchangedSince(file_.entry) || offset_ != file_.entry.size_bytes)
    return std::optional<Digest>();
  return std::optional<Digest>(digest);
}

Result<Removal> RemoveLanded(const LandedFile& file, const Digest& digest, const LandingRule& rule,
                             const StoredCheck& is_stored) {
  const auto gone = [](const Status& status) -> Result<Removal> {
    if (status.code() == Code::kNotFound) return Removal::kGone;
    return status;
  };
  const std::string base = BaseOf(file.place);
  const auto root = OpenFolder::Open(file.folder);
  if (!root.ok()) return gone(root.status());
  if (LiesAside(file.place, rule)) {
    const Result<Removal> removal = RemoveAside(*root, file, digest, rule, is_stored);
    return removal.ok() ? removal : gone(removal.status());
  }
  const auto folder = root->Walk(FolderOf(file.place));
  if (!folder.ok()) return gone(folder.status());
  const auto listed = folder->Look(base);
  if (!listed.ok()) return gone(listed.status());
  if (!listed->UnchangedSince(file.entry)) return Removal::kOther;
  WEIRHOUSE_TRY(const OpenFolder aside, folder->MakePrivate(rule.aside_name));
  Result<Removal> removal = RemoveThrough(aside, *folder, base, file.entry, digest, is_stored);
  // A file of this name lies aside already: each further one gets a room of its own.
  for (int i = 1; i < kAsideOfOneNameMax && removal.status().code() == Code::kConflict; ++i) {
    WEIRHOUSE_TRY(const OpenFolder room, aside.MakePrivate(RoomName(i)));
    removal = RemoveThrough(room, *folder, base, file.entry, digest, is_stored);
    aside.RemoveEmptyFolder(RoomName(i)).Ignore("it holds what lies aside");
  }
  folder->RemoveEmptyFolder(rule.aside_name).Ignore("it holds what lies aside");
  return removal.ok() ? removal : gone(removal.status());
}

namespace {
// Handles one folder aside. Threads: one.
class Settler {
 public:
  Settler(const LandingRule& rule, const OpenFolder& folder, std::string parent,
          catalog::Catalog& catalog, platform::ObjectStore& store, ProcessTime now,
          Landing& landing)
      : rule_(rule),
        folder_(folder),
        parent_(std::move(parent)),
        catalog_(catalog),
        store_(store),
        now_(now),
        landing_(landing) {}

  // Handles the files in `aside`, which is the folder `aside_place` or a room in it.
  Status Settle(const OpenFolder& aside, const std::string& aside_place,
                const std::vector<Entry>& entries) {
    for (const Entry& entry : entries) {
      const std::string place = aside_place + "/" + entry.name;
      if (!IsRoom(entry, aside_place, rule_)) {
        WEIRHOUSE_TRY_STATUS(SettleOne(aside, place, entry));
        continue;
      }
      const auto looked = LookAside(aside, rule_, place, landing_.untaken);
      if (!looked) continue;
      WEIRHOUSE_TRY_STATUS(Settle(looked->first, place, looked->second));
      aside.RemoveEmptyFolder(entry.name).Ignore("it holds what lies aside");
    }
    return Status();
  }

 private:
  void Tell(const std::string& place, std::string why) {
    landing_.untaken.push_back({AsidePath(rule_, place), std::move(why)});
  }

  // The catalog's record of `entry` under the path of `place`, if these are its bytes.
  Result<std::optional<catalog::LandingRecord>> RecordOf(const OpenFolder& aside,
                                                         const std::string& place,
                                                         const Entry& entry) {
    WEIRHOUSE_TRY(std::optional<catalog::LandingRecord> record,
                  catalog_.FindLanding(AsidePath(rule_, place)));
    if (!record) return record;
    const auto same = IsTheFile(aside, entry.name, record->digest, [&](const Entry& found) {
      return found.kind == platform::EntryKind::kFile && found.inode == record->inode &&
             found.size_bytes == record->size_bytes && found.mtime_us() == record->mtime_us;
    });
    if (!same.ok() || !*same) record.reset();
    return record;
  }

  Status SettleOne(const OpenFolder& aside, const std::string& place, const Entry& entry) {
    const std::string landed = parent_.empty() ? entry.name : parent_ + "/" + entry.name;
    WEIRHOUSE_TRY(auto record, RecordOf(aside, place, entry));  // taken in from here
    if (record && !rule_.delete_after) {
      Tell(place, "it was moved aside and is stored; the source no longer deletes its files");
      return Status();
    }
    if (!record && rule_.delete_after) {
      WEIRHOUSE_TRY(record, RecordOf(aside, landed, entry));
    }
    if (record) {
      const auto stored = IsStored(catalog_, store_, rule_.source, TextOfName(landed), record->path,
                                   record->digest, Depth::kDigest);
      if (stored.ok() && *stored) return RemoveOne(aside, place, entry);
      if (!stored.ok()) {
        Tell(place, "its raw object cannot be checked: " + TextOfName(stored.status().message()));
        return Status();
      }
    }
    const Result<bool> back = PutBack(aside, folder_, entry.name);
    if (!back.ok()) {
      Tell(place, fmt::format("it was moved aside and cannot be put back: {}",
                              TextOfName(back.status().message())));
    } else if (!*back) {
      TakeFrom(aside, place, landed, entry);
    }
    return Status();
  }

  Status RemoveOne(const OpenFolder& aside, const std::string& place, const Entry& entry) {
    const Status removed = aside.RemoveFile(entry.name);
    if (!removed.ok())
      Tell(place, "it is stored and cannot be removed: " + TextOfName(removed.message()));
    return Status();
  }

  // Another file has its name: takes the file in from where it lies.
  void TakeFrom(const OpenFolder& aside, const std::string& place, const std::string& landed,
                const Entry& entry) {
    if (entry.kind != platform::EntryKind::kFile) {
      return Tell(place,
                  "it was moved aside, is not a file, and its name is taken: it is "
                  "put back once the name is free");
    }
    LandedFile file;
    file.source = rule_.source;
    file.folder = rule_.folder;
    file.place = place;
    file.name = TextOfName(landed);
    file.path = AsidePath(rule_, place);
    file.entry = entry;
    if (!rule_.batch.pattern.empty()) {
      auto batch = ParseBatchName(entry.name, rule_.batch.pattern);
      if (!batch) return landing_.unmatched.push_back(std::move(file));
      file.batch = *std::move(batch);
    }
    const Result<bool> whole = IsWhole(aside, entry, now_);
    if (!whole.ok()) {
      return Tell(place, fmt::format("it was moved aside and cannot be read: {}",
                                     TextOfName(whole.status().message())));
    }
    (*whole ? landing_.complete : landing_.incomplete).push_back(std::move(file));
  }

  const LandingRule& rule_;
  const OpenFolder& folder_;  // holds the folder aside
  const std::string parent_;  // its place; empty: the landing folder itself
  catalog::Catalog& catalog_;
  platform::ObjectStore& store_;
  const ProcessTime now_;
  Landing& landing_;
};
}  // namespace

Status SettleAside(const LandingRule& rule, const std::string& aside_place,
                   catalog::Catalog& catalog, platform::ObjectStore& store, ProcessTime now,
                   Landing& landing) {
  const auto root = OpenFolder::Open(rule.folder);
  if (!root.ok()) return Status();  // the listing reports why
  const std::string parent(FolderOf(aside_place));
  const auto folder = root->Walk(parent);
  if (!folder.ok()) return Status();
  const auto looked = LookAside(*folder, rule, aside_place, landing.untaken);
  if (!looked) return Status();
  WEIRHOUSE_TRY_STATUS(Settler(rule, *folder, parent, catalog, store, now, landing)
                           .Settle(looked->first, aside_place, looked->second));
  folder->RemoveEmptyFolder(BaseOf(aside_place)).Ignore("it holds what lies aside");
  return Status();
}

namespace {
void ListFolder(const OpenFolder& folder, const LandingRule& rule, const std::string& place,
                std::vector<Untaken>& untaken) {
  const auto looked = LookAside(folder, rule, place, untaken);
  if (!looked) return;
  for (const Entry& entry : looked->second) {
    const std::string below = place + "/" + entry.name;
    if (IsRoom(entry, place, rule)) {
      ListFolder(looked->first, rule, below, untaken);
      continue;
    }
    untaken.push_back({AsidePath(rule, below),
                       "it was moved aside: `wh ingest` ingests it, or removes it if it is "
                       "stored"});
  }
}
}  // namespace

void ListAside(const LandingRule& rule, const std::string& aside_place,
               std::vector<Untaken>& untaken) {
  const auto root = OpenFolder::Open(rule.folder);
  if (!root.ok()) return;  // the listing reports why
  const auto folder = root->Walk(FolderOf(aside_place));
  if (folder.ok()) ListFolder(*folder, rule, aside_place, untaken);
}
}  // namespace weirhouse::landing

#include "raw/landed_file.h"

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <thread>

#include "base/digest.h"
#include "base/failpoint.h"
#include "raw/landing_name.h"

namespace weirhouse::raw {
namespace {
using storage::Descriptor;
using storage::Entry;
using storage::OpenFolder;

// The kernel's file times stand still for up to this long (a tick of its clock), so that two writes
// may leave the same time behind.
constexpr std::chrono::milliseconds kTimeStep{10};
constexpr std::size_t kPieceBytes = 256 << 10;

std::string_view FolderOf(std::string_view place) {
  const auto slash = place.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : place.substr(0, slash);
}
std::string BaseOf(std::string_view place) {
  return std::string(place.substr(place.rfind('/') + 1));
}

// After it every write leaves a later change time than `entry` has.
void WaitUntilTimesTell(const Entry& entry) {
  const std::int64_t now_ns = Micros(SystemClock().Now()) * 1000;
  const std::chrono::nanoseconds age(now_ns - entry.ctime_ns);
  // Where the clock was set back meanwhile it says nothing: then one step is waited for.
  if (age < kTimeStep) std::this_thread::sleep_for(age.count() < 0 ? kTimeStep : kTimeStep - age);
}

// Whether the file `base` in `aside` is `expected` and holds the bytes of `digest`. Nobody reaches
// it by a name any more: whoever does not have it open for writing now cannot write to it.
Result<bool> IsTheFile(const OpenFolder& aside, const std::string& base, const Digest& digest,
                       const std::function<bool(const Entry&)>& expected) {
  WEIRHOUSE_TRY(const Entry found, aside.Look(base));
  if (!expected(found)) return false;
  WEIRHOUSE_TRY(const Descriptor fd, aside.OpenFile(base));
  WEIRHOUSE_TRY(const Entry held, storage::EntryOf(fd.get(), base));
  if (!held.SameBytesTimesAs(found)) return false;
  if (storage::WritersOf(fd.get()) == storage::Writers::kSome) return false;
  Sha256 sha;
  WEIRHOUSE_TRY_STATUS(storage::ReadPieces(fd.get(), base, held.size_bytes,
                                           [&](std::string_view piece) { sha.Update(piece); }));
  WEIRHOUSE_TRY(const Entry after, storage::EntryOf(fd.get(), base));
  return after.SameBytesTimesAs(held) && sha.Finish() == digest;
}

// Back under its name; false if that is taken again.
Result<bool> PutBack(const OpenFolder& aside, const OpenFolder& folder, const std::string& base) {
  WEIRHOUSE_FAILPOINT("landing.put_back.before");
  const Status moved = aside.Move(base, folder, base);
  if (moved.ok()) return true;
  if (moved.code() == Code::kConflict) return false;
  return moved;
}

// Moves `base` from `folder` to `aside` and removes it there if it is `expected`, else puts it
// back.
Result<Removal> RemoveThrough(const OpenFolder& aside, const OpenFolder& folder,
                              const std::string& base, const Entry& expected,
                              const Digest& digest) {
  WEIRHOUSE_FAILPOINT("landing.aside.before");
  WEIRHOUSE_TRY_STATUS(folder.Move(base, aside, base));
  WEIRHOUSE_FAILPOINT("landing.aside.moved");
  const Result<bool> same = IsTheFile(
      aside, base, digest, [&](const Entry& found) { return found.SameBytesTimesAs(expected); });
  if (same.ok() && *same) {
    WEIRHOUSE_FAILPOINT("landing.remove.before");
    WEIRHOUSE_TRY_STATUS(aside.RemoveFile(base));
    WEIRHOUSE_FAILPOINT("landing.remove.after");
    return Removal::kRemoved;
  }
  WEIRHOUSE_TRY(const bool back, PutBack(aside, folder, base));
  if (!same.ok()) return same.status();
  return back ? Removal::kOther : Removal::kKeptAside;
}

std::string AsidePath(const LandingRule& rule, const std::string& aside_place) {
  return TextOfName(rule.folder + "/" + aside_place);
}

// The folder aside in `folder`, and what lies in it; what hinders the look is told.
std::optional<std::pair<OpenFolder, std::vector<Entry>>> LookAside(const OpenFolder& folder,
                                                                   const LandingRule& rule,
                                                                   const std::string& aside_place,
                                                                   std::vector<Untaken>& untaken) {
  const auto told = [&](const Status& why) {
    if (why.code() != Code::kNotFound) {
      untaken.push_back({AsidePath(rule, aside_place),
                         fmt::format("files that were moved aside may wait in it, and it cannot be "
                                     "looked into: {}",
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

Result<std::unique_ptr<LandedReader>> LandedReader::Open(const LandedFile& file) {
  const auto nothing = [](const Status& status) -> Result<std::unique_ptr<LandedReader>> {
    if (status.code() == Code::kNotFound) return std::unique_ptr<LandedReader>();
    return status;
  };
  const auto root = OpenFolder::Open(file.folder);
  if (!root.ok()) return nothing(root.status());
  const auto folder = root->Walk(FolderOf(file.place));
  if (!folder.ok()) return nothing(folder.status());
  auto fd = folder->OpenFile(BaseOf(file.place));
  if (!fd.ok()) return nothing(fd.status());
  WEIRHOUSE_TRY(const Entry before, storage::EntryOf(fd->get(), file.path));
  if (!before.UnchangedSince(file.entry)) return std::unique_ptr<LandedReader>();
  WaitUntilTimesTell(before);
  return std::unique_ptr<LandedReader>(new LandedReader(file, std::move(fd).value()));
}

Result<std::size_t> LandedReader::Read(char* into, std::size_t room) {
  const auto left = static_cast<std::size_t>(file_.entry.size_bytes - offset_);
  WEIRHOUSE_TRY(const std::size_t got,
                storage::ReadSome(fd_.get(), file_.path, offset_, into, std::min(room, left)));
  sha_.Update({into, got});
  offset_ += static_cast<std::int64_t>(got);
  return got;
}

Result<std::optional<Digest>> LandedReader::Finish() {
  std::string piece(kPieceBytes, '\0');
  for (std::size_t got = 1; got > 0;) {
    WEIRHOUSE_TRY(got, Read(piece.data(), piece.size()));
  }
  if (storage::WritersOf(fd_.get()) == storage::Writers::kSome) return std::optional<Digest>();
  WEIRHOUSE_TRY(const Entry after, storage::EntryOf(fd_.get(), file_.path));
  if (!after.UnchangedSince(file_.entry) || offset_ != file_.entry.size_bytes)
    return std::optional<Digest>();
  return std::optional<Digest>(sha_.Finish());
}

Result<Removal> RemoveLanded(const LandedFile& file, const Digest& digest,
                             const LandingRule& rule) {
  const auto gone = [](const Status& status) -> Result<Removal> {
    if (status.code() == Code::kNotFound) return Removal::kGone;
    return status;
  };
  const std::string base = BaseOf(file.place);
  const auto root = OpenFolder::Open(file.folder);
  if (!root.ok()) return gone(root.status());
  const auto folder = root->Walk(FolderOf(file.place));
  if (!folder.ok()) return gone(folder.status());
  const auto listed = folder->Look(base);
  if (!listed.ok()) return gone(listed.status());
  if (!listed->UnchangedSince(file.entry)) return Removal::kOther;
  WEIRHOUSE_TRY(const OpenFolder aside, folder->MakePrivate(rule.aside_name));
  const Result<Removal> removal = RemoveThrough(aside, *folder, base, file.entry, digest);
  folder->RemoveEmptyFolder(rule.aside_name).Ignore("it holds what waits for its name");
  return removal.ok() ? removal : gone(removal.status());
}

Status SettleAside(const LandingRule& rule, const std::string& aside_place,
                   catalog::Catalog& catalog, std::vector<Untaken>& untaken) {
  const auto root = OpenFolder::Open(rule.folder);
  if (!root.ok()) return Status();  // the listing says why
  const std::string parent(FolderOf(aside_place));
  const auto folder = root->Walk(parent);
  if (!folder.ok()) return Status();
  const auto looked = LookAside(*folder, rule, aside_place, untaken);
  if (!looked) return Status();
  const OpenFolder& aside = looked->first;
  for (const Entry& entry : looked->second) {
    const std::string place = parent.empty() ? entry.name : parent + "/" + entry.name;
    const std::string path = TextOfName(rule.folder + "/" + place);
    WEIRHOUSE_TRY(const std::optional<catalog::LandingRecord> record, catalog.FindLanding(path));
    if (record && rule.delete_after) {
      const auto same = IsTheFile(aside, entry.name, record->digest, [&](const Entry& found) {
        return found.kind == storage::EntryKind::kFile && found.inode == record->inode &&
               found.size_bytes == record->size_bytes && found.mtime_us() == record->mtime_us;
      });
      if (same.ok() && *same) {
        const Status removed = aside.RemoveFile(entry.name);
        if (!removed.ok()) {
          untaken.push_back(
              {AsidePath(rule, aside_place) + "/" + TextOfName(entry.name),
               "it is stored and cannot be removed: " + TextOfName(removed.message())});
        }
        continue;
      }
    }
    const Result<bool> back = PutBack(aside, *folder, entry.name);
    if (back.ok() && *back) continue;
    untaken.push_back(
        {TextOfName(rule.folder + "/" + aside_place + "/" + entry.name),
         back.ok() ? "it was moved aside, and another file has its name now: it is put back when "
                     "that one is gone"
                   : fmt::format("it was moved aside and cannot be put back: {}",
                                 TextOfName(back.status().message()))});
  }
  folder->RemoveEmptyFolder(BaseOf(aside_place)).Ignore("it holds what waits for its name");
  return Status();
}

void ListAside(const LandingRule& rule, const std::string& aside_place,
               std::vector<Untaken>& untaken) {
  const auto root = OpenFolder::Open(rule.folder);
  if (!root.ok()) return;  // the listing says why
  const auto folder = root->Walk(FolderOf(aside_place));
  if (!folder.ok()) return;
  const auto looked = LookAside(*folder, rule, aside_place, untaken);
  if (!looked) return;
  for (const Entry& entry : looked->second) {
    untaken.push_back({AsidePath(rule, aside_place) + "/" + TextOfName(entry.name),
                       "it was moved aside: `wh ingest` puts it back when no other file has its "
                       "name, or removes it if it is stored"});
  }
}
}  // namespace weirhouse::raw

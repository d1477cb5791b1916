// Reads a landed file, and removes that very file once it is stored. Senders write to the same
// folder meanwhile: a file may be replaced, renamed or written again between any two calls.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ground/base/byte_stream.h"
#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "ground/platform/io/object_store.h"
#include "ground/platform/io/open_folder.h"
#include "work/landing/landing.h"

namespace weirhouse::landing {

// Reads the file that was listed, of any size, and tells whether it read all of it.
class LandedReader final : public ByteStream {
 public:
  struct Opened {
    std::unique_ptr<LandedReader> reader;  // null: the file cannot be read
    bool gone = false;                     // no file has that name any more
  };
  // No reader if the file is gone or was replaced: the next listing finds what is there then. An
  // error is about this one file (kPermissionDenied, kUnavailable), or about too many open files
  // (WH7015). `file` must outlive the reader.
  static Result<Opened> Open(const LandedFile& file);

  // Ends where the listed file ended, even if somebody appends to it.
  Result<std::size_t> Read(char* into, std::size_t room) override;
  // Reads what is left and returns the digest of all bytes. Absent if the file is being written or
  // has changed since it was listed: then what was read is nobody's file and must be dropped.
  // `whole` is the digest from an earlier reading of the same file: bytes with that digest are that
  // file, even if its name was removed meanwhile.
  Result<std::optional<Digest>> Finish(const std::optional<Digest>& whole = std::nullopt);

 private:
  LandedReader(const LandedFile& file, platform::Descriptor fd) : file_(file), fd_(std::move(fd)) {}
  const LandedFile& file_;
  platform::Descriptor fd_;
  std::int64_t offset_ = 0;
  Sha256 sha_;
};

enum class Removal : std::uint8_t {
  kRemoved,
  kGone,       // no file has that name
  kOther,      // another file has it: that file stays, and is taken in later
  kKeptAside,  // its name was taken meanwhile: it stays aside (SettleAside)
  kNotStored,  // it stays, because its bytes are nowhere else
};
// Removes `file` if it is the very file that was listed and still holds the bytes of `digest`. It
// is moved aside, checked, and removed only if `is_stored` finds its bytes in the lake; otherwise
// it is put back without replacing another file. Files of the same name that already lie aside do
// not hinder it. Cost: one read of the file.
Result<Removal> RemoveLanded(const LandedFile& file, const Digest& digest, const LandingRule& rule,
                             const std::function<Result<bool>()>& is_stored);

// Finishes what a crash or a sender interrupted in the folder `aside` (Landing::aside). A file that
// the catalog has recorded with these bytes, and whose raw object is whole, is removed if the
// source deletes; every other file is put back. If its name is taken again, it is taken in from
// where it lies, under the name it had, and joins `landing.complete` (or `incomplete`). Other files
// that stay are reported in `landing.untaken`.
Status SettleAside(const LandingRule& rule, const std::string& aside, catalog::Catalog& catalog,
                   platform::ObjectStore& store, ProcessTime now, Landing& landing);

// Reports what lies in the folder `aside` (Landing::aside) in `untaken`, and changes nothing.
void ListAside(const LandingRule& rule, const std::string& aside, std::vector<Untaken>& untaken);

// A file that is unchanged for this long counts as closed if the file system grants no leases.
inline constexpr std::int64_t kQuietUs = 2'000'000;

// Whether no process has `entry` of `folder` open for writing (a read lease is granted), or, if the
// file system grants no leases, whether it has not changed for 2 s.
Result<bool> IsWhole(const platform::OpenFolder& folder, const platform::Entry& entry,
                     ProcessTime now);
}  // namespace weirhouse::landing

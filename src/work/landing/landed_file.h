// Reading a landed file, and removing that very file once it is stored. Senders write to the same
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

// Reads the file that was listed, of any size, and tells whether what was read is all of it.
class LandedReader final : public ByteStream {
 public:
  struct Opened {
    std::unique_ptr<LandedReader> reader;  // null: not to be read
    bool gone = false;                     // nothing has that name any more
  };
  // No reader if it is gone or another one now: the next look finds what is there then. An error is
  // about this one file (kPermissionDenied, kUnavailable), or too many open files (WH7015). `file`
  // must outlive it.
  static Result<Opened> Open(const LandedFile& file);

  // Ends where the listed file ended, also while somebody appends to it.
  Result<std::size_t> Read(char* into, std::size_t room) override;
  // Reads what is left: the digest of all bytes. Nothing if the file is being written or has
  // changed since it was listed: then what was read is no file that anybody sent, and is to be
  // forgotten. With `whole`, the digest that an earlier reading of the same file gave: bytes that
  // have it are that file, whoever takes away its name meanwhile.
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
  kGone,       // nothing has that name
  kOther,      // another file has it: it stays, and is taken in when it is its turn
  kKeptAside,  // it stays, and its name was taken meanwhile: it lies aside (SettleAside)
  kNotStored,  // its bytes are nowhere else: it stays
};
// Removes `file` if it is the very file that was listed and still holds the bytes of `digest`. It
// is moved aside, looked at, and only then removed, if `is_stored` says that its bytes are whole in
// the lake; else it is put back without replacing anything. Files of one name that lie aside do not
// stand in its way. Cost: one read of the file.
Result<Removal> RemoveLanded(const LandedFile& file, const Digest& digest, const LandingRule& rule,
                             const std::function<Result<bool>()>& is_stored);

// Ends what a crash or a sender interrupted in the folder `aside` (Landing::aside): a file that the
// catalog has recorded with these bytes, and whose raw object is whole, is removed if the source
// deletes, everything else is put back. One whose name is taken again waits for nobody: it is taken
// in from where it lies, under the name it had, and joins `landing.complete` (or `incomplete`).
// What else stays is told in `landing.untaken`.
Status SettleAside(const LandingRule& rule, const std::string& aside, catalog::Catalog& catalog,
                   platform::ObjectStore& store, ProcessTime now, Landing& landing);

// Tells what lies in the folder `aside` (Landing::aside) in `untaken`, and changes nothing.
void ListAside(const LandingRule& rule, const std::string& aside, std::vector<Untaken>& untaken);

// A file that is unchanged this long counts as closed where leases are refused.
inline constexpr std::int64_t kQuietUs = 2'000'000;

// Whether no process has `entry` of `folder` open for writing (a read lease is granted), or, where
// leases are refused, whether it has not changed for 2 s.
Result<bool> IsWhole(const platform::OpenFolder& folder, const platform::Entry& entry,
                     ProcessTime now);
}  // namespace weirhouse::landing

// Reading a landed file, and removing that very file once it is stored. Senders write to the same
// folder meanwhile: a file may be replaced, renamed or written again between any two calls.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "raw/landing.h"

namespace weirhouse::raw {

struct LandedBytes {
  std::optional<std::string> bytes;  // absent: not read
  bool gone = false;                 // nothing has that name any more
};
// The bytes of the file that was listed; none if it is gone, is another one now, or is being
// written: the next look finds what is there then. An error is about this one file
// (kPermissionDenied, kUnavailable), or too many open files (WH7015).
Result<LandedBytes> ReadLanded(const LandedFile& file);

enum class Removal : std::uint8_t {
  kRemoved,
  kGone,       // nothing has that name
  kOther,      // another file has it: it stays, and is taken in when it is its turn
  kKeptAside,  // another file, and its name was taken meanwhile: it lies aside (SettleAside)
};
// Removes `file` if it is the very file that was listed and still holds the bytes of `digest`. It
// is moved aside, looked at, and only then removed; what turns out to be another file is put back
// without replacing anything. Files of one name that lie aside do not stand in its way. Cost: one
// read of the file.
Result<Removal> RemoveLanded(const LandedFile& file, const Digest& digest, const LandingRule& rule);

// Ends what a crash or a sender interrupted in the folder `aside` (Landing::aside): a file that the
// catalog has recorded with these bytes is removed if the source deletes, everything else is put
// back. One whose name is taken again waits for nobody: it is taken in from where it lies, under
// the name it had, and joins `landing.complete` (or `incomplete`). What else stays is told in
// `landing.untaken`.
Status SettleAside(const LandingRule& rule, const std::string& aside, catalog::Catalog& catalog,
                   ProcessTime now, Landing& landing);

// Tells what lies in the folder `aside` (Landing::aside) in `untaken`, and changes nothing.
void ListAside(const LandingRule& rule, const std::string& aside, std::vector<Untaken>& untaken);

// Whether no process has `entry` of `folder` open for writing (a read lease is granted), or, where
// leases are refused, whether it has not changed for 2 s.
Result<bool> IsWhole(const storage::OpenFolder& folder, const storage::Entry& entry,
                     ProcessTime now);
}  // namespace weirhouse::raw

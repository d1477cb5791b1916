// Landing folders: which files have arrived completely, and which batch each belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/catalog.h"
#include "ground/platform/io/open_folder.h"

namespace weirhouse::landing {

// How files of a source are grouped into batches.
struct BatchRule {
  // "{date}" in the file's name gives the batch. Batches run in the order of their names, all
  // tables of one batch before the next. Empty: by arrival, all files that wait are one batch.
  std::string pattern;
};

struct LandingRule {
  std::string source;
  std::string folder;  // absolute; may itself be a link
  BatchRule batch;
  bool delete_after = false;
  std::string aside_name;  // AsideName of the project
};
// The name of the folder beside landed files into which a file is moved before it is removed.
// Hidden, so that no listing takes it for a file; one for each project, so that projects do not
// touch each other's.
std::string AsideName(std::string_view project_root);

struct LandedFile {
  std::string source;
  std::string folder;     // of the rule
  std::string place;      // path below the folder, with '/', in the bytes of the disk
  std::string name;       // `place` as text: landing_name.h
  std::string path;       // folder and place, as text
  platform::Entry entry;  // as it was listed
  std::string batch;      // "2013-01-01"; empty for batches by arrival
};

// Something in a landing folder that is not taken in, with the reason, for people.
struct Untaken {
  std::string path;  // as text
  std::string why;
  friend auto operator<=>(const Untaken&, const Untaken&) = default;
};

// The batch that `name` belongs to under `pattern`; absent if it does not match.
std::optional<std::string> ParseBatchName(std::string_view name, std::string_view pattern);
// The end of a dated batch: midnight UTC after its day. Absent if `batch` is not a date.
std::optional<EventTime> ParseBatchEnd(std::string_view batch);

// A file that the catalog has recorded, of a source that deletes: a crash came before its removal.
struct AcknowledgedFile {
  LandedFile file;
  Digest digest;
};
struct Landing {
  std::vector<LandedFile> complete;    // new, whole; in order of (batch, source, name)
  std::vector<LandedFile> incomplete;  // still being written
  std::vector<AcknowledgedFile> acknowledged;
  std::vector<LandedFile> unmatched;  // the name does not fit the batch pattern: needs a person
  // Links, pipes, sockets, devices, unreadable files and files that lie too deep: each is reported,
  // and none stops the others.
  std::vector<Untaken> untaken;
  // Folders below the rule's in which a crash may have left files moved aside (landed_file.h).
  std::vector<std::string> aside;
};
// Lists files that the catalog has not seen; skips hidden files, *.tmp and *.part. A file is
// complete when no process has it open for writing (a read lease is granted) or, if the file system
// grants no leases, when it has not changed for 2 s. Links below the folder are not followed. Files
// are never moved. Cost: one stat and one look-up for each file.
Result<Landing> ListLanding(const LandingRule& rule, catalog::Catalog& catalog, ProcessTime now);

// Where the verbatim object of `digest` lives: <lake>/raw/<source>/dt=<arrival day>/<sha256>.
std::string ObjectPath(const std::string& lake, const std::string& source, ProcessTime arrived_at,
                       const Digest& digest);
}  // namespace weirhouse::landing

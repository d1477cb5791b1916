// Landing folders: which files have arrived whole, and which batch each belongs to.
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
  // "{date}" in the file's name gives the batch: batches run in the order of that name, all tables
  // of one before the next. Empty = by arrival: everything that waits is one batch.
  std::string pattern;
};

struct LandingRule {
  std::string source;
  std::string folder;  // absolute; may itself be a link
  BatchRule batch;
  bool delete_after = false;
  std::string aside_name;  // AsideName of the project
};
// The folder beside landed files into which one that is to be removed is moved first. Hidden, so
// that no listing takes it for a file; one for each project, so that none touches another's.
std::string AsideName(std::string_view project_root);

struct LandedFile {
  std::string source;
  std::string folder;     // of the rule
  std::string place;      // below the folder, with '/', in the bytes of the disk
  std::string name;       // the same as text: landing_name.h
  std::string path;       // of the folder and the place, as text
  platform::Entry entry;  // as it was listed
  std::string batch;      // "2013-01-01", or empty where batches go by arrival
};

// Something in a landing folder that is not taken in, and why, for people.
struct Untaken {
  std::string path;  // as text
  std::string why;
  friend auto operator<=>(const Untaken&, const Untaken&) = default;
};

// The batch that `name` belongs to under `pattern`, or nothing if it does not match.
std::optional<std::string> BatchOfName(std::string_view name, std::string_view pattern);
// The end of a dated batch: midnight UTC after its day. Absent if `batch` is no date.
std::optional<EventTime> EndOfBatch(std::string_view batch);

// A file that the catalog has seen, of a source that deletes: a crash came before that.
struct AcknowledgedFile {
  LandedFile file;
  Digest digest;
};
struct Landing {
  std::vector<LandedFile> complete;    // new, whole; in order of (batch, source, name)
  std::vector<LandedFile> incomplete;  // still being written: look again
  std::vector<AcknowledgedFile> acknowledged;
  std::vector<LandedFile> unmatched;  // the name does not fit the batch pattern: a person must look
  // Links, pipes, sockets, devices, what may not be read, what lies too deep: each is named, and
  // none holds up the others.
  std::vector<Untaken> untaken;
  // Folders in which a crash may have left files moved aside (landed_file.h), below the rule's.
  std::vector<std::string> aside;
};
// Lists what the catalog has not seen: hidden files, *.tmp and *.part are skipped; a file is whole
// when nobody has it open for writing (a read lease is granted), or, where leases are refused, when
// it has not changed for 2 s. No link below the folder is followed. Files are never moved. Cost:
// one stat and one look-up per file that is there.
Result<Landing> ListLanding(const LandingRule& rule, catalog::Catalog& catalog, ProcessTime now);

// Where the verbatim object of `digest` lives: <lake>/raw/<source>/dt=<arrival day>/<sha256>.
std::string ObjectPath(const std::string& lake, const std::string& source, ProcessTime arrived_at,
                       const Digest& digest);
}  // namespace weirhouse::landing

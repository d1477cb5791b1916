// Landing folders: which files have arrived whole, and which batch each belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "catalog/catalog.h"
#include "storage/disk.h"

namespace weirhouse::raw {

// How files of a source are grouped into batches.
struct BatchRule {
  // "{date}" in the file's name gives the batch: batches run in the order of that name, all tables
  // of one before the next. Empty = by arrival: everything that waits is one batch.
  std::string pattern;
};

struct LandingRule {
  std::string source;
  std::string folder;  // absolute
  BatchRule batch;
  bool delete_after = false;
};

struct LandedFile {
  std::string source;
  std::string path;
  std::string name;  // below the folder, with '/'
  std::int64_t size_bytes = 0;
  std::int64_t mtime_us = 0;
  std::uint64_t inode = 0;
  std::string batch;  // "2013-01-01", or empty where batches go by arrival
};

// The batch that `name` belongs to under `pattern`, or nothing if it does not match.
std::optional<std::string> BatchOfName(std::string_view name, std::string_view pattern);
// The end of a dated batch: midnight UTC after its day. Absent if `batch` is no date.
std::optional<EventTime> EndOfBatch(std::string_view batch);

struct Landing {
  std::vector<LandedFile> complete;    // new, whole; in order of (batch, source, name)
  std::vector<LandedFile> incomplete;  // still being written: look again
  std::vector<LandedFile>
      acknowledged;                   // known, of a source that deletes: a crash came before that
  std::vector<LandedFile> unmatched;  // the name does not fit the batch pattern: a person must look
};
// Lists what the catalog has not seen: hidden files, *.tmp and *.part are skipped; a file is whole
// when nobody has it open for writing (a read lease is granted), or, where leases are refused, when
// it has not changed for 2 s. Files are never moved. Cost: one stat per file.
Result<Landing> ListLanding(storage::Disk& disk, const LandingRule& rule, catalog::Catalog& catalog,
                            ProcessTime now);

// Where the verbatim object of `digest` lives: <lake>/raw/<source>/dt=<arrival day>/<sha256>.
std::string ObjectPath(const std::string& lake, const std::string& source, ProcessTime arrived_at,
                       const Digest& digest);
}  // namespace weirhouse::raw

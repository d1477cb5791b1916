// Checks SQLite's write-ahead log before SQLite reads it.
//
// SQLite treats the first invalid frame as the end of the log, which is right after a power cut. A
// corrupted bit looks the same to SQLite, and every commit behind that bit would be lost silently.
// Layout of the log (sqlite.org/fileformat2.html, section 4):
//
//   header  32 bytes  magic, format, page size, checkpoint, salt 1, salt 2, checksum 1, checksum 2
//   frame   24 bytes  page number, pages of the database (a commit) or 0, salts, checksums
//           page      its bytes
//
// All integers are big-endian. A frame is valid if it has the header's salts, and checksums that
// run from the header through all frames before it.
#pragma once

#include <string>

#include "ground/base/status.h"

namespace weirhouse::platform {

// kCorruption (WH7021) if the log beside the database `path` holds commits behind an invalid frame,
// beyond the one transaction that a power cut may leave in pieces. Another process may write to the
// log meanwhile. OK if there is no log. Cost: reads the log once.
Status CheckSqliteLog(const std::string& path);
}  // namespace weirhouse::platform

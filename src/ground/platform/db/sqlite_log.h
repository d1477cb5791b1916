// SQLite's write-ahead log, looked at before SQLite does.
//
// SQLite takes the first frame that does not fit for the end of the log: after a power cut it is.
// A bit that rotted looks the same to it, and every commit behind that bit would be gone without a
// word. The log:
//
//   header  32 bytes  magic, format, page size, checkpoint, salt 1, salt 2, checksum 1, checksum 2
//   frame   24 bytes  page number, pages of the database (a commit) or 0, salts, checksums
//           page      its bytes
//
// all in big endian. A frame counts if it has the header's salts, and checksums that run from the
// header through all frames before it.
#pragma once

#include <string>

#include "ground/base/status.h"

namespace weirhouse::platform {

// kCorruption (WH7021) if the log beside the database `path` holds commits behind a place that does
// not fit: more than the one transaction that a power cut may leave in pieces. Another process may
// be writing to it meanwhile. Cost: reads the log once; no error if there is none.
Status CheckSqliteLog(const std::string& path);
}  // namespace weirhouse::platform

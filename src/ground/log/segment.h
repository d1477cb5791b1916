// The files of a log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/io/open_folder.h"

namespace weirhouse::stream {

// Where a record lies, one for each mebibyte or so, so that a reader need not begin at the first.
struct Mark {
  std::int64_t offset = 0;
  std::int64_t position = 0;
};

struct Segment {
  std::int64_t first = 0;       // offset of its first record
  std::int64_t size_bytes = 0;  // that are on the disk
  std::vector<Mark> marks;      // ascending; those of a segment that nobody has read yet are absent

  // Notes that the record `offset` begins at `position`, if that is far enough from the last mark.
  void Note(std::int64_t offset, std::int64_t position);
  Mark Before(std::int64_t offset) const;  // the last mark at or before it
};

std::string SegmentPath(const std::string& folder, std::int64_t first);
// The segments of a folder, ascending; their sizes are those of the files.
Result<std::vector<Segment>> ListSegments(const std::string& folder);
// Makes the segment of the next record `first`; its header and its name are on the disk then.
Result<platform::Descriptor> MakeSegment(const std::string& path, const std::string& folder,
                                         std::string_view header);

// Reads the last segment after a start: sets its size to that of its whole frames and returns the
// offset behind the last of them. A frame that is cut or damaged ends it, if everything behind was
// never acknowledged (its writer ended, or power did); kCorruption (kLogDamaged) if something was.
// What it found whole is on the disk when it returns; a segment without any record is removed.
// `read_only`: nothing is synced or removed.
Result<std::int64_t> RecoverSegment(const std::string& folder, Segment& segment, bool read_only);
}  // namespace weirhouse::stream

// A durable log of records: what was appended is on the disk before the append returns, in one
// order, until it is trimmed.
//
//   WEIRHOUSE_TRY(const auto log, stream::Log::Open(folder, {}, clock, random));
//   WEIRHOUSE_TRY(const std::int64_t first, log->Append(records));     // durable now
//   WEIRHOUSE_TRY(const auto reader, log->Read(first));
//   WEIRHOUSE_TRY(const auto some, reader->Next(1 << 20));             // in order; empty at the end
//   WEIRHOUSE_TRY_STATUS(log->Trim(first + 10));                       // the ten are done with
//
// A folder of segments, each named after the offset of its first record. Bytes of a segment never
// change: after a crash, appending goes on in a new one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "ground/base/random.h"
#include "ground/base/status.h"
#include "ground/base/time.h"

namespace weirhouse::stream {

// What is appended. The log does not look into it. Views, valid during the call.
struct Record {
  std::string_view key;         // records of one key are of one matter; may be empty
  std::string_view attributes;  // what came with it, such as headers; may be empty
  std::string_view value;
};

// Views into a reader, valid until its next call.
struct StoredRecord {
  std::int64_t offset = 0;
  ProcessTime appended_at;
  std::string_view key;
  std::string_view attributes;
  std::string_view value;
};

struct LogOptions {
  std::int64_t segment_bytes = std::int64_t{64} << 20;
  // Appends are refused (kLogFull) while more is kept; bounds the disk that readers who are behind
  // can take.
  std::int64_t bytes_max = std::int64_t{8} << 30;
  std::int64_t record_bytes_max = std::int64_t{16} << 20;
  // Changes nothing on the disk; another process may be appending. Appends are refused.
  bool read_only = false;
  // The first offset of an empty log. A log whose records end before it goes on from it: those
  // between were done with before their disk lost them.
  std::int64_t first_offset = 0;
};

// More is kept than LogOptions::bytes_max. Once readers have caught up the append may be repeated.
inline constexpr Reason kLogFull{"WH7201"};
// Records that were acknowledged cannot be read.
inline constexpr Reason kLogDamaged{"WH7202"};

class LogReader;

// Threads: any, several at once; the last user must be done before it ends. One process at a time
// may have a folder open for appending, which the caller ensures.
class Log {
 public:
  // Makes the folder if there is none. Reads the last segment: at most `segment_bytes` of it.
  // Errors: kCorruption (kLogDamaged), those of the disk.
  static Result<std::unique_ptr<Log>> Open(const std::string& folder, const LogOptions& options,
                                           Clock& clock, Random& random);
  ~Log();

  // Appends all of `records`, side by side, and returns the offset of the first once they are on
  // the disk: fdatasync has returned, one for all that are appended at the same time. On an error
  // none of them is in the log, but for kOutcomeUnknown: then they may be found in it once it is
  // opened again.
  //   kPermissionDenied  WH7206, it was opened for reading
  //   kUnavailable   kLogFull; WH7010, the disk is full; WH7203, an earlier write failed: reopen
  //   kInvalidInput  WH7204, a record is larger than record_bytes_max
  Result<std::int64_t> Append(std::span<const Record> records);

  std::int64_t begin() const;  // the least offset that can be read
  std::int64_t end() const;    // the next offset: all before it are on the disk
  std::int64_t size_bytes() const;

  // A reader that begins at `from`, which must be between begin() and end(). The log must outlive
  // it. kNotFound (WH7205): those records were trimmed, or are not there yet.
  Result<std::unique_ptr<LogReader>> Read(std::int64_t from) const;
  // Gives up the records before offset `before`: whole segments of them are removed. Cost: an
  // unlink a segment. Readers that are within them go on.
  Status Trim(std::int64_t before);

 private:
  friend class LogReader;
  struct State;
  explicit Log(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Reads a log in order. Threads: one. Memory: a buffer of what is read at a time.
class LogReader {
 public:
  ~LogReader();
  // The next records, of about `bytes_max` bytes together but at least one; empty if there is none
  // yet. Error: kCorruption (kLogDamaged), again at each call.
  Result<std::span<const StoredRecord>> Next(std::size_t bytes_max);
  std::int64_t offset() const;  // of the next record

 private:
  friend class Log;
  struct State;
  explicit LogReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};
}  // namespace weirhouse::stream

// A record while it is cut. Its bytes are kept up to the longest allowed record; beyond that only
// their beginning, number and digest, so that a line of any length needs bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "rules/contract/decode/window.h"

namespace weirhouse::contract {

// What the window dropped of a record larger than kRecordBytesMax, or of one followed by more
// blanks than that.
struct PassedRecord {
  Digest digest;          // of all its bytes
  std::int64_t line = 0;  // from 1, of its first byte
};

// Offsets count from the object's first byte, a byte-order mark included.
struct RecordSpan {
  std::int64_t offset = 0;
  std::int64_t length = 0;
  // Set for every record larger than kRecordBytesMax, of which only the first bytes are given.
  // Valid as long as the bytes.
  const PassedRecord* passed = nullptr;
};

// What does not belong to a record at its end.
enum class RecordEnd : std::uint8_t { kCarriageReturn, kBlanks };

// Scans one record after the other, each from the beginning of the view. Threads: one.
// Memory: twice kRecordBytesMax, and one piece.
class RecordScan {
 public:
  // `window` must outlive it.
  RecordScan(Window& window, RecordEnd end);
  ~RecordScan();
  RecordScan(const RecordScan&) = delete;
  RecordScan& operator=(const RecordScan&) = delete;

  // How much of the view was scanned.
  std::size_t at = 0;
  // Extends the view after all of it was scanned. If the record is too long, the scanned part
  // leaves the view.
  Status More();

  struct Record {
    RecordSpan span;
    std::string_view text;  // at most kRecordBytesMax
  };
  // Ends the record before `end` of the view. The result is valid until the next call.
  Record End(std::size_t end, bool trimmed = true);
  // Whether a part of the record left the view.
  bool passed() const { return passed_ != nullptr; }
  // Begins the next record after `bytes` of the view.
  void Next(std::size_t bytes);

 private:
  struct Passed;
  void Pass(std::string_view bytes);

  Window& window_;
  const RecordEnd end_;
  std::unique_ptr<Passed> passed_;
  PassedRecord told_;
};
}  // namespace weirhouse::contract

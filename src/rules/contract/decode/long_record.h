// A record while it is cut: bytes of the window, until there are more of them than a record may
// have. From then on their beginning, their number and their digest, so that a line of any length
// takes the memory of the greatest record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "rules/contract/decode/window.h"

namespace weirhouse::contract {

// What the window no longer has of a record that was larger than kRecordBytesMax, or that more
// blanks followed.
struct PassedRecord {
  Digest digest;          // of all its bytes
  std::int64_t line = 0;  // from 1, of its first byte
};

// Offsets count from the object's first byte, a byte-order mark included.
struct RecordSpan {
  std::int64_t offset = 0;
  std::int64_t length = 0;
  // Set for every record of more than kRecordBytesMax, of which the first ones are given. Valid as
  // long as the bytes.
  const PassedRecord* passed = nullptr;
};

// What is no part of a record before its end.
enum class RecordEnd : std::uint8_t { kCarriageReturn, kBlanks };

// Looks through one record after the other, each from where the view begins. Threads: one.
// Memory: kRecordBytesMax twice, and a piece.
class RecordScan {
 public:
  // `window` must outlive it.
  RecordScan(Window& window, RecordEnd end);
  ~RecordScan();
  RecordScan(const RecordScan&) = delete;
  RecordScan& operator=(const RecordScan&) = delete;

  // How much of the view was looked at.
  std::size_t at = 0;
  // More to look at, once the whole view was. What was looked at leaves the view where the record
  // is too long.
  Status More();

  struct Record {
    RecordSpan span;
    std::string_view text;  // at most kRecordBytesMax
  };
  // The record ends before `end` of the view. Valid until the next call.
  Record End(std::size_t end, bool trimmed = true);
  // Whether some of it left the view.
  bool passed() const { return passed_ != nullptr; }
  // The next record begins behind `bytes` of the view.
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

// Two readers of a JSON record, which must agree on which records are valid: the fast one reads
// every record, and the walk explains those that the fast one refuses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/contract/program.h"

namespace weirhouse::contract {

// Reads in one pass into slots. Threads: one. The program must outlive it.
class JsonReader {
 public:
  explicit JsonReader(const RecordProgram& program);
  ~JsonReader();

  // Reads a record; false at the first violation. Slots point into `record` or the reader and stay
  // valid until the next call. `unknown` becomes the JSON of unknown fields sorted by key, each
  // value as it was written; empty if there are none.
  bool Read(std::string_view record, std::vector<Slot>* slots, std::string* unknown);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Every violation of one record, found by a strict parser that knows the place of everything.
// `record_offset`: where the record begins in its object. Recursion is bounded by kJsonDepthMax.
std::vector<Violation> WalkJsonRecord(const RecordProgram& program, std::string_view record,
                                      std::int64_t record_offset);

// `text` as a JSON string, quotes included.
void AppendJsonText(std::string_view text, std::string* out);
// One code point as UTF-8.
void AppendCodePoint(std::uint32_t code, std::string* out);
}  // namespace weirhouse::contract

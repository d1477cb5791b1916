// Two readers of one JSON record. They must agree on which records are valid: the fast one reads
// every record, the walk explains those that the fast one refuses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "contract/program.h"

namespace weirhouse::contract {

// Reads through simdjson into slots. Threads: one. The program must outlive it.
class JsonReader {
 public:
  explicit JsonReader(const RecordProgram& program);
  ~JsonReader();

  // False at the first violation. `readable_after` bytes follow `record` in its buffer (simdjson
  // reads whole blocks; where too few follow, the record is copied). Slots stay valid until the
  // next call. `unknown` becomes the JSON of unknown fields sorted by key, empty for none.
  bool Read(std::string_view record, std::size_t readable_after, std::vector<Slot>* slots,
            std::string* unknown);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Every violation of one record, by an own strict parser that knows where it is. `record_offset` is
// where the record begins in its object. Recursion is bounded by kJsonDepthMax.
std::vector<Violation> WalkJsonRecord(const RecordProgram& program, std::string_view record,
                                      std::int64_t record_offset);

// `text` as a JSON string, quotes included.
void AppendJsonText(std::string_view text, std::string* out);
}  // namespace weirhouse::contract

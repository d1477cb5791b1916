// What a run did: counts by table, state and gate; what it refused; what is overdue; what halted
// it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/time.h"

namespace weirhouse::work {

// An object that cannot be read as its source's format, or whose records are all in quarantine, or
// that was set aside (WH1304).
struct RefusedObject {
  std::string object;        // "weather/2013-02-12.csv"
  std::string reason;        // "WH1310 object cannot be read: …"
  std::string found;         // the place, and what is there; may be empty
  std::int64_t records = 0;  // all in quarantine; 0 if it cannot be cut into records
};
// Records that are in quarantine for one reason.
struct QuarantineReason {
  std::string source;
  std::string reason;
  std::int64_t records = 0;
  std::string first;  // "weather/2013-02-12.csv:26"
  std::string found;
};
// A batch in which every record of a source went to quarantine.
struct RefusedBatch {
  std::string batch;
  std::string source;
  std::int64_t records = 0;
};

// A check on time (`freshness`, `arrives`) that is overdue because nothing newer came.
struct OverdueCheck {
  std::string gate;
  std::string table;
  std::string owner;
  std::string check;
  std::string kind;
  bool warns = false;    // `severity: warn`
  EventTime newest{};    // the newest value, or the end of the last batch
  EventTime since{};     // when it became overdue
  EventTime now{};       // the project's clock
  std::string max_text;  // "30h", as written
  std::string story;     // for people; unchanged until something changes
};
struct RunSummary {
  std::int64_t objects = 0;            // new raw objects
  std::int64_t duplicate_objects = 0;  // the same arrival again
  std::int64_t records = 0;            // records in the new objects
  std::map<std::string, std::int64_t>
      states;  // record state → records, over all sources of this run
  std::map<std::string, std::int64_t> rows_by_table;                 // rows added
  std::map<std::string, std::map<std::string, std::int64_t>> gates;  // gate → verdict state → runs
  std::vector<std::string> warnings;                                 // one line each: warned gates
  std::int64_t batches = 0;
  std::int64_t commits = 0;
  std::vector<std::string> unmatched_files;
  // Landed files that were not taken in, or taken in and not removed as they should be: path →
  // reason.
  std::map<std::string, std::string> untaken_files;
  std::int64_t refused_objects = 0;
  std::vector<RefusedObject> refused;  // the first of them
  std::vector<QuarantineReason> quarantined;
  std::vector<RefusedBatch> refused_batches;
  // A file or a whole batch was refused, which is as severe as a failed gate (verbs turn it into
  // exit 3).
  bool refuses() const { return refused_objects > 0 || !refused_batches.empty(); }
  std::vector<OverdueCheck> overdue;
  // Set if a gate did not pass: the run that waits for override or discard, and its story for
  // people.
  std::optional<RunId> halted;
  std::string halted_message;
};
}  // namespace weirhouse::work

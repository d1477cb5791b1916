// The part of the catalog that knows what arrived and how it was judged: objects, landed files,
// attempts to parse, verdicts, metrics, states of records, predictions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/record.h"

namespace weirhouse::catalog {

// What names an arrived object before it has an id.
struct Arrival {
  std::string source;
  std::string name;
  Digest digest;
};

struct ObjectFilter {
  std::optional<std::string> source = std::nullopt;
  std::optional<std::string> batch = std::nullopt;
  std::optional<CommitSeq> seq = std::nullopt;  // committed by this commit
  std::optional<std::string> state = std::nullopt;
  // Quarantined whole as it came, or with so many attempts to parse it counted. Cost: O(those).
  std::optional<int> refused_at_attempts = std::nullopt;
};
struct VerdictFilter {
  std::optional<std::string> gate = std::nullopt;
  std::optional<RunId> run = std::nullopt;
  std::int64_t limit = 1'000'000;  // newest first
};

// Threads: any. Each read sees one committed state. Errors: kUnavailable, kCorruption.
class Ledger {
 public:
  virtual ~Ledger() = default;
  virtual Result<std::vector<ObjectRecord>> Objects(const ObjectFilter& filter) = 0;
  struct ObjectTotals {
    std::int64_t objects = 0;
    std::int64_t records = 0;
  };
  // How many arrived, and with how many records. Cost: O(1).
  virtual Result<ObjectTotals> CountObjects() = 0;
  // The records of objects that commits after `after` brought.
  virtual Result<std::int64_t> RecordsSince(CommitSeq after) = 0;
  virtual Result<std::optional<ObjectRecord>> FindObject(ObjectId id) = 0;
  // The object whose record range holds `record`.
  virtual Result<std::optional<ObjectRecord>> ObjectOfRecord(RecordId record) = 0;
  // An arrival with the same identity (source, name, digest), if there was one.
  virtual Result<std::optional<ObjectRecord>> FindArrival(const std::string& source,
                                                          const std::string& name,
                                                          const Digest& digest) = 0;
  virtual Result<std::optional<LandingRecord>> FindLanding(const std::string& path) = 0;
  // Those of `paths` that are known, in no order. Cost: O(paths), whatever else has landed.
  virtual Result<std::vector<LandingRecord>> FindLandings(
      const std::vector<std::string>& paths) = 0;
  virtual Result<std::vector<LandingRecord>> Landings(const std::string& source) = 0;
  // Counts one more attempt to parse an object (by source, name and digest) that ended the process,
  // durably, and returns the new count.
  virtual Result<int> CountParseAttempt(const std::string& source, const std::string& name,
                                        const Digest& digest) = 0;
  // The same for several objects in one transaction (one fsync); counts in the order asked.
  virtual Result<std::vector<int>> CountParseAttempts(const std::vector<Arrival>& arrivals) = 0;
  // How many attempts are counted.
  virtual Result<int> ParseAttempts(const Arrival& arrival) = 0;
  // An object was parsed to its end: its attempts count from 0 again.
  virtual Status ForgetParseAttempts(const Arrival& arrival) = 0;
  virtual Result<std::vector<VerdictRecord>> Verdicts(const VerdictFilter& filter) = 0;
  // Metrics of `table` named `name` with batch end in [from, to), in baseline or not, oldest first.
  virtual Result<std::vector<MetricRecord>> Metrics(const std::string& table,
                                                    const std::string& name, EventTime from,
                                                    EventTime to) = 0;
  // Sums over all commits that published, by (source, table, state). What a halted commit counted
  // is left out: the commit that overrides or discards it brings its own counts. Cost: O(sums).
  virtual Result<std::vector<RecordStateCount>> RecordStates() = 0;
  virtual Result<std::optional<PredictionRecord>> FindPrediction(const std::string& id) = 0;
  virtual Result<std::vector<PredictionRecord>> Predictions(
      std::int64_t limit) = 0;  // newest first
};
}  // namespace weirhouse::catalog

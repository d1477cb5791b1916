// The part of the catalog that records what arrived and how it was judged: objects, landed files,
// parse attempts, verdicts, metrics, record states, predictions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/record.h"

namespace weirhouse::catalog {

// Identifies an arrived object before it has an id.
struct Arrival {
  std::string source;
  std::string name;
  Digest digest;
};

struct ObjectFilter {
  std::optional<std::string> source = std::nullopt;
  std::optional<std::string> batch = std::nullopt;
  std::optional<CommitSeq> seq = std::nullopt;  // committed by this commit
  std::optional<ObjectState> state = std::nullopt;
  // Quarantined whole on arrival, or after this many parse attempts. Cost: O(matches).
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
  // The number of objects that arrived and of their records. Cost: O(1).
  virtual Result<ObjectTotals> CountObjects() = 0;
  // The number of records in objects committed after `after`.
  virtual Result<std::int64_t> RecordsSince(CommitSeq after) = 0;
  virtual Result<std::optional<ObjectRecord>> FindObject(ObjectId id) = 0;
  // The object that contains `record`.
  virtual Result<std::optional<ObjectRecord>> ObjectOfRecord(RecordId record) = 0;
  // An arrival with the same identity (source, name, digest), if there was one.
  virtual Result<std::optional<ObjectRecord>> FindArrival(const std::string& source,
                                                          const std::string& name,
                                                          const Digest& digest) = 0;
  virtual Result<std::optional<LandingRecord>> FindLanding(const std::string& path) = 0;
  // The landing records of `paths`, in no particular order; unknown paths are left out. Cost:
  // O(paths).
  virtual Result<std::vector<LandingRecord>> FindLandings(
      const std::vector<std::string>& paths) = 0;
  virtual Result<std::vector<LandingRecord>> Landings(const std::string& source) = 0;
  // Durably counts one more parse attempt that ended the process, and returns the new count.
  virtual Result<int> CountParseAttempt(const std::string& source, const std::string& name,
                                        const Digest& digest) = 0;
  // As CountParseAttempt for several objects in one transaction (one fsync); counts in the order of
  // `arrivals`.
  virtual Result<std::vector<int>> CountParseAttempts(const std::vector<Arrival>& arrivals) = 0;
  // The number of counted attempts.
  virtual Result<int> ParseAttempts(const Arrival& arrival) = 0;
  // Resets the count after an object was parsed to its end.
  virtual Status ForgetParseAttempts(const Arrival& arrival) = 0;
  virtual Result<std::vector<VerdictRecord>> Verdicts(const VerdictFilter& filter) = 0;
  // Metrics of `table` named `name` with batch end in [from, to), in baseline or not, oldest first.
  virtual Result<std::vector<MetricRecord>> Metrics(const std::string& table,
                                                    const std::string& name, EventTime from,
                                                    EventTime to) = 0;
  // Sums over all published commits, by (source, table, state). Counts of a halted commit are
  // excluded: the commit that overrides or discards it has its own. Cost: O(sums).
  virtual Result<std::vector<RecordStateCount>> RecordStates() = 0;
  virtual Result<std::optional<PredictionRecord>> FindPrediction(const std::string& id) = 0;
  virtual Result<std::vector<PredictionRecord>> Predictions(
      std::int64_t limit) = 0;  // newest first
};
}  // namespace weirhouse::catalog

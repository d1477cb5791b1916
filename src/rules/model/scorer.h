// Scores rows with a deployed model: one supervised child per model, running the project's
// score.py.
//
// Models are opaque here: only the child loads and evaluates their bytes; it receives and returns
// Arrow. The two exchange one frame each way per request over a socket pair:
//   u32 header bytes | u64 body bytes | header: JSON | body: an Arrow IPC stream (little-endian)
// Headers: {"kind": "predict", "id": n} from us; {"kind": "ready"}, {"kind": "result", "id": n} and
// {"kind": "error", "id": n, "type": …, "message": …, "trace": […]} from the child.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ground/base/random.h"
#include "ground/base/status.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::model {

struct ScorerOptions {
  std::string model;                // "late#1", for messages
  std::string python;               // as ResolvePython's `choice`
  std::string project_folder;       // the child's working directory
  std::string script;               // "score.py", inside the project folder
  std::string artifacts_folder;     // the argument of load(path)
  std::vector<std::string> output;  // columns that predict() must return; empty = any
  std::map<std::string, std::string> environment;  // variables in addition to ChildEnvironment's
  std::string log_path;                            // the child's output is appended to it

  std::chrono::milliseconds predict_timeout{2'000};  // callers give up after about that time
  std::chrono::milliseconds load_timeout{60'000};    // a cold disk: scikit-learn imports in seconds
  std::chrono::milliseconds queue_wait_max{10'000};  // then a waiting request is refused
  std::chrono::milliseconds backoff_first{200};      // before a restart; doubles, with full jitter
  std::chrono::milliseconds backoff_max{60'000};
  std::int64_t rss_bytes_max = std::int64_t{2} << 30;  // the child is restarted above it
  std::size_t queue_max = 64;       // waiting requests: about as many as fit into the timeout
  std::int64_t rows_max = 100'000;  // of one request
};

struct ScorerHealth {
  enum class State : std::uint8_t {
    kIdle,        // not started yet: the first request, or Warm, starts it
    kLoading,     // the child runs load()
    kReady,       // the child answers requests
    kBackingOff,  // it died or could not load; the next request starts it again
    kStopped,
  };
  State state = State::kIdle;
  int pid = 0;              // 0 = none
  std::int64_t starts = 0;  // of child processes, including the first
  std::int64_t answered = 0;
  std::int64_t failed = 0;     // requests that got an error of any kind
  std::int64_t rss_bytes = 0;  // at the last check
  std::size_t waiting = 0;
  std::string last_error;  // empty = none since the last answer
};

// Owns the child and one thread, which starts it, talks to it and watches it.
// Threads: every method from any thread. Cost: one request at a time, in order of arrival.
class Scorer {
 public:
  // Checks that script, artifacts and interpreter exist; does not start the child yet.
  static Result<std::unique_ptr<Scorer>> Create(ScorerOptions options);
  // Kills the child; requests that wait get kUnavailable.
  ~Scorer();
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;

  // Returns one row for each row of `features` (feature columns in training order), in the same
  // order. Blocks.
  //   kInvalidInput  score.py could not be loaded (WH5010), predict raised (WH5011) or returned
  //   other
  //                  rows or columns than declared (WH5015); in the latter two cases the child
  //                  lives on
  //   kUnavailable   no answer in time (WH5012: the child was killed), the child died or waits to
  //                  be restarted (WH5013), too many requests wait or one waited too long (WH5014),
  //                  too much memory (WH5016): retrying may help
  Result<std::shared_ptr<arrow::Table>> Score(const arrow::Table& features);

  // Starts the child and loads the model ahead of the first request. Blocks until it is ready.
  Status Warm();

  ScorerHealth health() const;

 private:
  struct Impl;
  explicit Scorer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};
}  // namespace weirhouse::model

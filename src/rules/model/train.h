// Trains a model by running the user's own command as a capped child.
//
// The job folder is the whole interface between the two sides:
//   job.json          model, params, where the training set lies and what its columns mean
//   model/            files that the command leaves here are the model's artifacts
//   metrics.json      written by the command's side (weirhouse.current_job) at its exit
//   environment.json  python, packages, variables and scripts, written there too
//   interpreter.json  what its Python is, and has installed, asked before it runs
//   opened            what its processes opened (preload/opened_files.cc)
//   train.log         what the command printed
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "ground/platform/io/object_store.h"
#include "ground/platform/process/child.h"
#include "rules/model/definition.h"

namespace weirhouse::model {

// The interpreter for every "python" in a project, as an absolute path: `choice` if given, else
// WEIRHOUSE_PYTHON, else python3.
//   kInvalidInput  there is no such program (WH5007)
Result<std::string> ResolvePython(const std::string& choice = "");

struct TrainingSetFile {
  std::string id;                     // "late_v1#1"
  std::string path;                   // one Parquet file; its row order is the training order
  std::string split_column;           // holds train, valid or test; empty = one split, "train"
  std::vector<std::string> features;  // in training order
  std::string label;
  Digest digest;  // of the content, as the training set records it
};

struct TrainingJob {
  ModelDefinition definition;
  std::string project_folder;  // the command's working directory
  TrainingSetFile training_set;
  nlohmann::json parameters;  // an object; null = those of the definition
  std::string output_folder;  // the job folder; absent, empty, or one left by an earlier attempt
  std::string python;         // as ResolvePython's `choice`
  std::map<std::string, std::string> environment;  // variables in addition to ChildEnvironment's
  std::chrono::milliseconds timeout = std::chrono::hours(6);  // a night's training; 0 = none
  std::int64_t rss_bytes_max = 0;                             // 0 = not watched
  std::function<void(std::string_view line)>
      on_line;                         // called with each line that the command prints
  std::set<std::string> code;          // files of the project that are its code, relative
  std::vector<std::string> inputs;     // inputs that the model declares
  int processors_max = 0;              // 0 = all available
  std::function<bool()> told_to_stop;  // polled; true kills the command
};

struct Artifact {
  std::string name;  // path below model/, "/" between steps
  Digest digest;
  std::int64_t size_bytes = 0;
};

struct TrainingOutcome {
  std::map<std::string, double> metrics;
  std::vector<Artifact> artifacts;  // sorted by name
  Digest model_digest;              // see ModelDigest
  // {"interpreter", "python", "packages": {name: version}, "variables": {…}, "scripts": {path:
  // sha256}, "processors", "folder", and what Undeclared gives}
  nlohmann::json environment;
  std::map<std::string, std::string> inputs;  // declared path → digest, before and after the run
  platform::ChildExit exit;
};

// Runs the command and judges its results. The artifacts are durable when it returns OK.
//   kInvalidInput  the command failed (WH5002), ran too long (WH5003), left no artifacts or
//   unusable
//                  ones (WH5004) or unreadable metrics (WH5006), or could not be started (WH5007);
//                  a
//                  declared input does not exist (WH5028)
//   kConflict      a declared input changed meanwhile (WH5026)
//   kGateFailed    a metric is outside its bounds, or was not reported (WH5005); the job folder is
//                  kept
//   kUnavailable   the disk is full, or no process can be started
Result<TrainingOutcome> RunTraining(platform::ObjectStore& store, const TrainingJob& job);

// OK, or kGateFailed (WH5005) with every bound that is violated. A metric that is missing or not a
// finite number violates its bound.
Status JudgeMetrics(const std::string& model, const std::vector<MetricBound>& bounds,
                    const std::map<std::string, double>& metrics);

// Reads metrics.json of a job folder, also after a kGateFailed. Values that are not finite are left
// out.
Result<std::map<std::string, double>> ReadMetrics(platform::ObjectStore& store,
                                                  const std::string& job_folder);

// Every file below `folder`, hashed, sorted by name. Refuses links and special files (WH5004).
Result<std::vector<Artifact>> ListArtifacts(const std::string& folder);

// SHA-256 over (name, digest) of each artifact, sorted by name: equal folders, equal digest.
Digest ModelDigest(const std::vector<Artifact>& artifacts);
}  // namespace weirhouse::model

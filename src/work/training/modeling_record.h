// What lineage keeps about training sets, models and deployments: their nodes' records, which hold
// everything that is needed to build them again.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "ground/catalog/lineage_store.h"
#include "rules/model/train.h"

namespace weirhouse::work {

// A table as it was when it was read.
struct InputSnapshot {
  SnapshotId snapshot;
  CommitSeq seq;  // the commit that made it visible
};

// Node training_set "late_v1#1".
struct TrainingSetRecord {
  std::string name;     // "late_v1"
  std::string table;    // "training_set.late_v1"
  SnapshotId snapshot;  // of that table; tagged, so never expired
  Digest definition;    // TrainingSetDefinition::digest
  Digest spine;         // content digest of the spine's rows
  Digest content;       // of all columns, rows sorted
  std::int64_t rows = 0;
  std::vector<std::string> columns;   // all, in order
  std::vector<std::string> features;  // those columns that are features, in training order
  std::string label;
  std::string time;
  std::string known;                            // the column with k, or empty: k = t
  bool as_of_latest = false;                    // k = infinity
  std::string split_column;                     // or empty
  std::map<std::string, std::string> views;     // "carrier_delay@1" → digest
  std::map<std::string, InputSnapshot> inputs;  // table → snapshot, pinned by `tag`
  std::map<std::string, std::string> seeds;     // seeds that the spine reads → digest
  std::string tag;                              // the ref on every input table and on `table`
  std::string code;                             // key of the code node
  std::int64_t naive_rows = 0;
  std::int64_t naive_values = 0;
};
nlohmann::json ToJson(const TrainingSetRecord& record);
Result<TrainingSetRecord> TrainingSetFromJson(const nlohmann::json& json);

// Node model "late#1".
struct ModelRecord {
  std::string name;
  Digest digest;       // model::ModelDigest of the artifacts
  std::string folder;  // absolute, of the stored artifacts
  std::vector<model::Artifact> artifacts;
  std::map<std::string, double> metrics;
  nlohmann::json parameters;                  // as handed to the command
  nlohmann::json environment;                 // see model::TrainingOutcome
  std::map<std::string, std::string> inputs;  // declared path → digest
  std::vector<std::string> command;           // argument vector
  std::string training_set;                   // "late_v1#1"
  Digest training_set_content;
  std::vector<std::string> features;  // in training order
  std::string label;
  std::map<std::string, std::string> views;  // as in the training set
  std::string code;                          // key of the code node
};
nlohmann::json ToJson(const ModelRecord& record);
Result<ModelRecord> ModelFromJson(const nlohmann::json& json);

// Node deployment "late#1@d1": everything that serving needs, so that later edits of the project's
// files change nothing.
struct DeploymentRecord {
  std::string model;                 // "late#1"
  Digest digest;                     // of its artifacts
  std::string folder;                // of its artifacts
  std::string code;                  // key of the code node that holds the script
  std::string script;                // "score.py"
  std::vector<std::string> request;  // fields that a caller sends
  std::vector<std::string> output;   // columns that predict() returns
  std::vector<std::string> features;
  std::map<std::string, std::string> views;
};
nlohmann::json ToJson(const DeploymentRecord& record);
Result<DeploymentRecord> DeploymentFromJson(const nlohmann::json& json);

// "late#1" → ("late", 1). kInvalidInput (WH5020) if the text is not such an id.
struct NumberedId {
  std::string name;
  std::int64_t number = 0;
};
Result<NumberedId> ParseNumberedId(std::string_view text);

// The nodes `name`#1, #2, … of a kind, and the next number.
Result<std::vector<catalog::Node>> NumberedNodes(catalog::LineageStore& catalog,
                                                 catalog::NodeKind kind, const std::string& name);
Result<std::int64_t> NextNumber(catalog::LineageStore& catalog, catalog::NodeKind kind,
                                const std::string& name);
// The node `id`; for a bare name the one with the greatest number. kNotFound (WH5020), with `hint`
// if there is none of that name.
Result<catalog::Node> FindNumbered(catalog::LineageStore& catalog, catalog::NodeKind kind,
                                   const std::string& id, const std::string& hint);
// The nodes of `kind` that `run` wrote.
Result<std::vector<catalog::Node>> WrittenBy(catalog::LineageStore& catalog, RunId run,
                                             catalog::NodeKind kind);
// Files that a training run read without declaring them, according to its environment, a line each:
// "…/in.txt was read and is not among `inputs`". Empty for models trained before this was recorded.
std::vector<std::string> UnseenInputs(const nlohmann::json& environment);
// Where the artifacts of a model are kept.
std::string ArtifactsFolder(const std::string& lake, const std::string& name, const Digest& digest);
}  // namespace weirhouse::work

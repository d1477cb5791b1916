// Models, training sets and deployments in a trace.
#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"
#include "rules/model/inputs.h"
#include "work/lineage/trace_walk.h"

namespace weirhouse::work {
namespace {
using lineage::TraceNode;
using nlohmann::json;

std::string PhraseOfMetrics(const std::map<std::string, double>& metrics) {
  std::string phrase;
  for (const auto& [name, value] : metrics)
    phrase += fmt::format("{}{} {:.4g}", phrase.empty() ? "" : ", ", name, value);
  return phrase;
}

// Adds what the training read beside its set: declared inputs, hashed again, and undeclared ones.
void AddInputs(const std::string& root, const ModelRecord& record, TraceNode& trained) {
  for (const auto& [path, digest] : record.inputs) {
    TraceNode node;
    node.kind = "input";
    node.key = path;
    node.title = fmt::format("input {}, sha256 {}", path, lineage::ShortDigest(digest));
    node.detail = {{"sha256", digest}};
    const auto now = model::DigestInputs({path}, root);
    if (!now.ok()) {
      node.title += ", no longer there";
      node.detail["now"] = now.status().message();
    } else if (now->at(path) != digest) {
      node.title += ", changed since";
      node.detail["now"] = now->at(path);
    }
    trained.parents.push_back(std::move(node));
  }
  for (const std::string& line : UnseenInputs(record.environment)) {
    TraceNode node;
    node.kind = "undeclared";
    node.key = line;
    node.title = "undeclared: " + line;
    trained.parents.push_back(std::move(node));
  }
}
}  // namespace

Result<TraceNode> Tracer::Model(const std::string& id) {
  WEIRHOUSE_TRY(
      const catalog::Node stored,
      FindNumbered(workspace_.catalog(), catalog::NodeKind::kModel, id, "`wh model list`"));
  WEIRHOUSE_TRY(const ModelRecord record, ModelFromJson(stored.node.record));
  TraceNode node;
  node.kind = "model";
  node.key = stored.node.key;
  node.title =
      fmt::format("model {}, {}, {}, digest {}", node.key, PhraseOfMetrics(record.metrics),
                  PhraseOfCells(record.parameters), lineage::ShortDigest(record.digest.ToHex()));
  node.detail = stored.node.record;
  for (const model::Artifact& artifact : record.artifacts) {
    node.parents.push_back(lineage::CheckedFile(workspace_.store(), "artifact", artifact.name,
                                                record.folder + "/" + artifact.name,
                                                artifact.digest));
  }
  WEIRHOUSE_TRY(const auto writer, WriterOf({catalog::NodeKind::kModel, node.key}));
  TraceNode trained;
  trained.kind = "run";
  trained.key = writer ? ToString(*writer) : "";
  const std::string python = record.environment.is_object()
                                 ? record.environment.value("python", std::string())
                                 : std::string();
  trained.title = fmt::format("trained by {}: {}{}", trained.key, Join(record.command, " "),
                              python.empty() ? "" : ", python " + python);
  trained.detail = {{"command", record.command},
                    {"parameters", record.parameters},
                    {"environment", record.environment}};
  WEIRHOUSE_TRY(TraceNode code, Code(record.code, record.command));
  trained.parents.push_back(std::move(code));
  WEIRHOUSE_TRY(TraceNode set, TrainingSet(record.training_set));
  trained.parents.push_back(std::move(set));
  AddInputs(workspace_.project().root, record, trained);
  node.parents.push_back(std::move(trained));
  return node;
}

Result<TraceNode> Tracer::TrainingSet(const std::string& id) {
  WEIRHOUSE_TRY(const catalog::Node stored,
                FindNumbered(workspace_.catalog(), catalog::NodeKind::kTrainingSet, id,
                             "`wh train-set list`"));
  WEIRHOUSE_TRY(const TrainingSetRecord record, TrainingSetFromJson(stored.node.record));
  TraceNode node;
  node.kind = "training_set";
  node.key = stored.node.key;
  node.title = fmt::format("training set {}, {} rows × {} features, content {}, as of commit {}",
                           node.key, WithThousands(record.rows), record.features.size(),
                           lineage::ShortDigest(record.content.ToHex()), stored.seq.value());
  if (record.naive_rows > 0)
    node.title += fmt::format(", {} rows derived again naively", WithThousands(record.naive_rows));
  node.detail = stored.node.record;
  // Lists the tables that gates judge before those made from them.
  for (const bool judged : {true, false}) {
    for (const auto& [table, input] : record.inputs) {
      if (table.starts_with("processed.") != judged) continue;
      WEIRHOUSE_TRY(TraceNode snapshot, InputSnapshotNode(table, input.seq));
      node.parents.push_back(std::move(snapshot));
    }
  }
  for (const auto& [seed, digest] : record.seeds) {
    TraceNode one;
    one.kind = "seed";
    one.key = seed;
    one.title = fmt::format("seed {}, sha256 {}", seed, lineage::ShortDigest(digest));
    node.parents.push_back(std::move(one));
  }
  return node;
}

Result<TraceNode> Tracer::Deployment(const std::string& key) {
  WEIRHOUSE_TRY(const auto stored,
                workspace_.catalog().FindNode({catalog::NodeKind::kDeployment, key}));
  if (!stored) {
    return Status(Code::kNotFound, fmt::format("no such deployment: \"{}\"", EscapeControl(key)))
        .WithError("WH6001");
  }
  WEIRHOUSE_TRY(const DeploymentRecord record, DeploymentFromJson(stored->node.record));
  TraceNode node;
  node.kind = "deployment";
  node.key = key;
  node.title = fmt::format("deployment {} of {}, commit {}, {} of code {}", key, record.model,
                           stored->seq.value(), record.script, record.code);
  node.detail = stored->node.record;
  WEIRHOUSE_TRY(TraceNode model, Model(record.model));
  node.parents.push_back(std::move(model));
  return node;
}

// Remembers the deployment that scored a prediction, as lineage names it.
Status Tracer::LearnDeployment(const catalog::PredictionRecord& prediction) {
  catalog::WalkFilter deployments;
  deployments.node_kinds = {catalog::NodeKind::kDeployment};
  WEIRHOUSE_TRY(const catalog::LineageWalk walk,
                workspace_.catalog().Walk({catalog::NodeKind::kPrediction, prediction.id},
                                          catalog::WalkDirection::kBack, 1, deployments));
  for (const catalog::WalkedNode& one : walk.nodes) {
    if (one.depth != 1) continue;
    WEIRHOUSE_TRY(const DeploymentRecord record, DeploymentFromJson(one.node.node.record));
    deployment_ = one.node.node.key;
    served_code_ = record.code;
    served_views_ = record.views;
  }
  return Status();
}

Result<TraceNode> Tracer::ScoredBy(const catalog::PredictionRecord& prediction) {
  return deployment_.empty() ? Model(prediction.model) : Deployment(deployment_);
}
}  // namespace weirhouse::work

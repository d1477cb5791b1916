#include "work/training/modeling_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "ground/base/text.h"
#include "ground/catalog/lineage.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

Result<Digest> DigestOf(const json& stored, const char* key) {
  Digest digest;
  if (ParseDigest(stored.at(key).get<std::string>(), &digest)) return digest;
  return Status(Code::kCorruption, fmt::format("not a digest under \"{}\"", key));
}

Status UnreadableRecord(std::string_view what, const json& stored, std::string_view why) {
  std::string name;
  for (const char* key : {"name", "model"}) {
    const auto found = stored.is_object() ? stored.find(key) : stored.end();
    if (name.empty() && found != stored.end() && found->is_string())
      name = fmt::format(" of \"{}\"", EscapeControl(found->get_ref<const std::string&>()));
  }
  return Status(Code::kCorruption,
                fmt::format("the catalog's record of a {}{} cannot be read: {}", what, name, why))
      .WithError("WH5025")
      .WithHint("`wh verify` checks the catalog; restore it from a copy");
}

// Runs `read`, turning what it finds and what a JSON accessor throws into a Status.
template <typename Read>
auto Guarded(std::string_view what, const json& stored, Read read) -> decltype(read()) {
  try {
    auto record = read();
    if (!record.ok()) return UnreadableRecord(what, stored, record.status().message());
    return record;
  } catch (const json::exception& error) {
    return UnreadableRecord(what, stored, error.what());
  }
}
}  // namespace

json ToJson(const TrainingSetRecord& record) {
  json inputs = json::object();
  for (const auto& [table, input] : record.inputs) {
    inputs[table] = {{"snapshot", input.snapshot.value()}, {"seq", input.seq.value()}};
  }
  return {{"name", record.name},
          {"table", record.table},
          {"snapshot", record.snapshot.value()},
          {"definition", record.definition.ToHex()},
          {"spine", record.spine.ToHex()},
          {"content", record.content.ToHex()},
          {"rows", record.rows},
          {"columns", record.columns},
          {"features", record.features},
          {"label", record.label},
          {"time", record.time},
          {"known", record.known},
          {"as_of_latest", record.as_of_latest},
          {"split_column", record.split_column},
          {"views", record.views},
          {"inputs", std::move(inputs)},
          {"seeds", record.seeds},
          {"tag", record.tag},
          {"code", record.code},
          {"naive", {{"rows", record.naive_rows}, {"values", record.naive_values}}}};
}

Result<TrainingSetRecord> TrainingSetFromJson(const json& stored) {
  return Guarded("training set", stored, [&]() -> Result<TrainingSetRecord> {
    TrainingSetRecord record;
    record.name = stored.at("name");
    record.table = stored.at("table");
    record.snapshot = SnapshotId(stored.at("snapshot").get<std::int64_t>());
    WEIRHOUSE_TRY(record.definition, DigestOf(stored, "definition"));
    WEIRHOUSE_TRY(record.spine, DigestOf(stored, "spine"));
    WEIRHOUSE_TRY(record.content, DigestOf(stored, "content"));
    record.rows = stored.at("rows");
    record.columns = stored.at("columns").get<std::vector<std::string>>();
    record.features = stored.at("features").get<std::vector<std::string>>();
    record.label = stored.at("label");
    record.time = stored.at("time");
    record.known = stored.at("known");
    record.as_of_latest = stored.at("as_of_latest");
    record.split_column = stored.at("split_column");
    record.views = stored.at("views").get<std::map<std::string, std::string>>();
    for (const auto& [table, input] : stored.at("inputs").items()) {
      record.inputs[table] = {SnapshotId(input.at("snapshot").get<std::int64_t>()),
                              CommitSeq(input.at("seq").get<std::int64_t>())};
    }
    record.seeds = stored.at("seeds").get<std::map<std::string, std::string>>();
    record.tag = stored.at("tag");
    record.code = stored.at("code");
    record.naive_rows = stored.at("naive").at("rows");
    record.naive_values = stored.at("naive").at("values");
    return record;
  });
}

json ToJson(const ModelRecord& record) {
  json artifacts = json::array();
  for (const model::Artifact& artifact : record.artifacts) {
    artifacts.push_back({{"name", artifact.name},
                         {"sha256", artifact.digest.ToHex()},
                         {"size", artifact.size_bytes}});
  }
  return {{"name", record.name},
          {"digest", record.digest.ToHex()},
          {"folder", record.folder},
          {"artifacts", std::move(artifacts)},
          {"metrics", record.metrics},
          {"parameters", record.parameters},
          {"environment", record.environment},
          {"inputs", record.inputs},
          {"command", record.command},
          {"training_set", record.training_set},
          {"training_set_content", record.training_set_content.ToHex()},
          {"features", record.features},
          {"label", record.label},
          {"views", record.views},
          {"code", record.code}};
}

Result<ModelRecord> ModelFromJson(const json& stored) {
  return Guarded("model", stored, [&]() -> Result<ModelRecord> {
    ModelRecord record;
    record.name = stored.at("name");
    WEIRHOUSE_TRY(record.digest, DigestOf(stored, "digest"));
    record.folder = stored.at("folder");
    for (const json& artifact : stored.at("artifacts")) {
      model::Artifact one;
      one.name = artifact.at("name");
      WEIRHOUSE_TRY(one.digest, DigestOf(artifact, "sha256"));
      one.size_bytes = artifact.at("size");
      record.artifacts.push_back(std::move(one));
    }
    record.metrics = stored.at("metrics").get<std::map<std::string, double>>();
    record.parameters = stored.at("parameters");
    record.environment = stored.at("environment");
    // Models that were trained before inputs could be declared have none.
    if (stored.contains("inputs"))
      record.inputs = stored.at("inputs").get<std::map<std::string, std::string>>();
    record.command = stored.at("command").get<std::vector<std::string>>();
    record.training_set = stored.at("training_set");
    WEIRHOUSE_TRY(record.training_set_content, DigestOf(stored, "training_set_content"));
    record.features = stored.at("features").get<std::vector<std::string>>();
    record.label = stored.at("label");
    record.views = stored.at("views").get<std::map<std::string, std::string>>();
    record.code = stored.at("code");
    return record;
  });
}

json ToJson(const DeploymentRecord& record) {
  return {{"model", record.model},   {"digest", record.digest.ToHex()}, {"folder", record.folder},
          {"code", record.code},     {"script", record.script},         {"request", record.request},
          {"output", record.output}, {"features", record.features},     {"views", record.views}};
}

Result<DeploymentRecord> DeploymentFromJson(const json& stored) {
  return Guarded("deployment", stored, [&]() -> Result<DeploymentRecord> {
    DeploymentRecord record;
    record.model = stored.at("model");
    WEIRHOUSE_TRY(record.digest, DigestOf(stored, "digest"));
    record.folder = stored.at("folder");
    record.code = stored.at("code");
    record.script = stored.at("script");
    record.request = stored.at("request").get<std::vector<std::string>>();
    record.output = stored.at("output").get<std::vector<std::string>>();
    record.features = stored.at("features").get<std::vector<std::string>>();
    record.views = stored.at("views").get<std::map<std::string, std::string>>();
    return record;
  });
}

Result<NumberedId> ParseNumberedId(std::string_view text) {
  const auto hash = text.find('#');
  NumberedId id;
  if (hash != std::string_view::npos && hash > 0) {
    id.name = std::string(text.substr(0, hash));
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data() + hash + 1, end, id.number);
    if (error == std::errc() && stopped == end && id.number > 0) return id;
  }
  return Status(Code::kInvalidInput,
                fmt::format("not an id of the form NAME#NUMBER: \"{}\"", EscapeControl(text)))
      .WithError("WH5020")
      .WithHint("for example late#1");
}

Result<std::vector<catalog::Node>> NumberedNodes(catalog::LineageStore& catalog,
                                                 catalog::NodeKind kind, const std::string& name) {
  WEIRHOUSE_TRY(std::vector<catalog::Node> nodes, catalog.Nodes(kind));
  std::erase_if(nodes, [&](const catalog::Node& node) {
    const auto id = ParseNumberedId(node.node.key);
    return !id.ok() || id->name != name;
  });
  std::sort(nodes.begin(), nodes.end(), [](const catalog::Node& a, const catalog::Node& b) {
    return ParseNumberedId(a.node.key)->number < ParseNumberedId(b.node.key)->number;
  });
  return nodes;
}

Result<std::int64_t> NextNumber(catalog::LineageStore& catalog, catalog::NodeKind kind,
                                const std::string& name) {
  WEIRHOUSE_TRY(const std::vector<catalog::Node> nodes, NumberedNodes(catalog, kind, name));
  return nodes.empty() ? 1 : ParseNumberedId(nodes.back().node.key)->number + 1;
}

Result<catalog::Node> FindNumbered(catalog::LineageStore& catalog, catalog::NodeKind kind,
                                   const std::string& id, const std::string& hint) {
  if (id.find('#') != std::string::npos) {
    WEIRHOUSE_TRY_STATUS(ParseNumberedId(id).status());
    WEIRHOUSE_TRY(const std::optional<catalog::Node> node, catalog.FindNode({kind, id}));
    if (node) return *node;
  } else {
    WEIRHOUSE_TRY(std::vector<catalog::Node> nodes, NumberedNodes(catalog, kind, id));
    if (!nodes.empty()) return std::move(nodes.back());
  }
  WEIRHOUSE_TRY(const std::vector<catalog::Node> all, catalog.Nodes(kind));
  std::vector<std::string> known;
  for (const catalog::Node& node : all) known.push_back(node.node.key);
  std::string suggestion = DidYouMean(id, known);
  const std::string_view what =
      kind == catalog::NodeKind::kTrainingSet ? "training set" : catalog::Name(kind);
  return Status(Code::kNotFound, fmt::format("no such {}: \"{}\"", what, EscapeControl(id)))
      .WithError("WH5020")
      .WithHint(suggestion.empty() ? hint : suggestion);
}

Result<std::vector<catalog::Node>> WrittenBy(catalog::LineageStore& catalog, RunId run,
                                             catalog::NodeKind kind) {
  catalog::WalkFilter written;
  written.edge_kinds = {catalog::EdgeKind::kWrote};
  written.node_kinds = {kind};
  WEIRHOUSE_TRY(catalog::LineageWalk walk,
                catalog.Walk(catalog::RunNode(run), catalog::WalkDirection::kForth, 1, written));
  std::vector<catalog::Node> nodes;
  for (catalog::WalkedNode& one : walk.nodes) {
    if (one.depth == 1) nodes.push_back(std::move(one.node));
  }
  return nodes;
}

std::vector<std::string> UnseenInputs(const json& environment) {
  std::vector<std::string> lines;
  if (!environment.is_object() || !environment.contains("watched")) return lines;
  if (const auto files = environment.find("undeclared"); files != environment.end()) {
    for (const auto& [path, digest] : files->items())
      lines.push_back(fmt::format("{} was read and is not among `inputs` of the model", path));
  }
  if (const auto places = environment.find("network"); places != environment.end()) {
    for (const json& place : *places) {
      if (place.is_string())
        lines.push_back(fmt::format("the network was used: {}", place.get<std::string>()));
    }
  }
  if (!environment["watched"].get<bool>())
    lines.emplace_back("it could not be told which files the command read");
  return lines;
}

std::string ArtifactsFolder(const std::string& lake, const std::string& name,
                            const Digest& digest) {
  return fmt::format("{}/model/{}/{}", lake, name, digest.ToHex());
}
}  // namespace weirhouse::work

#include "work/answers/project/name_answer.h"

#include <optional>

#include "ground/catalog/catalog.h"
#include "ground/catalog/kind.h"
#include "work/answers/sql/query_tables.h"

namespace weirhouse::answers {

std::optional<std::vector<std::string>> DefinedNames(const work::ProjectDefinition& project,
                                                     std::string_view kind) {
  std::vector<std::string> names;
  if (kind == "contract") {
    for (const auto& [id, contract] : project.contracts) names.push_back(id);
  } else if (kind == "gate") {
    for (const gate::GateDefinition& gate : project.gates) names.push_back(gate.name);
  } else if (kind == "source") {
    for (const work::Source& source : project.sources) names.push_back(source.name);
  } else if (kind == "view") {
    for (const feature::FeatureView& view : project.views) names.push_back(view.id());
  } else {
    return std::nullopt;
  }
  return names;
}

Result<std::optional<std::vector<std::string>>> RecordedNames(work::Workspace& workspace,
                                                              std::string_view kind) {
  std::optional<std::vector<std::string>> names(std::in_place);
  const work::ProjectDefinition& project = workspace.project();
  if (kind == "table") {
    WEIRHOUSE_TRY(names, QueryTableNames(workspace));
  } else if (kind == "run") {
    WEIRHOUSE_TRY(const auto runs, workspace.catalog().Runs({}));
    for (const catalog::Run& run : runs) names->push_back(ToString(run.id));
  } else if (kind == "model" || kind == "training_set") {
    for (const model::ModelDefinition& one : project.models)
      if (kind == "model") names->push_back(one.name);
    for (const feature::TrainingSetDefinition& one : project.training_sets)
      if (kind == "training_set") names->push_back(one.name);
    WEIRHOUSE_TRY(const auto nodes,
                  workspace.catalog().Nodes(*catalog::KindNamed<catalog::NodeKind>(kind)));
    for (const catalog::Node& node : nodes) names->push_back(node.node.key);
  } else {
    names.reset();
  }
  return names;
}
}  // namespace weirhouse::answers

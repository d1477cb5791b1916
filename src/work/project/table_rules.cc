#include "work/project/table_rules.h"

#include <fmt/format.h>

#include <set>

#include "ground/base/name.h"
#include "ground/base/text.h"

namespace weirhouse::work {
namespace {
void SetGate(const ProjectDefinition& project, const std::string& table,
             policy::TableRules& rules) {
  for (const gate::GateDefinition& gate : project.gates) {
    if (gate.table != table) continue;
    rules.gated = true;
    rules.gate = gate.name;
    return;
  }
}

void SetProcessedMaker(const ProjectDefinition& project, const std::string& table,
                       policy::TableRules& rules) {
  const transform::CheckedTransform* transform = project.FindTransform(table);
  if (transform == nullptr && IsHistory(table)) {
    transform = project.FindTransform(WithoutHistory(table));
    if (transform != nullptr && transform->definition.history != transform::History::kKeep) return;
  }
  if (transform == nullptr) return;
  if (!transform->definition.is_external()) {
    rules.made_by = transform->definition.path;
  } else if (transform->definition.contract) {
    const auto contract = project.contracts.find(transform->definition.contract->name);
    if (contract != project.contracts.end()) rules.contract = contract->second.get();
  }
}

void SetFeatureMaker(const ProjectDefinition& project, const std::string& table,
                     policy::TableRules& rules) {
  // The table of a view that is no longer defined is kept, and nothing writes it.
  rules.made_by = "a feature view";
  for (const feature::FeatureView& view : project.views) {
    if (!view.is_request() && view.table_name() == table) rules.made_by = view.span.path;
  }
}
}  // namespace

const transform::CheckedTransform* FindExternal(const ProjectDefinition& project,
                                                std::string_view name) {
  const transform::CheckedTransform* transform = project.FindTransform(name);
  return transform != nullptr && transform->definition.is_external() ? transform : nullptr;
}

policy::TableRules RulesOf(const ProjectDefinition& project, const std::string& table) {
  policy::TableRules rules;
  rules.layer = policy::LayerOf(table);
  const TableNameView name(table);
  SetGate(project, table, rules);
  switch (rules.layer) {
    case policy::Layer::kRaw:
      if (const std::string own(name.own());
          !NamespaceView(name.name_space()).has_parent() && project.FindSource(own) != nullptr) {
        rules.made_by = fmt::format("the source \"{}\" of weirhouse.yaml", own);
      }
      break;
    case policy::Layer::kProcessed:
      SetProcessedMaker(project, table, rules);
      break;
    case policy::Layer::kFeature:
      SetFeatureMaker(project, table, rules);
      break;
    case policy::Layer::kSystem:
      rules.made_by = "weirhouse itself";
      break;
    case policy::Layer::kOpen:
      break;
  }
  return rules;
}

Status CheckMayExist(const ProjectDefinition& project, const std::string& name,
                     const policy::TableRules& rules) {
  if (!rules.made_by.empty()) {
    return Status(Code::kPermissionDenied,
                  fmt::format("table is made by {} and cannot be created by other engines: \"{}\"",
                              rules.made_by, name))
        .WithError("WH7075")
        .WithHint("choose another name, or another namespace");
  }
  if (rules.layer != policy::Layer::kProcessed || rules.contract != nullptr) return Status();
  const std::string_view own = TableNameView(name).own();
  return Status(Code::kPermissionDenied,
                fmt::format("nothing in the project declares the processed table \"{}\"", name))
      .WithError("WH7106")
      .WithHint(fmt::format(
          "write processed/{}.sql with the one line `-- wh: table {}; key …; mode external; "
          "contract …` and apply it to project \"{}\", or create the table in another namespace",
          own, name, project.name));
}

Status FitDeclaration(const ProjectDefinition& project, const policy::TableRules& rules,
                      iceberg::TableMetadata& metadata) {
  const transform::CheckedTransform* transform = FindExternal(project, metadata.name);
  if (transform == nullptr || rules.contract == nullptr) return Status();
  metadata.properties.emplace(kContractProperty, rules.contract->Title());
  std::set<int> key;
  bool required = true;
  for (const std::string& column : transform->definition.key_columns()) {
    const iceberg::Field* field = metadata.schema().Find(column);
    required = required && field != nullptr && field->required;
    if (field != nullptr) key.insert(field->id);
  }
  for (iceberg::Schema& schema : metadata.schemas) {
    if (schema.schema_id != metadata.current_schema_id || !required) continue;
    std::vector<int>& ids = schema.identifier_field_ids;
    if (ids.empty()) ids.assign(key.begin(), key.end());
    if (key == std::set<int>(ids.begin(), ids.end())) return Status();
  }
  return Status(Code::kPermissionDenied,
                fmt::format("table \"{}\" does not have the key that {} declares", metadata.name,
                            transform->definition.path))
      .WithError("WH7106")
      .WithHint(fmt::format("its required identifier fields are {}",
                            Join(transform->definition.key_columns(), ", ")));
}

Status CheckMayGo(const std::string& name, const policy::TableRules& rules, std::string_view verb) {
  if (rules.layer == policy::Layer::kRaw) {
    return Status(Code::kPermissionDenied,
                  fmt::format("raw keeps what arrived, so its tables cannot be {}: \"{}\"", verb,
                              name))
        .WithError("WH7072")
        .WithHint("leave the table as it is");
  }
  if (rules.made_by.empty()) return Status();
  return Status(Code::kPermissionDenied, fmt::format("table is made by {} and cannot be {}: \"{}\"",
                                                     rules.made_by, verb, name))
      .WithError("WH7075")
      .WithHint("remove its definition from the project first");
}
}  // namespace weirhouse::work

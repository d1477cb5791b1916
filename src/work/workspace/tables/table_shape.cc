#include "work/workspace/tables/table_shape.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"
#include "rules/feature/rows/rows.h"

namespace weirhouse::work {
namespace {
std::string TypeText(const iceberg::Field& field) {
  return NameOf(field.type) + (field.required ? " required" : "");
}

std::vector<std::string> NamesIn(const iceberg::Schema& schema, const iceberg::Schema& other) {
  std::vector<std::string> names;
  for (const iceberg::Field& field : schema.fields) {
    if (other.Find(field.name) != nullptr) names.push_back(field.name);
  }
  return names;
}

// The partitioning as text; "?" for a column that the table lacks.
std::vector<std::string> PartitionTexts(const iceberg::TableMetadata& table) {
  std::vector<std::string> texts;
  for (const iceberg::PartitionField& field : table.spec().fields) {
    const iceberg::Field* source = table.schema().FindById(field.source_id);
    texts.push_back(fmt::format("{}({})", field.transform, source ? source->name : "?"));
  }
  return texts;
}

Result<std::vector<std::string>> WantedPartitionTexts(const iceberg::Schema& schema,
                                                      const std::vector<std::string>& partition) {
  WEIRHOUSE_TRY(const iceberg::PartitionSpec spec, iceberg::ParsePartitioning(partition, schema));
  std::vector<std::string> texts;
  for (const iceberg::PartitionField& field : spec.fields) {
    texts.push_back(fmt::format("{}({})", field.transform, schema.FindById(field.source_id)->name));
  }
  return texts;
}
}  // namespace

Result<std::string> ShapeDifference(const iceberg::TableMetadata& table,
                                    const arrow::Schema& wanted,
                                    const std::vector<std::string>& partition) {
  const iceberg::Schema& now = table.schema();
  WEIRHOUSE_TRY(const iceberg::Schema then, iceberg::Schema::FromArrow(wanted));
  std::vector<std::string> changes;
  for (const iceberg::Field& field : then.fields) {
    const iceberg::Field* held = now.Find(field.name);
    if (held == nullptr) {
      changes.push_back(fmt::format("{} added", field.name));
    } else if (held->type != field.type || held->required != field.required) {
      changes.push_back(fmt::format("{} {} → {}", field.name, TypeText(*held), TypeText(field)));
    }
  }
  for (const iceberg::Field& field : now.fields) {
    if (field.name == iceberg::kCommitSeqColumn) continue;  // added by compaction to any table
    if (then.Find(field.name) == nullptr) changes.push_back(fmt::format("{} dropped", field.name));
  }
  if (NamesIn(now, then) != NamesIn(then, now)) changes.emplace_back("order of columns");
  WEIRHOUSE_TRY(const std::vector<std::string> wanted_parts, WantedPartitionTexts(then, partition));
  if (const auto held = PartitionTexts(table); held != wanted_parts) {
    const auto text = [](const std::vector<std::string>& parts) {
      return parts.empty() ? std::string("none") : Join(parts, ", ");
    };
    changes.push_back(fmt::format("partition {} → {}", text(held), text(wanted_parts)));
  }
  return Join(changes, ", ");
}

Result<std::map<std::string, std::string>> TablesToReshape(Workspace& workspace) {
  std::map<std::string, std::string> found;
  for (const transform::CheckedTransform& transform : workspace.project().transforms) {
    const transform::TransformDefinition& definition = transform.definition;
    if (definition.is_external()) continue;
    std::vector<std::string> names = {definition.name()};
    if (definition.history == transform::History::kKeep)
      names.push_back(definition.history_table());
    for (const std::string& name : names) {
      WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace.FindTable(name));
      if (!table) continue;
      WEIRHOUSE_TRY(
          const std::string difference,
          ShapeDifference(**table, *transform.output, definition.partition_expressions()));
      if (!difference.empty()) found.emplace(definition.name(), difference);
    }
  }
  return found;
}

Result<std::map<std::string, std::string>> ViewsToReshape(Workspace& workspace) {
  std::map<std::string, std::string> found;
  for (const feature::ViewPlan& plan : workspace.project().view_plans) {
    if (plan.view.is_request()) continue;
    WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table,
                  workspace.FindTable(plan.view.table_name()));
    if (!table) continue;
    WEIRHOUSE_TRY(const iceberg::Schema wanted,
                  iceberg::Schema::FromArrow(*feature::FeatureTableSchema(plan)));
    std::vector<std::string> changes;
    for (const iceberg::Field& field : wanted.fields) {
      const iceberg::Field* held = (*table)->schema().Find(field.name);
      if (held == nullptr) {
        changes.push_back(fmt::format("{} added", field.name));
      } else if (held->type != field.type) {
        changes.push_back(fmt::format("{} {} → {}", field.name, TypeText(*held), TypeText(field)));
      }
    }
    if (!changes.empty()) found.emplace(plan.view.id(), Join(changes, ", "));
  }
  return found;
}
}  // namespace weirhouse::work

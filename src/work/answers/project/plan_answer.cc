#include "work/answers/project/plan_answer.h"

#include <nlohmann/json.hpp>

#include "work/answers/status_answer.h"
#include "work/workspace/project_applied.h"

namespace weirhouse::answers {
using nlohmann::json;

Result<PlanAnswer> RehearsePlan(work::Workspace& workspace, work::Progress& progress) {
  PlanAnswer answer;
  WEIRHOUSE_TRY(answer.plan, work::MakePlan(workspace));
  WEIRHOUSE_TRY_STATUS(work::CheckPlan(workspace, answer.plan, progress, /*rehearses=*/true));
  return answer;
}

Result<PlanAnswer> PlanOfFiles(work::Workspace& served) {
  const work::ProjectDefinition& project = served.project();
  WEIRHOUSE_TRY(const work::ProjectFiles files,
                work::LoadProjectFiles(project.root, project.profile.name));
  WEIRHOUSE_TRY_STATUS(files.refused);
  WEIRHOUSE_TRY_STATUS(work::RequireSamePlace(project, *files.project));
  PlanAnswer answer;
  WEIRHOUSE_TRY(answer.plan, work::MakePlan(*served.With(files.project)));
  return answer;
}

std::string_view ActionName(work::PlanItem::Action action) {
  switch (action) {
    case work::PlanItem::Action::kAdd:
      return "add";
    case work::PlanItem::Action::kChange:
      return "change";
    case work::PlanItem::Action::kRemove:
      return "remove";
  }
  return "?";
}

json ToJson(const PlanAnswer& answer) {
  const work::Plan& plan = answer.plan;
  json items = json::array();
  for (const work::PlanItem& item : plan.items) {
    items.push_back({{"action", ActionName(item.action)},
                     {"kind", item.kind},
                     {"name", item.name},
                     {"detail", item.detail}});
  }
  return {{"plan", plan.digest},
          {"items", std::move(items)},
          {"notes", plan.notes},
          {"waiting_objects", plan.waiting_objects},
          {"waiting_batches", plan.waiting_batches},
          {"waiting_in_topics", plan.waiting_in_topics},
          {"waiting_views", plan.waiting_views},
          {"missing_folders", plan.missing_folders},
          {"behind_halted", ToJson(plan.behind_halt)}};
}
}  // namespace weirhouse::answers

#include "work/answers/access/staging_answer.h"

#include <nlohmann/json.hpp>

#include "ground/base/text.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

json ProblemOf(const work::StagingArea& area) {
  return area.problem.empty() ? json() : json(area.problem);
}

json AreaJson(const work::StagingArea& area) {
  json base = json::object();
  for (const auto& [table, snapshot] : area.base) base[table] = snapshot.value();
  return {{"run", ToString(area.run)},
          {"tables", area.tables},
          {"state", area.state},
          {"opened_by", area.opened_by},
          {"opened_at", FormatTime(area.opened_at)},
          {"staged_from", std::move(base)},
          {"problem", ProblemOf(area)}};
}
}  // namespace

Result<StagingAreasAnswer> ListStagingAreas(work::Workspace& workspace) {
  StagingAreasAnswer answer;
  WEIRHOUSE_TRY(answer.areas, work::StagingAreas(workspace));
  return answer;
}

json ToJson(const StagingAreasAnswer& answer) {
  json list = json::array();
  for (const work::StagingArea& area : answer.areas) {
    list.push_back({{"run", ToString(area.run)},
                    {"tables", Join(area.tables, ", ")},
                    {"state", area.state},
                    {"opened_by", area.opened_by},
                    {"opened_at", FormatTime(area.opened_at)},
                    {"problem", ProblemOf(area)}});
  }
  return {{"staging_areas", std::move(list)}};
}

Result<StagingAreaAnswer> ReadStagingArea(work::Workspace& workspace, RunId run) {
  StagingAreaAnswer answer;
  WEIRHOUSE_TRY(answer.area, work::FindStagingArea(workspace, run));
  for (const std::string& name : answer.area.tables) {
    WEIRHOUSE_TRY(const auto table, workspace.FindTable(name));
    if (!table) continue;
    std::optional<StagedTable>& staged = answer.staged[name];
    const iceberg::Snapshot* snapshot = (*table)->FindRef(work::StagingRefOf(run));
    if (snapshot == nullptr) continue;
    const auto rows = snapshot->summary.find("total-records");
    staged = {snapshot->id, rows == snapshot->summary.end() ? std::string("?") : rows->second};
  }
  return answer;
}

json ToJson(const StagingAreaAnswer& answer) {
  json document = AreaJson(answer.area);
  for (const auto& [table, staged] : answer.staged)
    if (staged) document["staged"][table] = staged->snapshot.value();
  return document;
}

json ToJson(const StagingOpenedAnswer& answer) {
  json document = AreaJson(answer.opened.area);
  document["uri"] = answer.uri;
  document["token"] = answer.opened.token;
  return document;
}

json RefusedJson(RunId run, const work::StagingVerdict& verdict) {
  json verdicts = json::array();
  for (const catalog::VerdictRecord& one : verdict.verdicts) {
    verdicts.push_back(
        {{"gate", one.gate}, {"table", one.table}, {"state", one.state}, {"checks", one.checks}});
  }
  return {{"run", ToString(run)},
          {"published", false},
          {"message", verdict.message},
          {"verdicts", std::move(verdicts)}};
}
}  // namespace weirhouse::answers

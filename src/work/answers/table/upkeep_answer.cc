#include "work/answers/table/upkeep_answer.h"

#include <nlohmann/json.hpp>

namespace weirhouse::answers {
using nlohmann::json;

json CompactionJson(const std::string& table, const work::CompactionReport& report) {
  return {{"table", table},
          {"changed", report.changed},
          {"files_before", report.files_before},
          {"files_after", report.files_after},
          {"delete_files_before", report.delete_files_before},
          {"delete_files_after", report.delete_files_after},
          {"rows", report.rows},
          {"commit", report.changed ? json(report.seq.value()) : json()}};
}

json ExpiryJson(const std::string& table, const work::ExpiryReport& report) {
  return {{"table", table},
          {"snapshots_expired", report.snapshots_expired},
          {"snapshots_kept", report.snapshots_kept},
          {"spared_by", report.spared_by},
          {"files_released", report.files_released},
          {"bytes_released", report.bytes_released},
          {"files_removed", report.files_removed}};
}

json ToJson(const work::GarbageReport& report) {
  json tables = json::array();
  for (const work::TableUpkeep& one : report.tables) {
    json members;
    if (one.compacted) members = CompactionJson(one.table, *one.compacted);
    members.update(ExpiryJson(one.table, one.expired));
    tables.push_back(std::move(members));
  }
  const work::SweepReport& swept = report.swept;
  return {{"tables", std::move(tables)},
          {"files_removed_of_gone_tables", report.files_removed_of_gone},
          {"runs_given_up", swept.given_up},
          {"clock_jumped", report.ages_in_doubt ? json(*report.ages_in_doubt) : json()},
          {"orphans", swept.orphans},
          {"orphan_bytes", swept.orphan_bytes},
          {"orphans_removed", swept.removed},
          {"orphans_too_young", swept.too_young},
          {"orphans_of_open_runs", swept.of_open_runs},
          {"first_orphans", swept.first}};
}
}  // namespace weirhouse::answers

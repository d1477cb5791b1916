// What upkeep did to tables, as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "work/upkeep/collect_garbage.h"
#include "work/upkeep/upkeep.h"

namespace weirhouse::answers {

// {table, changed, files_before, files_after, delete_files_before, delete_files_after, rows, commit}
nlohmann::json CompactionJson(const std::string& table, const work::CompactionReport& report);
// {table, snapshots_expired, snapshots_kept, spared_by, files_released, bytes_released,
// files_removed}
nlohmann::json ExpiryJson(const std::string& table, const work::ExpiryReport& report);
// {"tables": [members of both], files_removed_of_gone_tables, runs_given_up, clock_jumped, orphans,
// orphan_bytes, orphans_removed, orphans_too_young, orphans_of_open_runs, first_orphans}
nlohmann::json ToJson(const work::GarbageReport& report);
}  // namespace weirhouse::answers

// Checks seeds for keys that occur twice and that a table is joined on.
#pragma once

#include <functional>
#include <string>

#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"
#include "work/project/project.h"

namespace weirhouse::work {

// kInvalidInput (WH2111) if a record of a row-wise table would certainly become several rows,
// because a seed has several rows for one key. `asks` tells whether the join of a table to a seed
// (by their names, "processed.visit", "tariff") is checked. Cost: reads the SQL and the seeds, no
// table.
Status CheckSeedKeys(
    const ProjectDefinition& project, platform::SqlSession& session,
    const std::function<bool(const std::string& table, const std::string& seed)>& asks);
// The same for all tables and seeds of a project, in a session of its own.
Status CheckSeedKeys(const ProjectDefinition& project);
}  // namespace weirhouse::work

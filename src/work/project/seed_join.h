// Seeds that hold a key twice by which a table is joined to them.
#pragma once

#include <functional>
#include <string>

#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"
#include "work/project/project.h"

namespace weirhouse::work {

// kInvalidInput (WH2111) if a record of a row-wise table would become several rows for certain, by
// a seed that has several rows for one key. `asks`: whether the join of a table to a seed (names of
// both, "processed.visit", "tariff") is asked about.
// Cost: reads the SQL and the seeds, no table.
Status CheckSeedKeys(
    const ProjectDefinition& project, platform::SqlSession& session,
    const std::function<bool(const std::string& table, const std::string& seed)>& asks);
// The same of all tables and seeds of a project that nothing was opened for.
Status CheckSeedKeys(const ProjectDefinition& project);
}  // namespace weirhouse::work

// What a comparison with a rebuild found, as JSON.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "work/lineage/rebuild_check.h"

namespace weirhouse::answers {

// One row as an object by column; null: none.
nlohmann::json RowJson(const std::shared_ptr<arrow::Table>& row);
// The key of a row that differs, as an object by column.
nlohmann::json KeyOf(const work::TableDifference& table, const work::RowDifference& difference);
// {same, commit, tables: [{table, rows, rebuilt_rows, differing, first}], states_compared, states,
// losers_compared, losers_differing, losers, quarantine_rows, quarantine_differing, quarantine,
// online, notes}
nlohmann::json ToJson(const work::RebuildReport& report);
}  // namespace weirhouse::answers

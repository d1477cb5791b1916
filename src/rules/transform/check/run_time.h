// run_time(): a placeholder in checked SQL, which each run fills in.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "ground/base/time.h"

namespace weirhouse::transform {

// The placeholder for the run's time in checked SQL, inside quotes. It contains a character
// (U+E0F0, private use) that the check of a definition refuses in its SQL.
inline constexpr std::string_view kRunTimeMark = "\xee\x83\xb0run_time";

// Replaces each call of run_time() by CAST('<mark>' AS TIMESTAMPTZ).
void BindRunTimeInTree(nlohmann::json& node);

// Fills in `run_time` wherever checked SQL calls run_time().
std::string BindRunTime(std::string sql, ProcessTime run_time);
}  // namespace weirhouse::transform

// run_time(): kept open in checked SQL, filled in by each run.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "ground/base/time.h"

namespace weirhouse::transform {

// Stands for the run's time in checked SQL, inside quotes. Holds a character that no SQL text of a
// person keeps past the check of its definition (U+E0F0, private use).
inline constexpr std::string_view kRunTimeMark = "\xee\x83\xb0run_time";

// Replaces each call of run_time() by CAST('<mark>' AS TIMESTAMPTZ).
void BindRunTimeInTree(nlohmann::json& node);

// Puts `run_time` where checked SQL calls run_time().
std::string BindRunTime(std::string sql, ProcessTime run_time);
}  // namespace weirhouse::transform

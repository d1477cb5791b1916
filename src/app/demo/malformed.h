// Breaks records in the ways in which records break.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/demo/replay.h"
#include "ground/base/random.h"

namespace weirhouse::demo {

// The ways a record of `source` can be broken: "truncated", "wrong_type", "missing_required",
// "out_of_range", "bad_value", "invalid_utf8", "duplicate_key" (JSON only).
std::span<const std::string_view> MalformedKinds(const Replay& replay);

// A copy of the record broken in that way, so that its contract refuses it. It stays on one line,
// so the records around it are not affected.
std::string BreakRecord(const Replay& replay, std::string_view record, std::string_view kind,
                        Random& random);
}  // namespace weirhouse::demo

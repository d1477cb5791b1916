// Which rows break a check that looks at each value: required, range, sets, patterns, lengths,
// types. Includes Arrow, so only for .cc files.
#pragma once

#include <arrow/api.h>

#include <cstdint>

#include "ground/base/status.h"
#include "rules/gate/definition/definition.h"
#include "rules/gate/state/check_state.h"

namespace weirhouse::gate {

// Marks those of `rows`, whose first is row `first_row` of all, in `marked`.
Status MarkRows(const Check& check, const RequiredRule& rule, const arrow::Table& rows,
                std::int64_t first_row, MarkedRows& marked);
Status MarkRows(const Check& check, const RangeRule& rule, const arrow::Table& rows,
                std::int64_t first_row, MarkedRows& marked);
Status MarkRows(const Check& check, const SetRule& rule, const arrow::Table& rows,
                std::int64_t first_row, MarkedRows& marked);
Status MarkRows(const Check& check, const PatternRule& rule, const arrow::Table& rows,
                std::int64_t first_row, MarkedRows& marked);
Status MarkRows(const Check& check, const LengthRule& rule, const arrow::Table& rows,
                std::int64_t first_row, MarkedRows& marked);
Status MarkRows(const Check& check, const TypeRule& rule, const arrow::Table& rows,
                std::int64_t first_row, MarkedRows& marked);
}  // namespace weirhouse::gate

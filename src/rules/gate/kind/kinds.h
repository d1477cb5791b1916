// The table of the kinds of checks.
//
// A kind is one file of this folder. It defines a Rule (definition/rule.h), which is all that is
// known of it, and the function that is declared and listed here. Its section in
// docs/reference/gate.md and its test are the rest: CONTRIBUTING.md, "Three ways to add something".
#pragma once

#include <array>

#include "rules/gate/definition/rule.h"

namespace weirhouse::gate {

CheckKind ArrivesKind();
CheckKind ContainsKind();
CheckKind DistinctKind();
CheckKind DistinctShareKind();
CheckKind DistributionKind();
CheckKind FreshnessKind();
CheckKind LengthKind();
CheckKind PairKind();
CheckKind PatternKind();
CheckKind QuantileKind();
CheckKind RangeKind();
CheckKind ReferencesKind();
CheckKind RequiredKind();
CheckKind RowCountChangeKind();
CheckKind RowCountKind();
CheckKind SetKind();
CheckKind SqlKind();
CheckKind StatisticKind();
CheckKind TypeKind();
CheckKind UniqueKind();

inline constexpr std::array kCheckKinds = {
    ArrivesKind,   ContainsKind,   DistinctKind,  DistinctShareKind,  DistributionKind,
    FreshnessKind, LengthKind,     PairKind,      PatternKind,        QuantileKind,
    RangeKind,     ReferencesKind, RequiredKind,  RowCountChangeKind, RowCountKind,
    SetKind,       SqlKind,        StatisticKind, TypeKind,           UniqueKind};
}  // namespace weirhouse::gate

// How much history it takes to know that a check still warms.
//
// A check warms until its window has held enough runs once; so "still warming" is a statement about
// all that was published before. The verdict of an earlier batch made that statement already. What
// is left to look at is what was published since, with the window's length before it.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "ground/base/id.h"
#include "ground/base/time.h"
#include "ground/catalog/record.h"
#include "rules/gate/judge/judge.h"

namespace weirhouse::gate {

// The earliest batch end among those that were published by the commit or later ones; absent: it
// is not known.
using PublishedSince = std::function<Result<std::optional<EventTime>>(CommitSeq)>;

// From which batch end on history decides about the checks of `report` that warm by what was read
// so far; EventTime::max() if none does, EventTime::min() if it takes all. `verdicts`: of this
// gate, newest first; those of another definition, or of a later batch, say nothing. Pure.
Result<EventTime> WarmUpReadsFrom(const GateDefinition& gate, const GateReport& report,
                                  std::span<const catalog::VerdictRecord> verdicts,
                                  const PublishedSince& published_since);
// How many verdicts it takes to find one of the same slot (a weekday, an hour), if batches come as
// often as the window's name says.
std::int64_t VerdictsWanted(const GateDefinition& gate);
}  // namespace weirhouse::gate

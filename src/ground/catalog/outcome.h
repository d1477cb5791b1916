// What became of a commit whose end was not seen: looked up by its key, never guessed, never sent
// again as a new one.
#pragma once

#include <string_view>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"

namespace weirhouse::catalog {

// `answer` of a commit under `key`. If it is kOutcomeUnknown and the commit took place, what was
// committed, with `repeated`: this call saw nothing written. Still kOutcomeUnknown where even that
// cannot be asked: then what was staged stays.
Result<CommitAnswer> SettleOutcome(Catalog& catalog, std::string_view key,
                                   Result<CommitAnswer> answer);
// Commits and settles.
Result<CommitAnswer> CommitSettled(Catalog& catalog, const CommitRequest& request);

// Whether a commit that failed so has written nothing, for certain.
bool WroteNothing(const Status& failed);
}  // namespace weirhouse::catalog

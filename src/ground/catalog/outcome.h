// Resolves a commit whose outcome is unknown: it is looked up by its key, never guessed, never sent
// again as a new one. Threads: any. Cost: one look-up if the outcome is unknown, else none.
#pragma once

#include <string_view>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"

namespace weirhouse::catalog {

// Returns `answer`, the result of a commit with `key`. If that is kOutcomeUnknown and the commit
// took place, returns the stored answer with `repeated` set. Still kOutcomeUnknown if the look-up
// fails too; then keep the staged files.
Result<CommitAnswer> SettleOutcome(Catalog& catalog, std::string_view key,
                                   Result<CommitAnswer> answer);
// Commits, then settles the outcome.
Result<CommitAnswer> CommitSettled(Catalog& catalog, const CommitRequest& request);

// Whether a commit that failed with this status has certainly written nothing.
bool WroteNothing(const Status& failed);
}  // namespace weirhouse::catalog

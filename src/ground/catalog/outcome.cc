#include "ground/catalog/outcome.h"

#include <utility>

namespace weirhouse::catalog {

Result<CommitAnswer> SettleOutcome(Catalog& catalog, std::string_view key,
                                   Result<CommitAnswer> answer) {
  if (!answer.status().Is(kOutcomeUnknown)) return answer;
  Result<std::optional<CommitAnswer>> outcome = catalog.Outcome(key);
  if (!outcome.ok() || !outcome->has_value()) return answer;
  return **outcome;
}

Result<CommitAnswer> CommitSettled(Catalog& catalog, const CommitRequest& request) {
  return SettleOutcome(catalog, request.idempotency_key, catalog.Commit(request));
}

bool WroteNothing(const Status& failed) {
  switch (failed.code()) {
    case Code::kConflict:
    case Code::kInvalidInput:
    case Code::kNotFound:
    case Code::kPermissionDenied:
      return true;
    default:
      return failed.Is(kNothingWritten) || failed.Is(kOtherBytes);
  }
}
}  // namespace weirhouse::catalog

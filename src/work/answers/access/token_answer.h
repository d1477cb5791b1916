// Tokens as people see them. Secrets are shown once, by the verb that made one; no list has them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "rules/policy/token.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

struct TokenRow {
  policy::Token token;
  std::string state;  // live | expired | revoked
};
struct TokensAnswer {
  std::vector<TokenRow> tokens;  // oldest first
};
// All that were ever issued, but the project's own. For admins: it says who may do what.
Result<TokensAnswer> ListTokens(work::Workspace& workspace);
// "processed, raw.x": the namespaces of a token, or the tables of its staging area.
std::string ScopesOf(const policy::Token& token);
// {"tokens": [{id, name, role, on, state, created_at, expires_at, staging_area, revoked_at,
// reason}]}; the last three where there are any. Neither a secret nor its digest is in it.
nlohmann::json ToJson(const TokensAnswer& answer);
// {token, id, name, role, on, expires_at}: with the secret, for whoever had it issued.
nlohmann::json ToJson(const policy::IssuedToken& issued);
}  // namespace weirhouse::answers

#include "work/answers/access/token_answer.h"

#include <nlohmann/json.hpp>

#include "ground/base/text.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

json ExpiryOrNull(const std::optional<ProcessTime>& time) {
  return time ? json(FormatTime(*time)) : json();
}
}  // namespace

std::string ScopesOf(const policy::Token& token) {
  return Join(token.who.staging_area ? token.who.view_tables : token.who.scopes, ", ");
}

Result<TokensAnswer> ListTokens(work::Workspace& workspace) {
  WEIRHOUSE_TRY(std::vector<policy::Token> tokens, policy::ListTokens(workspace.catalog()));
  const ProcessTime now = workspace.clock().Now();
  TokensAnswer answer;
  for (policy::Token& token : tokens) {
    std::string state = token.revoked_at                     ? "revoked"
                        : policy::CheckLive(token, now).ok() ? "live"
                                                             : "expired";
    answer.tokens.push_back({std::move(token), std::move(state)});
  }
  return answer;
}

json ToJson(const TokensAnswer& answer) {
  json list = json::array();
  for (const TokenRow& row : answer.tokens) {
    const policy::Token& token = row.token;
    json members = {{"id", token.who.id},
                    {"name", token.who.name},
                    {"role", policy::RoleName(token.who.role)},
                    {"on", ScopesOf(token)},
                    {"state", row.state},
                    {"created_at", FormatTime(token.created_at)},
                    {"expires_at", ExpiryOrNull(token.expires_at)}};
    if (token.who.staging_area) members["staging_area"] = ToString(*token.who.staging_area);
    if (token.revoked_at) {
      members["revoked_at"] = FormatTime(*token.revoked_at);
      members["reason"] = token.revoke_reason;
    }
    list.push_back(std::move(members));
  }
  return {{"tokens", std::move(list)}};
}

json ToJson(const policy::IssuedToken& issued) {
  const policy::Token& token = issued.token;
  return {{"token", issued.secret}, {"id", token.who.id},
          {"name", token.who.name}, {"role", policy::RoleName(token.who.role)},
          {"on", token.who.scopes}, {"expires_at", ExpiryOrNull(token.expires_at)}};
}
}  // namespace weirhouse::answers

// Tokens: secrets that represent a principal. Only their SHA-256 is stored.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/random.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/catalog.h"
#include "ground/catalog/settings.h"
#include "rules/policy/policy.h"

namespace weirhouse::policy {

struct Token {
  Principal who;
  Digest sha256;  // of the secret
  ProcessTime created_at{};
  std::optional<ProcessTime> expires_at;
  std::optional<ProcessTime> revoked_at;
  std::string revoke_reason;
};
struct NewToken {
  std::string name;
  Role role = Role::kReader;
  std::vector<std::string> scopes;
  std::optional<std::chrono::seconds> lifetime;  // absent: 90 days; 0: never expires
  std::optional<RunId> staging_area;
  std::vector<std::string> view_tables;
};
struct IssuedToken {
  Token token;
  std::string secret;  // shown once: "wh_" and 43 letters of base64url, 256 bits
};
// Issues and revokes tokens. Each is one commit of layer "maintenance" with its run, so that
// lineage records who could do what when. Errors: kInvalidInput (WH7090: scope, name), kNotFound
// (WH7091).
Result<IssuedToken> IssueToken(catalog::Catalog& catalog, const NewToken& wanted, Random& random,
                               Clock& clock);
// A new token of the project, its first or a replacement: adds its digest to `request`, whose
// commit makes it the only one, and returns the secret, which looks like that of any other token.
std::string MintProjectToken(Random& random, catalog::CommitRequest& request);
// The same in a commit of its own, by `who`. The project's former token ends with it.
Result<std::string> ReplaceProjectToken(catalog::Catalog& catalog, const std::string& who,
                                        Random& random);
Status RevokeToken(catalog::Catalog& catalog, std::string_view id_or_name, std::string reason,
                   Clock& clock);
Result<std::vector<Token>> ListTokens(catalog::SettingStore& catalog);  // oldest first
// The token with this secret, live or not (the caller reports "expired" or "revoked"); absent if
// there is none. The project's own token has the role admin. Constant time in the secret.
Result<std::optional<Token>> FindToken(catalog::SettingStore& catalog, std::string_view secret);
//   kPermissionDenied  expired (WH7092), revoked (WH7093)
Status CheckLive(const Token& token, ProcessTime now);
}  // namespace weirhouse::policy

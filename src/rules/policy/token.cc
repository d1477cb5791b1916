// Tokens are settings of the catalog (ground/catalog/settings.h): each by its id, the id by the
// SHA-256 of the secret, and the project's own. A secret is looked up by its SHA-256, so that
// timing a comparison reveals nothing about it.
#include "rules/policy/token.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ground/base/failpoint.h"
#include "ground/base/name.h"
#include "ground/base/text.h"
#include "ground/catalog/outcome.h"

namespace weirhouse::policy {
namespace {
using nlohmann::json;

constexpr std::string_view kProjectName = "project";
constexpr std::chrono::seconds kLifetimeDefault{90 * 24 * 3600};  // long enough for a quarter
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kScopesMax = 64;

Status RefusedToken(std::string message, std::string hint) {
  return Status(Code::kInvalidInput, std::move(message))
      .WithError("WH7090")
      .WithHint(std::move(hint));
}

bool IsWord(std::string_view text, std::string_view more) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}

// "t12": no name may look like an id, so that the word after `wh token revoke` is not ambiguous.
bool LooksLikeId(std::string_view text) {
  return text.size() > 1 && text[0] == 't' &&
         std::all_of(text.begin() + 1, text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Status CheckName(const std::string& name) {
  if (!IsWord(name, "._-@") || name.size() > kNameBytesMax) {
    return RefusedToken(
        fmt::format("a token cannot be named \"{}\"", EscapeControl(name)),
        fmt::format("use 1 to {} letters, digits, \".\", \"_\", \"-\" and \"@\"", kNameBytesMax));
  }
  if (LooksLikeId(name) || name == kProjectName) {
    return RefusedToken(fmt::format("a token cannot be named \"{}\", which reads like an id", name),
                        "choose another name");
  }
  return Status::Ok();
}

Status CheckScopes(const NewToken& wanted) {
  if (wanted.scopes.empty() && wanted.view_tables.empty()) {
    return RefusedToken(fmt::format("token \"{}\" would reach nothing", wanted.name),
                        "name a namespace, or * for all: --on processed");
  }
  if (wanted.scopes.size() > kScopesMax) {
    return RefusedToken(fmt::format("token \"{}\" has {} scopes, more than {}", wanted.name,
                                    wanted.scopes.size(), kScopesMax),
                        "name a namespace above them");
  }
  for (const std::string& scope : wanted.scopes) {
    if (scope == "*") continue;
    for (const std::string_view level : NamespaceView(scope).levels()) {
      if (IsWord(level, "_-")) continue;
      return RefusedToken(
          fmt::format("a scope is a namespace or *, not \"{}\"", EscapeControl(scope)),
          "for example: processed, sandbox.team_a");
    }
  }
  return Status::Ok();
}

// 256 bits as base64url without padding: 43 characters.
std::string NewSecret(Random& random) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t word = random.Next();
    for (int shift = 0; shift < 64; shift += 8) {
      bytes += static_cast<char>((word >> shift) & 0xFF);
    }
  }
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string secret = "wh_";
  std::uint32_t pending = 0;
  int bits = 0;
  for (const char byte : bytes) {
    pending = (pending << 8) | static_cast<std::uint8_t>(byte);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      secret += kLetters[(pending >> bits) & 63];
    }
  }
  secret += kLetters[(pending << (6 - bits)) & 63];  // 256 = 42 * 6 + 4
  return secret;
}

json ToJson(const Token& token) {
  json object = {{"name", token.who.name},
                 {"role", RoleName(token.who.role)},
                 {"scopes", token.who.scopes},
                 {"sha256", token.sha256.ToHex()},
                 {"created_at", Micros(token.created_at)}};
  if (token.expires_at) object["expires_at"] = Micros(*token.expires_at);
  if (token.revoked_at) {
    object["revoked_at"] = Micros(*token.revoked_at);
    object["revoke_reason"] = token.revoke_reason;
  }
  if (token.who.staging_area) {
    object["view"] = token.who.staging_area->value();
    object["view_tables"] = token.who.view_tables;
  }
  return object;
}

Result<Token> FromJson(std::string id, const json& object) {
  const auto malformed = [&] {
    return Status(Code::kCorruption,
                  fmt::format("the catalog's record of a token is malformed: {}", id))
        .WithError("WH7094")
        .WithHint("revoke it and make another one");
  };
  try {
    Token token;
    token.who.id = id;
    token.who.name = object.at("name").get<std::string>();
    WEIRHOUSE_TRY(token.who.role, ParseRole(object.at("role").get<std::string>()));
    token.who.scopes = object.at("scopes").get<std::vector<std::string>>();
    if (!ParseDigest(object.at("sha256").get<std::string>(), &token.sha256)) return malformed();
    token.created_at = ProcessTimeOfMicros(object.at("created_at").get<std::int64_t>());
    if (object.contains("expires_at")) {
      token.expires_at = ProcessTimeOfMicros(object["expires_at"].get<std::int64_t>());
    }
    if (object.contains("revoked_at")) {
      token.revoked_at = ProcessTimeOfMicros(object["revoked_at"].get<std::int64_t>());
      token.revoke_reason = object.value("revoke_reason", "");
    }
    if (object.contains("view")) {
      token.who.staging_area = RunId(object["view"].get<std::int64_t>());
      token.who.view_tables = object.at("view_tables").get<std::vector<std::string>>();
    }
    return token;
  } catch (const json::exception&) {
    return malformed();
  }
}

// A run of its own, so that lineage records who could do what when.
Result<RunId> PlanTokenRun(catalog::Catalog& catalog, const std::string& what,
                           const std::string& name, const Digest& sha256,
                           catalog::CommitRequest& request) {
  catalog::RunPlan plan;
  plan.kind = catalog::RunKind::kToken;
  plan.name = name;
  plan.step_identity = Sha256Of(fmt::format("token {} {}", what, sha256.ToHex()));
  plan.idempotency_key = plan.step_identity.ToHex();
  plan.parameters = {{"what", what}, {"token", name}};
  WEIRHOUSE_TRY(const catalog::Run run, catalog.PlanRun(plan));
  request.run = run.id;
  request.idempotency_key = plan.idempotency_key;
  request.layer = catalog::Layer::kMaintenance;
  return run.id;
}

Status UnknownToken(std::string_view id_or_name, const std::vector<Token>& tokens) {
  std::vector<std::string> names;
  for (const Token& token : tokens) names.push_back(token.who.name);
  const std::string near = DidYouMean(id_or_name, names);
  return Status(Code::kNotFound, fmt::format("no such token: \"{}\"", EscapeControl(id_or_name)))
      .WithError("WH7091")
      .WithHint(near.empty() ? "`wh token list` shows them" : near);
}

Result<Token> FindByName(catalog::SettingStore& catalog, std::string_view id_or_name) {
  WEIRHOUSE_TRY(const std::vector<Token> tokens, ListTokens(catalog));
  const Token* found = nullptr;
  for (const Token& token : tokens) {
    if (token.who.id == id_or_name) return token;
    if (token.who.name != id_or_name) continue;
    // Finds the live token of that name; two such tokens can be told apart only by their ids.
    if (found != nullptr && !found->revoked_at && !token.revoked_at) {
      return RefusedToken(fmt::format("two tokens are named \"{}\"", id_or_name),
                          fmt::format("name one by its id: {} or {}", found->who.id, token.who.id));
    }
    if (found == nullptr || found->revoked_at) found = &token;
  }
  if (found == nullptr) return UnknownToken(id_or_name, tokens);
  return *found;
}

Token ProjectToken(const Digest& sha256) {
  Token token;
  token.who.id = kProjectName;
  token.who.name = kProjectName;
  token.who.role = Role::kAdmin;
  token.who.scopes = {"*"};
  token.sha256 = sha256;
  return token;
}
}  // namespace

Result<IssuedToken> IssueToken(catalog::Catalog& catalog, const NewToken& wanted, Random& random,
                               Clock& clock) {
  WEIRHOUSE_TRY_STATUS(CheckName(wanted.name));
  WEIRHOUSE_TRY_STATUS(CheckScopes(wanted));
  const std::chrono::seconds lifetime = wanted.lifetime.value_or(kLifetimeDefault);
  constexpr std::chrono::seconds kLifetimeMax{100LL * 366 * 24 * 3600};
  if (lifetime.count() < 0 || lifetime > kLifetimeMax) {
    return RefusedToken(
        fmt::format("token \"{}\" cannot live for {} seconds", wanted.name, lifetime.count()),
        "up to 100 years, or never to expire: --expires never");
  }
  IssuedToken issued;
  Token& token = issued.token;
  token.created_at = clock.Now();
  WEIRHOUSE_TRY(const std::vector<Token> tokens, ListTokens(catalog));
  for (const Token& known : tokens) {
    if (known.who.name != wanted.name || !CheckLive(known, token.created_at).ok()) continue;
    return RefusedToken(
        fmt::format("a token is named \"{}\" already: {}", wanted.name, known.who.id),
        fmt::format("choose another name, or revoke it first: wh token revoke {}", known.who.id));
  }
  issued.secret = NewSecret(random);
  token.sha256 = Sha256Of(issued.secret);
  token.who.name = wanted.name;
  token.who.role = wanted.role;
  token.who.scopes = wanted.scopes;
  token.who.staging_area = wanted.staging_area;
  token.who.view_tables = wanted.view_tables;
  if (lifetime.count() > 0) token.expires_at = token.created_at + lifetime;
  catalog::CommitRequest request;
  WEIRHOUSE_TRY(const RunId run,
                PlanTokenRun(catalog, "issue", wanted.name, token.sha256, request));
  token.who.id = fmt::format("t{}", run.value());
  request.settings = {catalog::setting::Tokens().Of(token.who.id).To(ToJson(token)),
                      catalog::setting::TokensBySha256().Of(token.sha256.ToHex()).To(token.who.id)};
  WEIRHOUSE_FAILPOINT("policy.token.planned");
  WEIRHOUSE_TRY_STATUS(catalog::CommitSettled(catalog, request).status());
  return issued;
}

std::string MintProjectToken(Random& random, catalog::CommitRequest& request) {
  std::string secret = NewSecret(random);
  request.settings.push_back(catalog::setting::ProjectToken().To(Sha256Of(secret)));
  return secret;
}

Result<std::string> ReplaceProjectToken(catalog::Catalog& catalog, const std::string& who,
                                        Random& random) {
  catalog::CommitRequest request;
  std::string secret = MintProjectToken(random, request);
  const std::string digest = Sha256Of(secret).ToHex();
  // A run of its own, so that lineage records when the old token ended.
  catalog::RunPlan plan;
  plan.kind = catalog::RunKind::kToken;
  plan.name = digest.substr(0, 8);
  plan.step_identity = Sha256Of("token " + digest);
  plan.idempotency_key = plan.step_identity.ToHex();
  plan.parameters = {{"who", who}};
  WEIRHOUSE_TRY(const catalog::Run run, catalog.PlanRun(plan));
  request.run = run.id;
  request.idempotency_key = plan.idempotency_key;
  request.layer = catalog::Layer::kMaintenance;
  WEIRHOUSE_TRY_STATUS(catalog::CommitSettled(catalog, request).status());
  return secret;
}

Status RevokeToken(catalog::Catalog& catalog, std::string_view id_or_name, std::string reason,
                   Clock& clock) {
  if (id_or_name == kProjectName) {
    return RefusedToken("the project's own token cannot be revoked, only replaced", "wh token new");
  }
  WEIRHOUSE_TRY(Token token, FindByName(catalog, id_or_name));
  if (token.revoked_at) return Status::Ok();  // the first revocation stands
  token.revoked_at = clock.Now();
  token.revoke_reason = std::move(reason);
  catalog::CommitRequest request;
  WEIRHOUSE_TRY_STATUS(
      PlanTokenRun(catalog, "revoke", token.who.name, token.sha256, request).status());
  request.settings = {catalog::setting::Tokens().Of(token.who.id).To(ToJson(token))};
  return catalog::CommitSettled(catalog, request).status();
}

Result<std::vector<Token>> ListTokens(catalog::SettingStore& catalog) {
  WEIRHOUSE_TRY(const auto settings, catalog::setting::Tokens().In(catalog));
  std::vector<Token> tokens;
  for (const auto& [id, value] : settings) {
    WEIRHOUSE_TRY(Token token, FromJson(id, value));
    tokens.push_back(std::move(token));
  }
  std::sort(tokens.begin(), tokens.end(), [](const Token& a, const Token& b) {
    return std::tuple(a.created_at, a.who.id.size(), a.who.id) <
           std::tuple(b.created_at, b.who.id.size(), b.who.id);
  });
  return tokens;
}

Result<std::optional<Token>> FindToken(catalog::SettingStore& catalog, std::string_view secret) {
  const Digest sha256 = Sha256Of(secret);
  WEIRHOUSE_TRY(const auto project, catalog::setting::ProjectToken().In(catalog));
  if (project && *project == sha256) return std::optional<Token>(ProjectToken(sha256));
  WEIRHOUSE_TRY(const auto id, catalog::setting::TokensBySha256().Of(sha256.ToHex()).In(catalog));
  if (!id) return std::optional<Token>();
  WEIRHOUSE_TRY(const auto record, catalog::setting::Tokens().Of(*id).In(catalog));
  if (!record) return std::optional<Token>();
  WEIRHOUSE_TRY(Token token, FromJson(*id, *record));
  if (token.sha256 != sha256) return std::optional<Token>();
  return std::optional<Token>(std::move(token));
}

Status CheckLive(const Token& token, ProcessTime now) {
  if (token.revoked_at) {
    return Status(Code::kPermissionDenied,
                  fmt::format("token \"{}\" ({}) was revoked on {}{}", token.who.name, token.who.id,
                              FormatTime(*token.revoked_at),
                              token.revoke_reason.empty() ? "" : ": " + token.revoke_reason))
        .WithError("WH7093")
        .WithHint("ask an admin for another one: wh token create");
  }
  if (token.expires_at && *token.expires_at <= now) {
    return Status(Code::kPermissionDenied,
                  fmt::format("token \"{}\" ({}) expired on {}", token.who.name, token.who.id,
                              FormatTime(*token.expires_at)))
        .WithError("WH7092")
        .WithHint("ask an admin for another one: wh token create");
  }
  return Status::Ok();
}
}  // namespace weirhouse::policy

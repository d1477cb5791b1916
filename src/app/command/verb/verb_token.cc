// token create, list, revoke, new.
#include <fmt/format.h>

#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "rules/policy/token.h"
#include "work/answers/access/token_answer.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

Result<std::optional<std::chrono::seconds>> LifetimeOf(const Context& context) {
  const std::optional<std::string> text = context.invocation().Option("expires");
  if (!text) return std::optional<std::chrono::seconds>();
  if (*text == "never") return std::optional(std::chrono::seconds(0));
  const auto micros = ParseDurationMicros(*text);
  if (!micros.ok() || *micros < 1'000'000) {
    return UsageError(fmt::format("a token cannot expire after \"{}\"", EscapeControl(*text)),
                      "--expires 30d, 12h or never; without it 90 days");
  }
  return std::optional(std::chrono::seconds(*micros / 1'000'000));
}
}  // namespace

Result<int> RunTokenCreate(Context& context) {
  const Invocation& invocation = context.invocation();
  policy::NewToken wanted;
  wanted.name = invocation.Option("name").value_or("");
  wanted.scopes = invocation.Options("on");
  if (wanted.name.empty() || wanted.scopes.empty() || !invocation.Has("role")) {
    return UsageError("a token needs a name, a role and a namespace",
                      "wh token create --name spark-etl --role writer --on processed");
  }
  WEIRHOUSE_TRY(wanted.role, policy::ParseRole(*invocation.Option("role")));
  WEIRHOUSE_TRY(wanted.lifetime, LifetimeOf(context));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  WEIRHOUSE_TRY(
      const policy::IssuedToken issued,
      policy::IssueToken(workspace->catalog(), wanted, workspace->random(), workspace->clock()));
  const policy::Token& token = issued.token;
  context.Line(fmt::format("token   {}     shown this once", issued.secret));
  context.Line(fmt::format(
      "        {} \"{}\", {} on {}, {}", token.who.id, token.who.name,
      policy::RoleName(token.who.role), answers::ScopesOf(token),
      token.expires_at ? "until " + FormatTime(*token.expires_at) : std::string("never expires")));
  context.Answer(answers::ToJson(issued));
  return kExitOk;
}

Result<int> RunTokenList(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::TokensAnswer answer, answers::ListTokens(*workspace));
  Listing listing("tokens", {"id", "name", "role", "on", "state", "created_at", "expires_at"});
  for (const answers::TokenRow& row : answer.tokens) {
    const policy::Token& token = row.token;
    listing.Add({token.who.id, token.who.name, policy::RoleName(token.who.role),
                 answers::ScopesOf(token), row.state, FormatTime(token.created_at),
                 token.expires_at ? json(FormatTime(*token.expires_at)) : json()});
  }
  context.Print(listing, answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunTokenRevoke(Context& context) {
  const std::string word = context.invocation().Word(0);
  const std::string reason = context.invocation().Option("reason").value_or("");
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  WEIRHOUSE_TRY_STATUS(policy::RevokeToken(workspace->catalog(), word, reason, workspace->clock()));
  context.Line(fmt::format("revoked {}: it stops working now", EscapeControl(word)));
  context.Answer({{"revoked", word}, {"reason", reason}});
  return kExitOk;
}

Result<int> RunTokenNew(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  WEIRHOUSE_TRY(const std::string token,
                policy::ReplaceProjectToken(workspace->catalog(), context.invocation().user,
                                            workspace->random()));
  context.Line(
      fmt::format("token   {}     shown this once: export WEIRHOUSE_TOKEN={}", token, token));
  context.Answer({{"token", token}});
  return kExitOk;
}
}  // namespace weirhouse::command

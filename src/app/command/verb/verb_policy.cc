// policy show, export.
#include <fmt/format.h>

#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "rules/policy/aws.h"
#include "work/answers/access/policy_answer.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

json TextOrDash(const std::optional<std::string>& text) { return text ? json(*text) : json(); }
}  // namespace

Result<int> RunPolicyShow(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::PolicyAnswer answer, answers::ReadPolicy(*workspace));
  if (context.wants_json()) {
    context.Answer(answers::ToJson(answer));
    return kExitOk;
  }
  Listing matrix("rights", {"layer", "role", "rights"});
  for (const answers::RightsRow& row : answer.rights)
    matrix.Add({policy::LayerName(row.layer), policy::RoleName(row.role), row.rights});
  Listing tables("tables", {"table", "layer", "written_by", "gate", "contract"});
  for (const answers::TableRulesRow& row : answer.tables) {
    tables.Add({row.table, policy::LayerName(row.layer), answers::WriterOf(row),
                TextOrDash(row.gate), TextOrDash(row.contract)});
  }
  context.streams().Out(matrix.AsText() + "\n" + tables.AsText());
  context.Say("docs/reference/policy.md has every rule; `wh token create` gives a role");
  return kExitOk;
}

Result<int> RunPolicyExport(Context& context) {
  const Invocation& invocation = context.invocation();
  if (!invocation.Has("aws") || !invocation.Has("bucket")) {
    return UsageError("what policies are exported for is not said",
                      "wh policy export --aws --bucket NAME [--prefix lake]");
  }
  policy::AwsOptions options;
  options.bucket = *invocation.Option("bucket");
  options.prefix = invocation.Option("prefix").value_or("");
  if (invocation.Has("role-prefix")) options.name_prefix = *invocation.Option("role-prefix");
  const std::string role = invocation.Option("role").value_or("");
  const std::string layer = invocation.Option("on").value_or("");
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::AwsPoliciesAnswer answer,
                answers::ReadAwsPolicies(*workspace, std::move(options), role, layer));
  if (answer.policies.empty()) {
    return UsageError(fmt::format("no policy is for role \"{}\" on \"{}\"", EscapeControl(role),
                                  EscapeControl(layer)),
                      "`wh policy show` lists roles and layers");
  }
  // Exactly one: ready for `aws iam create-policy --policy-document`.
  if (answer.policies.size() == 1) {
    context.streams().Out(answer.policies[0].document.dump(2) + "\n");
    return kExitOk;
  }
  context.streams().Out(answers::ToJson(answer).dump(2) + "\n");
  context.Say(
      "switch on bucket versioning and, for raw, Object Lock: a policy binds those who ask, not "
      "the owner of the account");
  return kExitOk;
}
}  // namespace weirhouse::command

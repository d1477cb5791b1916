// policy show, export.
#include <fmt/format.h>

#include <set>

#include "app/command/verbs.h"
#include "ground/base/name.h"
#include "ground/base/text.h"
#include "rules/policy/aws.h"
#include "rules/policy/policy.h"
#include "work/foreign/foreign_commit.h"
#include "work/project/table_rules.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;
using policy::Action;
using policy::Layer;
using policy::Role;

constexpr Role kRoles[] = {Role::kReader, Role::kWriter, Role::kMaintainer, Role::kPublisher,
                           Role::kAdmin};

// A table name that stands for all tables of its layer.
constexpr std::pair<Layer, std::string_view> kExamples[] = {{Layer::kRaw, "raw.x"},
                                                            {Layer::kProcessed, "processed.x"},
                                                            {Layer::kFeature, "feature.x"},
                                                            {Layer::kSystem, "system.x"},
                                                            {Layer::kOpen, "other.x"}};

bool May(Role role, Action action, std::string_view name) {
  policy::Principal who;
  who.role = role;
  who.scopes = {"*"};
  return policy::MayAct(who, action, name).ok();
}

// What a role may do with tables of other engines in a layer, in words.
std::string Rights(Layer layer, Role role, std::string_view name) {
  std::string rights = "read";
  const auto add = [&](std::string_view what) { rights += fmt::format(", {}", what); };
  if (May(role, Action::kCreateTable, name)) add("create");
  if (May(role, Action::kCommit, name)) {
    const bool writes = role != Role::kMaintainer;
    if (writes) add(layer == Layer::kRaw ? "append" : "append, overwrite, delete rows");
    if (role != Role::kWriter || layer == Layer::kOpen) {
      add(layer == Layer::kRaw ? "compact" : "compact, expire, tag, roll back");
    }
  }
  if (role == Role::kPublisher && May(Role::kWriter, Action::kCommit, name)) add("staging_areas");
  if (May(role, Action::kDropTable, name)) add("drop, rename");
  return rights;
}
}  // namespace

Result<int> RunPolicyShow(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  Listing matrix("rights", {"layer", "role", "rights"});
  for (const auto& [layer, name] : kExamples) {
    for (const Role role : kRoles) {
      matrix.Add({policy::LayerName(layer), policy::RoleName(role), Rights(layer, role, name)});
    }
  }
  Listing tables("tables", {"table", "layer", "written_by", "gate", "contract"});
  WEIRHOUSE_TRY(const auto pointers, workspace->catalog().Tables());
  for (const catalog::TablePointer& pointer : pointers) {
    if (pointer.kind != catalog::PointerKind::kTable) continue;
    const policy::TableRules rules = work::RulesOf(workspace->project(), pointer.name);
    tables.Add({pointer.name, policy::LayerName(policy::LayerOf(pointer.name)),
                rules.made_by.empty() ? json("other engines") : json(rules.made_by),
                rules.gate.empty() ? json() : json(rules.gate),
                rules.contract == nullptr ? json() : json(rules.contract->Title())});
  }
  if (context.wants_json()) {
    context.Answer({{"rights", matrix.AsJson()}, {"tables", tables.AsJson()}});
    return kExitOk;
  }
  context.streams().Out(matrix.AsText() + "\n" + tables.AsText());
  context.Say("docs/reference/policy.md lists every rule; `wh token create` gives a role");
  return kExitOk;
}

Result<int> RunPolicyExport(Context& context) {
  const Invocation& invocation = context.invocation();
  if (!invocation.Has("aws") || !invocation.Has("bucket")) {
    return UsageError("no storage was named to export policies for",
                      "wh policy export --aws --bucket NAME [--prefix lake]");
  }
  policy::AwsOptions options;
  options.bucket = *invocation.Option("bucket");
  options.prefix = invocation.Option("prefix").value_or("");
  if (invocation.Has("role-prefix")) options.name_prefix = *invocation.Option("role-prefix");
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const auto namespaces, workspace->catalog().Namespaces());
  std::set<std::string> first_levels;
  for (const catalog::NamespaceRecord& record : namespaces) {
    const std::string first(NamespaceView(record.name).first());
    if (policy::LayerOf(first) == Layer::kOpen) first_levels.insert(first);
  }
  options.open_namespaces.assign(first_levels.begin(), first_levels.end());
  WEIRHOUSE_TRY(const std::vector<policy::AwsPolicy> policies, policy::ExportAws(options));
  const std::string role = invocation.Option("role").value_or("");
  const std::string layer = invocation.Option("on").value_or("");
  json list = json::array();
  for (const policy::AwsPolicy& entry : policies) {
    if (!role.empty() && role != policy::RoleName(entry.role)) continue;
    if (!layer.empty() && layer != entry.layer) continue;
    list.push_back({{"name", entry.name},
                    {"layer", entry.layer},
                    {"role", policy::RoleName(entry.role)},
                    {"document", entry.document}});
  }
  if (list.empty()) {
    return UsageError(fmt::format("no policy is for role \"{}\" on \"{}\"", EscapeControl(role),
                                  EscapeControl(layer)),
                      "`wh policy show` lists roles and layers");
  }
  // Exactly one policy: printed as `aws iam create-policy --policy-document` takes it.
  if (list.size() == 1) {
    context.streams().Out(list[0]["document"].dump(2) + "\n");
    return kExitOk;
  }
  WEIRHOUSE_TRY(const json bucket, policy::ExportAwsBucket(options));
  const json document = {{"policies", list}, {"bucket_policy", bucket}};
  context.streams().Out(document.dump(2) + "\n");
  context.Say(
      "switch on bucket versioning and, for raw, Object Lock: a policy binds its users, not "
      "the owner of the account");
  return kExitOk;
}
}  // namespace weirhouse::command

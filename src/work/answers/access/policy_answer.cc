#include "work/answers/access/policy_answer.h"

#include <fmt/format.h>

#include <set>
#include <string_view>
#include <utility>

#include "ground/base/name.h"
#include "work/project/table_rules.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;
using policy::Action;
using policy::Layer;
using policy::Role;

constexpr Role kRoles[] = {Role::kReader, Role::kWriter, Role::kMaintainer, Role::kPublisher,
                           Role::kAdmin};

// A table that stands for all of its layer.
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

json RuleOrNull(const std::optional<std::string>& text) { return text ? json(*text) : json(); }
}  // namespace

Result<PolicyAnswer> ReadPolicy(work::Workspace& workspace) {
  PolicyAnswer answer;
  for (const auto& [layer, name] : kExamples) {
    for (const Role role : kRoles)
      answer.rights.push_back({layer, role, Rights(layer, role, name)});
  }
  WEIRHOUSE_TRY(const auto pointers, workspace.catalog().Tables());
  for (const catalog::TablePointer& pointer : pointers) {
    if (pointer.kind != catalog::PointerKind::kTable) continue;
    const policy::TableRules rules = work::RulesOf(workspace.project(), pointer.name);
    TableRulesRow row{pointer.name, policy::LayerOf(pointer.name), {}, {}, {}};
    if (!rules.made_by.empty()) row.made_by = rules.made_by;
    if (!rules.gate.empty()) row.gate = rules.gate;
    if (rules.contract != nullptr) row.contract = rules.contract->Title();
    answer.tables.push_back(std::move(row));
  }
  return answer;
}

std::string WriterOf(const TableRulesRow& row) { return row.made_by.value_or("other engines"); }

json ToJson(const PolicyAnswer& answer) {
  json rights = json::array();
  for (const RightsRow& row : answer.rights) {
    rights.push_back({{"layer", policy::LayerName(row.layer)},
                      {"role", policy::RoleName(row.role)},
                      {"rights", row.rights}});
  }
  json tables = json::array();
  for (const TableRulesRow& row : answer.tables) {
    tables.push_back({{"table", row.table},
                      {"layer", policy::LayerName(row.layer)},
                      {"written_by", WriterOf(row)},
                      {"gate", RuleOrNull(row.gate)},
                      {"contract", RuleOrNull(row.contract)}});
  }
  return {{"rights", std::move(rights)}, {"tables", std::move(tables)}};
}

Result<AwsPoliciesAnswer> ReadAwsPolicies(work::Workspace& workspace, policy::AwsOptions options,
                                          const std::string& role, const std::string& layer) {
  WEIRHOUSE_TRY(const auto namespaces, workspace.catalog().Namespaces());
  std::set<std::string> first_levels;
  for (const catalog::NamespaceRecord& record : namespaces) {
    const std::string first(NamespaceView(record.name).first());
    if (policy::LayerOf(first) == Layer::kOpen) first_levels.insert(first);
  }
  options.open_namespaces.assign(first_levels.begin(), first_levels.end());
  WEIRHOUSE_TRY(std::vector<policy::AwsPolicy> policies, policy::ExportAws(options));
  AwsPoliciesAnswer answer;
  for (policy::AwsPolicy& entry : policies) {
    if (!role.empty() && role != policy::RoleName(entry.role)) continue;
    if (!layer.empty() && layer != entry.layer) continue;
    answer.policies.push_back(std::move(entry));
  }
  WEIRHOUSE_TRY(answer.bucket_policy, policy::ExportAwsBucket(options));
  return answer;
}

json ToJson(const AwsPoliciesAnswer& answer) {
  json list = json::array();
  for (const policy::AwsPolicy& entry : answer.policies) {
    list.push_back({{"name", entry.name},
                    {"layer", entry.layer},
                    {"role", policy::RoleName(entry.role)},
                    {"document", entry.document}});
  }
  return {{"policies", std::move(list)}, {"bucket_policy", answer.bucket_policy}};
}
}  // namespace weirhouse::answers

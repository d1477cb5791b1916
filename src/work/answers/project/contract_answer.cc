#include "work/answers/project/contract_answer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/base/text.h"
#include "ground/catalog/settings.h"
#include "work/answers/table_answer.h"
#include "work/pipeline/plan/plan.h"
#include "work/workspace/applied.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

// As registered by the last apply.
Result<ContractPtr> Registered(work::Workspace& workspace, const std::string& id) {
  return work::RegisteredContract(workspace, id);
}

json OwnerOf(const contract::Contract& contract) {
  return contract.owner().empty() ? json() : json(contract.owner());
}

json ChangesAsJson(const contract::CompatibilityReport& report) {
  json changes = json::array();
  for (const contract::ContractChange& change : report.changes) {
    changes.push_back({{"path", change.path},
                       {"rule", change.rule},
                       {"old", change.old_value},
                       {"new", change.new_value},
                       {"backward", change.backward},
                       {"forward", change.forward},
                       {"breaking", change.breaking}});
  }
  return changes;
}
}  // namespace

Result<ContractPtr> FindContract(const work::ProjectDefinition& project, const std::string& id) {
  const auto found = project.contracts.find(id);
  if (found != project.contracts.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [name, contract] : project.contracts) known.push_back(name);
  return Status(Code::kNotFound, fmt::format("no such contract: \"{}\"", id))
      .WithError("WH8037")
      .WithHint(DidYouMean(id, known));
}

Result<ContractsAnswer> ListContracts(work::Workspace& workspace) {
  ContractsAnswer answer;
  for (const auto& [id, contract] : workspace.project().contracts) {
    WEIRHOUSE_TRY(ContractPtr registered, Registered(workspace, id));
    answer.contracts.push_back({contract, std::move(registered)});
  }
  return answer;
}

json ToJson(const ContractsAnswer& answer) {
  json list = json::array();
  for (const ContractRow& row : answer.contracts) {
    const contract::Contract& contract = *row.contract;
    list.push_back(
        {{"contract", contract.id()},
         {"version", contract.version().ToString()},
         {"registered",
          row.registered == nullptr ? json() : json(row.registered->version().ToString())},
         {"owner", OwnerOf(contract)},
         {"fields", contract.fields().size()},
         {"unknown", PolicyName(contract.unknown_policy())},
         {"violation", PolicyName(contract.violation_policy())},
         {"mode", ModeName(contract.compatibility_mode())},
         {"digest", contract.digest().ToHex()}});
  }
  return {{"contracts", std::move(list)}};
}

Result<ContractAnswer> ReadContract(const work::ProjectDefinition& project, const std::string& id) {
  ContractAnswer answer;
  WEIRHOUSE_TRY(answer.contract, FindContract(project, id));
  return answer;
}

json ToJson(const ContractAnswer& answer) {
  return {{"contract", json::parse(answer.contract->ToJson())},
          {"digest", answer.contract->digest().ToHex()}};
}

Result<ContractDiffsAnswer> CompareContracts(work::Workspace& workspace, const std::string& id) {
  if (!id.empty()) WEIRHOUSE_TRY_STATUS(FindContract(workspace.project(), id).status());
  ContractDiffsAnswer answer;
  for (const auto& [name, contract] : workspace.project().contracts) {
    if (!id.empty() && name != id) continue;
    ContractDiff diff;
    diff.proposed = contract;
    WEIRHOUSE_TRY(diff.registered, Registered(workspace, name));
    if (diff.registered != nullptr) diff.report = contract::Compare(*diff.registered, *contract);
    answer.contracts.push_back(std::move(diff));
  }
  return answer;
}

std::string_view VerdictName(contract::Compatibility verdict) {
  switch (verdict) {
    case contract::Compatibility::kSame:
      return "same";
    case contract::Compatibility::kAdditive:
      return "additive";
    case contract::Compatibility::kBreaking:
      return "breaking";
  }
  return "?";
}

json ToJson(const ContractDiffsAnswer& answer) {
  json list = json::array();
  for (const ContractDiff& diff : answer.contracts) {
    const std::string& id = diff.proposed->id();
    if (diff.registered == nullptr) {
      list.push_back({{"contract", id}, {"verdict", "new"}, {"changes", json::array()}});
      continue;
    }
    list.push_back({{"contract", id},
                    {"registered", diff.registered->version().ToString()},
                    {"proposed", diff.proposed->version().ToString()},
                    {"verdict", VerdictName(diff.report.verdict)},
                    {"changes", ChangesAsJson(diff.report)}});
  }
  return {{"contracts", std::move(list)}};
}

Result<ContractHistoryAnswer> ReadContractHistory(work::Workspace& workspace,
                                                  const std::string& id) {
  catalog::Catalog& catalog = workspace.catalog();
  WEIRHOUSE_TRY(const auto versions, catalog::setting::ContractVersions(id).In(catalog));
  if (versions.empty()) WEIRHOUSE_TRY_STATUS(FindContract(workspace.project(), id).status());
  ContractHistoryAnswer answer;
  for (const auto& [key, stored] : versions) {
    WEIRHOUSE_TRY(const ContractPtr contract,
                  work::ParseRegistered(stored, fmt::format("contract/{}/{}", id, key)));
    WEIRHOUSE_TRY(const auto node,
                  catalog.FindNode({catalog::NodeKind::kContract, contract->Title()}));
    answer.versions.push_back({*contract, node ? std::optional(node->seq) : std::nullopt});
  }
  return answer;
}

json ToJson(const ContractHistoryAnswer& answer) {
  json list = json::array();
  for (const ContractVersion& one : answer.versions) {
    list.push_back({{"version", one.contract.version().ToString()},
                    {"fields", one.contract.fields().size()},
                    {"owner", OwnerOf(one.contract)},
                    {"commit", one.commit ? json(CommitText(*one.commit)) : json()},
                    {"digest", one.contract.digest().ToHex()}});
  }
  return {{"versions", std::move(list)}};
}

Result<std::string> CheckContractAlone(work::Workspace& workspace,
                                       const contract::Contract& contract, bool may_break) {
  WEIRHOUSE_TRY(const ContractPtr registered, Registered(workspace, contract.id()));
  if (registered != nullptr) {
    WEIRHOUSE_TRY_STATUS(contract::CheckPublishable(*registered, contract));
    if (contract.version().major > registered->version().major && !may_break) {
      return Status(Code::kContractRefused,
                    fmt::format("{} → {} is a new major version", registered->Title(),
                                contract.version().ToString()))
          .WithError("WH8039")
          .WithHint("say --major if its readers may break");
    }
  }
  WEIRHOUSE_TRY(const work::Plan plan, work::MakePlan(workspace));
  for (const work::PlanItem& item : plan.items) {
    if (item.kind == "contract" || item.follows) continue;
    return Status(Code::kConflict,
                  fmt::format("other definitions changed too: {} \"{}\"", item.kind, item.name))
        .WithError("WH8038")
        .WithHint("`wh plan` lists them; `wh apply` registers all together");
  }
  return plan.digest;
}
}  // namespace weirhouse::answers

// Contracts: those of the project, what is registered of them, what registering would change.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "rules/contract/contract.h"
#include "work/project/project.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

using ContractPtr = std::shared_ptr<const contract::Contract>;

// kNotFound WH8037: the project defines no such contract; the hint names what is meant.
Result<ContractPtr> FindContract(const work::ProjectDefinition& project, const std::string& id);

// ---- All of them
struct ContractRow {
  ContractPtr contract;
  ContractPtr registered;  // by the last apply; null: not yet
};
struct ContractsAnswer {
  std::vector<ContractRow> contracts;  // by id
};
Result<ContractsAnswer> ListContracts(work::Workspace& workspace);
// {"contracts": [{contract, version, registered, owner, fields, unknown, violation, mode, digest}]}
nlohmann::json ToJson(const ContractsAnswer& answer);

// ---- One
struct ContractAnswer {
  ContractPtr contract;
};
// Errors as FindContract.
Result<ContractAnswer> ReadContract(const work::ProjectDefinition& project, const std::string& id);
// {contract: as it is registered, digest}
nlohmann::json ToJson(const ContractAnswer& answer);

// ---- What registering the contracts of `workspace` would change
struct ContractDiff {
  ContractPtr proposed;
  ContractPtr registered;  // null: not yet
  contract::CompatibilityReport report;
  bool changes() const { return registered == nullptr || !report.changes.empty(); }
};
struct ContractDiffsAnswer {
  std::vector<ContractDiff> contracts;  // by id; those that change nothing too
};
// `id` alone, or all where it is empty. Errors as FindContract.
Result<ContractDiffsAnswer> CompareContracts(work::Workspace& workspace, const std::string& id);
// "same", "additive", "breaking"
std::string_view VerdictName(contract::Compatibility verdict);
// {"contracts": [{contract, registered, proposed, verdict, changes: [{path, rule, old, new,
// backward, forward, breaking}]}]}; of a new one {contract, verdict: "new", changes: []}
nlohmann::json ToJson(const ContractDiffsAnswer& answer);

// ---- Every version that was registered
struct ContractVersion {
  contract::Contract contract;
  std::optional<CommitSeq> commit;  // that registered it
};
struct ContractHistoryAnswer {
  std::vector<ContractVersion> versions;
};
// Errors as FindContract, where no version is known.
Result<ContractHistoryAnswer> ReadContractHistory(work::Workspace& workspace,
                                                  const std::string& id);
// {"versions": [{version, fields, owner, commit: "@12", digest}]}
nlohmann::json ToJson(const ContractHistoryAnswer& answer);

// ---- Before one is registered by itself
// Whether `contract` of `workspace`, which is by the project's files, can be registered without
// anything else.
//   kContractRefused  it breaks readers within a major version; or it is a new major version, and
//                     `may_break` is not said (WH8039)
//   kConflict         other definitions changed too (WH8038)
// Returns the digest that work::Apply takes.
Result<std::string> CheckContractAlone(work::Workspace& workspace,
                                       const contract::Contract& contract, bool may_break);
}  // namespace weirhouse::answers

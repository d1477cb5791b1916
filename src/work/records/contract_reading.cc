#include "work/records/contract_reading.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "work/workspace/applied.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

// Another type for the same field, that does not hold every value of the old one.
bool Retypes(const contract::Contract& registered, const contract::Contract& proposed) {
  const contract::CompatibilityReport report = contract::Compare(registered, proposed);
  return std::any_of(report.changes.begin(), report.changes.end(),
                     [](const contract::ContractChange& change) {
                       return change.rule == "type" && !change.backward;
                     });
}
}  // namespace

Result<json> AppliedReadBy(Workspace& workspace) {
  WEIRHOUSE_TRY(const std::optional<json> applied,
                workspace.catalog().Setting(std::string(kReadBySetting)));
  return applied.value_or(json::object());
}

Result<json> ReadByToApply(Workspace& workspace) {
  WEIRHOUSE_TRY(json read_by, AppliedReadBy(workspace));
  for (const auto& [id, contract] : workspace.project().contracts) {
    WEIRHOUSE_TRY(const auto registered, RegisteredContract(workspace, id));
    if (registered != nullptr && Retypes(*registered, *contract))
      read_by[id] = contract->version().ToString();
  }
  return read_by;
}

std::string VersionToReadBy(const json& read_by, const std::string& contract,
                            const std::string& pinned) {
  const auto found = read_by.find(contract);
  if (pinned.empty() || found == read_by.end()) return pinned;
  const auto since = contract::ParseVersion(found->get<std::string>());
  const auto arrived = contract::ParseVersion(pinned);
  return since.ok() && arrived.ok() && *arrived < *since ? found->get<std::string>() : pinned;
}

std::vector<std::string> FieldsReadOtherwise(const contract::Contract& registered,
                                             const contract::Contract& proposed) {
  std::vector<std::string> fields;
  for (const contract::ContractChange& change : contract::Compare(registered, proposed).changes) {
    if (!change.path.empty() &&
        (change.rule == "type" || change.rule == "added" || change.rule == "default"))
      fields.push_back(change.path);
  }
  return fields;
}
}  // namespace weirhouse::work

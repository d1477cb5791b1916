#include "work/records/contract_reading.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "work/workspace/applied.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

// Whether a field has another type that does not hold every value of the old one.
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
                catalog::setting::ReadBy().In(workspace.catalog()));
  return applied.value_or(json::object());
}

namespace {
// The last version up to `then` that changed the type of a field; none if all versions read alike.
Result<std::optional<contract::Version>> LastRetyped(Workspace& workspace, const std::string& id,
                                                     const contract::Version& then) {
  WEIRHOUSE_TRY(const auto stored, catalog::setting::ContractVersions(id).In(workspace.catalog()));
  std::vector<contract::Version> versions;
  for (const auto& [number, value] : stored) {
    const auto version = contract::ParseVersion(number);
    if (version.ok() && *version <= then) versions.push_back(*version);
  }
  std::sort(versions.begin(), versions.end());
  std::optional<contract::Version> last;
  std::shared_ptr<const contract::Contract> before;
  for (const contract::Version& version : versions) {
    WEIRHOUSE_TRY(const auto contract, RegisteredContract(workspace, id, version.ToString()));
    if (before != nullptr && contract != nullptr && Retypes(*before, *contract)) last = version;
    before = contract;
  }
  return last;
}
}  // namespace

Result<json> ReadByAsOf(Workspace& workspace, const ProjectDefinition& then) {
  WEIRHOUSE_TRY(const json now, AppliedReadBy(workspace));
  json read_by = json::object();
  for (const auto& [id, version] : now.items()) {
    const auto contract = then.contracts.find(id);
    if (contract == then.contracts.end()) continue;
    WEIRHOUSE_TRY(const auto last, LastRetyped(workspace, id, contract->second->version()));
    if (last) read_by[id] = last->ToString();
  }
  return read_by;
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

// What was applied: digests of definitions, registered contracts, and the code kept for
// reproduction.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "ground/base/status.h"
#include "ground/catalog/lineage.h"
#include "ground/catalog/record.h"
#include "rules/contract/contract.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Section → name → digest of each definition in the project's files …
nlohmann::json DefinitionDigests(const ProjectDefinition& project);
// … and of the definitions last applied; an empty object before the first apply.
Result<nlohmann::json> AppliedDigests(Workspace& workspace);
// A contract as the catalog holds it under `key`. kCorruption (WH2023).
Result<std::shared_ptr<const contract::Contract>> ParseRegistered(const nlohmann::json& stored,
                                                                  const std::string& key);
// The registered contract (or that version of it); null if it was never registered.
Result<std::shared_ptr<const contract::Contract>> RegisteredContract(
    Workspace& workspace, const std::string& id, const std::string& version = "");

// The texts that a source reads as null, sorted; for CSV only.
nlohmann::json NullsOf(const Source& source);
// Source → {format, nulls}, as registered; an empty object before the first apply. The delimiter is
// part of the definitions.
Result<nlohmann::json> AppliedReadings(Workspace& workspace);
// The readings to register: of the project's sources, and of former sources whose objects are kept.
nlohmann::json ReadingsToApply(const nlohmann::json& applied, const ProjectDefinition& project);
// Feature view → "none", "stream" or "batch": how the project's files say that it is served online …
nlohmann::json OnlineFillsOf(const ProjectDefinition& project);
// … and how it was last applied. An empty object before the first apply, and in a catalog whose
// last apply was by a release that did not record it. (A view's digest is its meaning, which does
// not depend on where its values are kept.)
Result<nlohmann::json> AppliedOnlineFills(Workspace& workspace);
// kInvalidInput (WH2020) with a hint if the workspace's definitions are not those last applied.
Status RequireApplied(Workspace& workspace);
// How definitions of the project compare with those last applied.
enum class AppliedState : std::uint8_t { kApplied, kDiffers, kNothingApplied };
Result<AppliedState> CompareWithApplied(Workspace& workspace, const ProjectDefinition& project);
Status NotApplied(AppliedState standing);

// The definition files as one write-once object, so that any past state of the project can be
// restored.
struct CodeObject {
  catalog::NodeRef node;  // kind code, key = first 16 digits of the code digest
  nlohmann::json record;  // of the node
  catalog::FileRecord file;
};
Result<CodeObject> StoreCode(Workspace& workspace);
std::string CodeKey(const Digest& code);
// Records in `lineage` of a run that it used the project's files with this digest.
void UseCode(const Digest& code, catalog::Lineage& lineage);
// path → bytes of the code stored under `key`. kNotFound, kCorruption.
Result<std::map<std::string, std::string>> LoadCode(Workspace& workspace, const std::string& key);
}  // namespace weirhouse::work

// What was applied: digests of definitions, registered contracts, the code kept for reproduction.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "ground/base/status.h"
#include "ground/catalog/record.h"
#include "rules/contract/contract.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Section → name → digest, of the project's files …
nlohmann::json DefinitionDigests(const ProjectDefinition& project);
// … and of what was applied last; an empty object before the first time.
Result<nlohmann::json> AppliedDigests(Workspace& workspace);
// The contract as it was registered (or that version of it); null if it never was.
Result<std::shared_ptr<const contract::Contract>> RegisteredContract(
    Workspace& workspace, const std::string& id, const std::string& version = "");

// The texts that a source reads as null, sorted: of CSV alone.
nlohmann::json NullsOf(const Source& source);
// Source → {format, nulls}, as registered; an empty object before the first time. The delimiter is
// among the definitions.
Result<nlohmann::json> AppliedReadings(Workspace& workspace);
// Those to register: of the project's sources, and of sources that it defined once, whose objects
// are kept.
nlohmann::json ReadingsToApply(const nlohmann::json& applied, const ProjectDefinition& project);
// kInvalidInput (WH2020) with a hint if what the workspace is worked by is not what was applied.
Status RequireApplied(Workspace& workspace);
// The same of any definitions of the project.
enum class Standing : std::uint8_t { kApplied, kDiffers, kNothingApplied };
Result<Standing> StandingOf(Workspace& workspace, const ProjectDefinition& project);
Status NotApplied(Standing standing);

// The definition files as one write-once object, so that any past state of the project can be laid
// out again.
struct CodeObject {
  catalog::NodeRecord node;  // kind code, key = first 16 digits of the code digest
  catalog::FileRecord file;
};
Result<CodeObject> StoreCode(Workspace& workspace);
std::string CodeKey(const Digest& code);
// path → bytes of the code stored under `key`. kNotFound, kCorruption.
Result<std::map<std::string, std::string>> LoadCode(Workspace& workspace, const std::string& key);
}  // namespace weirhouse::work

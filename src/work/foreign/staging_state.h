// The changes that a staging area holds back, kept in the table's metadata.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/id.h"
#include "ground/iceberg/table.h"
#include "work/foreign/staging_area.h"

namespace weirhouse::work {

// Properties "weirhouse.staged.r12.<what>". Readers ignore them, and they are removed with the
// area.
inline constexpr std::string_view kStagedProperties = "weirhouse.staged.";
inline constexpr char kStagedBase[] = "base";  // snapshot id of main when staging began; 0: none
inline constexpr char kStagedSchema[] = "schema";       // schema id that becomes current
inline constexpr std::string_view kStagedSet = "set.";  // + key: a property that will be set …
inline constexpr std::string_view kStagedRemove = "remove.";  // … or removed
std::string StagedPrefix(RunId run);

struct HeldChange {
  const iceberg::Snapshot* head = nullptr;  // of the staging ref, into the table; nullptr: no rows
  std::optional<SnapshotId> base;  // main when it was first staged; 0 = the table was empty
  std::optional<int> schema_id;
  std::map<std::string, std::string> set;
  std::vector<std::string> removed;
  std::vector<std::string> keys;  // of the properties that store these changes

  bool empty() const { return head == nullptr && !schema_id && set.empty() && removed.empty(); }
};
HeldChange FindHeldChange(RunId run, const iceberg::TableMetadata& table);
// Updates that remove an area's ref and properties from a table.
std::vector<iceberg::Update> MakeRemovalUpdates(RunId run, const HeldChange& held);

// ---- The area's own record
catalog::SettingOf<nlohmann::json> SettingOfArea(RunId run);  // where the catalog keeps it
nlohmann::json ToJson(const StagingArea& area);
Status RequireOpen(const StagingArea& area);  // kConflict WH7114
// The name of the area's token, which a closed area no longer needs.
std::string TokenNameOf(RunId run);
Status CloseToken(Workspace& workspace, RunId run, const std::string& why);
}  // namespace weirhouse::work

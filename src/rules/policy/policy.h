// Who may do what in which layer, and what no one may do: judged by what a commit really does.
//
// Pure except for reading manifests; nothing here writes. What is not allowed is denied.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/iceberg/read/snapshot_change.h"
#include "ground/iceberg/table.h"
#include "ground/platform/io/object_store.h"
#include "rules/contract/contract.h"

namespace weirhouse::policy {

// ---- Who
enum class Role : std::uint8_t {
  kReader,      // lists and loads
  kWriter,      // also creates tables, appends, overwrites and deletes if the layer allows it
  kMaintainer,  // lists and loads; rewrites files without changing rows, expires, tags
  kPublisher,   // opens staging areas, publishes or discards them
  kAdmin,       // all of these, and drops, renames, namespaces, tokens; layers bind an admin too
};
std::string_view RoleName(Role role);  // "reader", …
Result<Role> ParseRole(std::string_view name);

// Someone with a token. A scope is a namespace and all below it ("processed", "sandbox.a") or "*".
struct Principal {
  std::string id;    // "t3"
  std::string name;  // "spark-etl"
  Role role = Role::kReader;
  std::vector<std::string> scopes;
  // Set for a staging area's token: changes are staged for this run, and only in `view_tables`.
  std::optional<RunId> staging_area;
  std::vector<std::string> view_tables;

  bool Covers(std::string_view name_space) const;
};

// ---- What is asked
enum class Action : std::uint8_t {
  kRead,
  kCreateTable,
  kRegisterTable,
  kCommit,
  kDropTable,
  kPurgeTable,
  kRenameTable,
  kCreateNamespace,
  kSetNamespaceProperties,
  kDropNamespace,
  kCreateView,
  kReplaceView,
  kDropView,
  kRenameView,
  kRegisterOver,  // register a table whose name exists: its pointer moves
};
std::string_view ActionName(Action action);  // "drop the table", …

// ---- Layers
enum class Layer : std::uint8_t { kRaw, kProcessed, kFeature, kSystem, kOpen };
// From the first level of the namespace: raw; processed; feature; quarantine, system and
// training_set are kSystem; everything else is kOpen and has no rules except those on locations.
Layer LayerOf(std::string_view name);
std::string_view LayerName(Layer layer);  // "raw", "processed", "feature", "system", "open"

// What is known about a table besides its metadata.
struct TableRules {
  Layer layer = Layer::kOpen;
  // The landing, transform or feature view that makes it, if any: nothing else may write to it.
  // Empty for tables of other engines.
  std::string made_by;  // "processed/arrival.sql"
  bool gated = false;   // a gate judges it: main moves only when a staging area is published
  std::string gate;     // its name, for people
  // For processed tables that other engines write: the contract of their rows.
  const contract::Contract* contract = nullptr;
};

// Checks role, scope and layer, and `rules` if given (of an existing table: who makes it). `name`
// is a namespace for actions on namespaces, else a table or view; for a rename check both names.
// Call this first for every action; the effects of a commit are judged by Judge.
//   kPermissionDenied  WH7070 role or scope: names a role that would be allowed; WH7072 nothing in
//   raw
//                      is dropped, renamed or registered over; WH7075 only the project itself
//                      writes
//                      the layer or the table
Status MayAct(const Principal& who, Action action, std::string_view name,
              const TableRules* rules = nullptr);

// ---- Locations
// Where tables may lie. Below `root` no symbolic link and no ".." is followed, so a path that is
// inside by its name is really inside.
struct Warehouse {
  std::string root;  // absolute
};
// Checks that `path` is inside the warehouse, for example a metadata.json to register. It need not
// exist.
//   kPermissionDenied  WH7071
Status CheckInside(const Warehouse& warehouse, std::string_view path);
// Checks a table's location, `write.data.path`, `write.metadata.path`, `write.object-storage.path`
// and `write.folder-storage.path`: they must be inside the warehouse, not inside or around another
// table's, and not in the folder of another layer.
//   kPermissionDenied  WH7071
Status CheckLocations(const Warehouse& warehouse, const iceberg::TableMetadata& metadata,
                      const std::vector<std::string>& other_locations);
// The folders that belong to the table alone once it is committed (catalog::TableChange::places):
// those that CheckLocations checks, each as a path below the warehouse's root, however it was
// spelled. Places outside are left out.
std::vector<std::string> PlacesOf(const Warehouse& warehouse,
                                  const iceberg::TableMetadata& metadata);

// ---- The judgement
struct ProposedCommit {
  const Principal* who = nullptr;
  std::string table;
  TableRules rules;
  const iceberg::TableMetadata* before = nullptr;  // nullptr: the table is new
  const iceberg::TableMetadata* after = nullptr;
  // Locations and `write.data.path`s of other tables: those that lie inside or around
  // PlacesOf(`after`) are enough. Needed for new tables, and if a commit changes the location or
  // one of those properties.
  std::vector<std::string> other_locations;
};
// Whether Judge needs `other_locations`.
bool MovesLocations(const iceberg::TableMetadata* before, const iceberg::TableMetadata& after);

// What a judged commit changes, ref by ref, for lineage and downstream tables.
struct JudgedRef {
  std::string ref;
  const iceberg::Snapshot* before = nullptr;  // into `before`; nullptr: the ref is new
  const iceberg::Snapshot* after = nullptr;   // into `after`; nullptr: the ref was removed
  // What `change` was computed against: `before`, or for a new ref its nearest ancestor that the
  // table had; nullptr: the empty table.
  const iceberg::Snapshot* base = nullptr;
  bool descends = true;  // `after` has `before` as an ancestor; false: rollback, replaced history
  iceberg::SnapshotChange change;
};
struct Judgement {
  std::vector<JudgedRef> refs;  // the refs that moved
  bool schema_changed = false;
  // Data, delete, manifest and list files that it adds, sorted, each once.
  std::vector<std::string> files;
};
// Judges one table's part of a commit by its manifests; docs/reference/policy.md lists every rule.
//   kPermissionDenied  the role or the layer forbids it: WH7070 role, WH7071 location, WH7072 raw
//                      is append-only, WH7073 contract, WH7074 gated, WH7075 made by a definition,
//                      WH7076 rows change in a `replace`, WH7077 a ref that does not descend
//   kInvalidInput      contradictory evidence (WH7078), rows that cannot be compared
//                      (WH7079)
Result<Judgement> Judge(platform::ObjectStore& store, const Warehouse& warehouse,
                        const ProposedCommit& commit);
}  // namespace weirhouse::policy

// Who may do what to which layer, and what no one may do to it: judged on what a commit really
// does.
//
// Pure but for reading manifests; nothing here writes. Denied unless something allows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "contract/contract.h"
#include "storage/disk.h"
#include "table/snapshot_change.h"
#include "table/table.h"

namespace weirhouse::policy {

// ---- Who
enum class Role : std::uint8_t {
  kReader,      // lists and loads
  kWriter,      // and creates tables, appends, overwrites and deletes where the layer allows it
  kMaintainer,  // lists and loads; rewrites files without changing rows, expires, tags
  kPublisher,   // opens run views, publishes or discards them
  kAdmin,       // all of it, and drops, renames, namespaces, tokens; layers bind an admin too
};
std::string_view RoleName(Role role);  // "reader", …
Result<Role> ParseRole(std::string_view name);

// Someone with a token. A scope is a namespace and all below it ("processed", "sandbox.a") or "*".
struct Principal {
  std::string id;    // "t3"
  std::string name;  // "spark-etl": what people call it
  Role role = Role::kReader;
  std::vector<std::string> scopes;
  // Of a run view's token: what it does is staged for this run, in these tables alone.
  std::optional<RunId> view;
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
};
// By role and scope alone; `name` is a namespace for actions on namespaces, else a table or view.
//   kPermissionDenied  WH7070, says which role would be allowed
Status MayAct(const Principal& who, Action action, std::string_view name);

// ---- Layers
enum class Layer : std::uint8_t { kRaw, kProcessed, kFeature, kSystem, kOpen };
// By the first level of the namespace: raw; processed; feature; quarantine, system and training_set
// are kSystem; everything else is kOpen and has no rules but those of locations.
Layer LayerOf(std::string_view name);

// What is known of a table beside its metadata.
struct TableRules {
  Layer layer = Layer::kOpen;
  // The landing, transform or feature view that makes it: no one else writes to it. Empty for
  // tables of others.
  std::string made_by;  // "processed/arrival.sql"
  bool gated = false;   // a gate judges it: main moves only when a run view is published
  std::string gate;     // its name, for people
  // Processed tables that other engines write: what their rows must agree with.
  const contract::Contract* contract = nullptr;
};

// ---- Locations
// Where tables may lie. Locations are compared as real paths: no "..", no symbolic link out.
struct Warehouse {
  std::string root;  // absolute
};
// A table's location, `write.data.path`, `write.metadata.path`, `write.object-storage.path`,
// `write.folder-storage.path`: inside the warehouse, and not inside or around another table's.
//   kPermissionDenied  WH7071
Status CheckLocations(const Warehouse& warehouse, const table::TableMetadata& metadata,
                      const std::vector<std::string>& other_locations);

// ---- The judgement
struct ProposedCommit {
  const Principal* who = nullptr;
  std::string table;
  TableRules rules;
  const table::TableMetadata* before = nullptr;  // nullptr: the table is new
  const table::TableMetadata* after = nullptr;
  std::vector<std::string> other_locations;  // of all other tables
};
// What a judged commit changes, ref by ref: for lineage and for those downstream.
struct JudgedRef {
  std::string ref;
  const table::Snapshot* before = nullptr;  // into `before`; nullptr: the ref is new
  const table::Snapshot* after = nullptr;   // into `after`; nullptr: the ref was removed
  table::SnapshotChange change;
};
struct Judgement {
  std::vector<JudgedRef> refs;  // those that moved
  bool schema_changed = false;
  std::vector<std::string> files;  // paths of data, delete, manifest and list files it brings
};
// Judges one table's part of a commit by its manifests; see docs/reference/policy.md for every
// rule.
//   kPermissionDenied  the role or the layer forbids it (WH7070 role, WH7071 location, WH7072 raw
//   is
//                      append-only, WH7073 contract, WH7074 gated, WH7075 made by a definition,
//                      WH7076 rows change in a `replace`, WH7077 a ref that does not descend)
//   kInvalidInput      evidence that contradicts itself (WH7078)
Result<Judgement> Judge(storage::Disk& disk, const Warehouse& warehouse,
                        const ProposedCommit& commit);
}  // namespace weirhouse::policy

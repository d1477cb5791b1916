// Commits of other engines over the REST catalog: checked, judged, made durable and committed like
// our own steps, each as a run in lineage.
//
// Error codes of these functions, for callers that translate them into another protocol:
//   WH7033  kNotFound          no such namespace
//   WH7101  kNotFound          no such table (or one that the caller may not know of)
//   WH7102  kConflict          the name is taken: by a table, a view or a namespace
//   WH7103  kNotFound          no such view
//   WH7104  kInvalidInput      a file that the commit names is not there or not what it says
//   WH7105  kInvalidInput      the request is malformed: a name, a member, a table twice
//   WH7106  kPermissionDenied  a processed table that no definition declares
//   WH7107  kInvalidInput      a metadata.json that cannot be registered
//   WH7108  kInvalidInput      a view whose metadata or updates contradict themselves
//   WH7109  kConflict          a requirement of a view does not hold
//   WH7130  kConflict          the namespace is not empty
//   WH7131  kPermissionDenied  not one of the tables of the caller's staging area
// and those of ground/iceberg/update/metadata_update.h, rules/policy/policy.h,
// work/foreign/staging_area.h; WH7002 (another writer won, after a few attempts) and WH7003 (unknown)
// of the catalog.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/iceberg/table.h"
#include "ground/iceberg/update/update.h"
#include "ground/iceberg/view/view_update.h"
#include "rules/policy/policy.h"
#include "work/project/table_rules.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// The name is a table's, a view's or a namespace's already.
inline constexpr Reason kNameTaken{"WH7102"};

// Who asks, by which engine, and under which idempotency key.
struct Caller {
  policy::Principal who;
  std::string engine;  // "duckdb 1.5.5", from the user agent; for lineage only
  std::string remote;
  // The client's idempotency key and the digest of its request; empty if the request has none.
  // `reply_body` makes the reply inside the commit, so that the reply is stored with it.
  std::string idempotency_key;
  std::string request_digest;
};

struct ForeignChange {
  std::string table;
  std::vector<iceberg::Requirement> requirements;
  std::vector<iceberg::Update> updates;
};
struct ForeignCommit {
  Caller caller;
  std::vector<ForeignChange> changes;  // several tables: all or none
};
struct ForeignAnswer {
  CommitSeq seq;  // 0: nothing changed
  RunId run;
  std::vector<iceberg::TablePtr>
      tables;  // as the caller now sees them, in the order of the changes
};
// Makes the reply that is stored; called before the commit, when the new metadata is known.
using ReplyOf = std::function<catalog::StoredReply(const std::vector<iceberg::TablePtr>&)>;

// Threads: any. One transaction holds the pointers, lineage (a run of kind "foreign": who, engine,
// what it read if known, every file with its digest), outbox events and the stored reply. Files
// that the client wrote are fsynced first. A caller with a staging area commits to the area's
// staging refs.
//   kConflict          a requirement does not hold, or another writer won (WH7066, WH7002)
//   kPermissionDenied  see policy::Judge
//   kInvalidInput, kNotFound (WH7101 no such table)
//   kUnavailable       WH7003: the outcome is unknown; nothing may be deleted
Result<ForeignAnswer> CommitForeign(Workspace& workspace, const ForeignCommit& commit,
                                    const ReplyOf& reply = {});

struct ForeignCreate {
  Caller caller;
  std::string name_space;
  std::string own_name;
  iceberg::WantedTable table;
  bool stage = false;  // stage-create: returns metadata and keeps nothing but two folders
};
Result<iceberg::TablePtr> CreateForeign(Workspace& workspace, const ForeignCreate& create,
                                        const ReplyOf& reply = {});
// Adopts a metadata.json inside the warehouse; `overwrite` moves a pointer that exists.
Result<iceberg::TablePtr> RegisterForeign(Workspace& workspace, const Caller& caller,
                                          const std::string& name,
                                          const std::string& metadata_location, bool overwrite,
                                          const ReplyOf& reply = {});
Status DropForeign(Workspace& workspace, const Caller& caller, const std::string& name, bool purge,
                   const std::optional<catalog::StoredReply>& reply = {});
// Renames a table or, if `kind` says so, a view.
Status RenameForeign(Workspace& workspace, const Caller& caller, const std::string& name,
                     const std::string& new_name,
                     const std::optional<catalog::StoredReply>& reply = {},
                     catalog::PointerKind kind = catalog::PointerKind::kTable);
Status ChangeNamespace(Workspace& workspace, const Caller& caller,
                       const catalog::NamespaceChange& change,
                       const std::optional<catalog::StoredReply>& reply = {});

// ---- Views. A view's metadata.json (Iceberg view specification, version 1) is kept as JSON.
struct SqlView {
  std::string metadata_location;
  nlohmann::json metadata;
};
using ViewReplyOf = std::function<catalog::StoredReply(const SqlView&)>;
Result<SqlView> CreateView(Workspace& workspace, const Caller& caller, const std::string& name,
                           const iceberg::WantedView& wanted, const ViewReplyOf& reply = {});
struct ViewChange {
  std::vector<iceberg::AssertViewUuid> requirements;
  std::vector<iceberg::ViewUpdate> updates;
};
Result<SqlView> ReplaceView(Workspace& workspace, const Caller& caller, const std::string& name,
                            const ViewChange& change, const ViewReplyOf& reply = {});
Result<SqlView> RegisterView(Workspace& workspace, const Caller& caller, const std::string& name,
                             const std::string& metadata_location, const ViewReplyOf& reply = {});
Result<SqlView> LoadView(Workspace& workspace, const Caller& caller, const std::string& name);
Status DropView(Workspace& workspace, const Caller& caller, const std::string& name,
                const std::optional<catalog::StoredReply>& reply = {});

// A table as this caller sees it: through a staging area, `main` is the staged snapshot.
//   kNotFound  WH7101: no such table, or the caller may not read its namespace
Result<iceberg::TablePtr> LoadForeign(Workspace& workspace, const Caller& caller,
                                      const std::string& name);
}  // namespace weirhouse::work

// Commits that other engines ask for, over the REST catalog: checked, judged, made durable and
// committed like our own steps, each as a run in lineage.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/catalog.h"
#include "engine/workspace.h"
#include "policy/policy.h"
#include "table/table.h"

namespace weirhouse::engine {

// Who asks, with what, and under which key.
struct Caller {
  policy::Principal who;
  std::string engine;  // "duckdb 1.5.5", from the user agent; for lineage only
  std::string remote;
  // The client's idempotency key and the digest of its request; empty: the request has none. The
  // reply is made by `reply_body` inside the commit, so that it is stored with it.
  std::string idempotency_key;
  std::string request_digest;
};

struct ForeignChange {
  std::string table;
  nlohmann::json requirements;
  nlohmann::json updates;
};
struct ForeignCommit {
  Caller caller;
  std::vector<ForeignChange> changes;  // several tables: all or none
};
struct ForeignAnswer {
  CommitSeq seq;  // 0: nothing had to be written
  RunId run;
  std::vector<table::TablePtr> tables;  // as the caller sees them now, in the order asked
};
// What is stored as the reply; built before the commit, when the new metadata is known.
using ReplyOf = std::function<catalog::StoredReply(const std::vector<table::TablePtr>&)>;

// Threads: any. In one transaction: pointers, lineage (run of kind "foreign": who, engine, what it
// read where known, every file with its digest), outbox events, the stored reply. Files that the
// client wrote are fsynced first. A caller with a run view commits to the view's staging refs.
//   kConflict          a requirement does not hold, or another writer won (WH7060, WH7002)
//   kPermissionDenied  see policy::Judge
//   kInvalidInput, kNotFound (WH7101 no such table)
//   kUnavailable       WH7003: the outcome is unknown; nothing may be deleted
Result<ForeignAnswer> CommitForeign(Workspace& workspace, const ForeignCommit& commit,
                                    const ReplyOf& reply = {});

struct ForeignCreate {
  Caller caller;
  std::string name_space;
  nlohmann::json request;  // the body of `POST …/tables`
  bool stage = false;      // stage-create: answered with metadata, nothing kept but two folders
};
Result<table::TablePtr> CreateForeign(Workspace& workspace, const ForeignCreate& create,
                                      const ReplyOf& reply = {});
// Adopts a metadata.json inside the warehouse; `overwrite` moves a pointer that exists.
Result<table::TablePtr> RegisterForeign(Workspace& workspace, const Caller& caller,
                                        const std::string& name,
                                        const std::string& metadata_location, bool overwrite,
                                        const ReplyOf& reply = {});
Status DropForeign(Workspace& workspace, const Caller& caller, const std::string& name, bool purge,
                   const std::optional<catalog::StoredReply>& reply = {});
Status RenameForeign(Workspace& workspace, const Caller& caller, const std::string& name,
                     const std::string& new_name,
                     const std::optional<catalog::StoredReply>& reply = {});
Status ChangeNamespace(Workspace& workspace, const Caller& caller,
                       const catalog::NamespaceChange& change,
                       const std::optional<catalog::StoredReply>& reply = {});
// A view's metadata.json (Iceberg view specification, version 1), kept as JSON. `updates` and
// `requirements` as in `POST …/views/{view}`; null `base` creates.
Result<nlohmann::json> CreateView(Workspace& workspace, const Caller& caller,
                                  const std::string& name, const nlohmann::json& request);
Result<nlohmann::json> ReplaceView(Workspace& workspace, const Caller& caller,
                                   const std::string& name, const nlohmann::json& requirements,
                                   const nlohmann::json& updates);
Result<std::pair<std::string, nlohmann::json>> LoadView(Workspace& workspace,
                                                        const std::string& name);
Status DropView(Workspace& workspace, const Caller& caller, const std::string& name);

// A table as this caller sees it: through a run view, `main` is the staged snapshot.
//   kNotFound  WH7101, also where the caller may not read the namespace at all
Result<table::TablePtr> LoadForeign(Workspace& workspace, const Caller& caller,
                                    const std::string& name);
// What is known of a table from the project: who makes it, its gate, its contract.
Result<policy::TableRules> RulesOf(Workspace& workspace, const std::string& table);
}  // namespace weirhouse::engine

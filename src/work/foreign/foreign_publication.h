// A change that another engine asked for, as a run of kind "foreign" with one commit.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/iceberg/table.h"
#include "work/foreign/client_file.h"
#include "work/foreign/foreign_commit.h"
#include "work/workspace/publication.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// The publication of one attempt; who asks and for what identify its run. Removes what it staged,
// unless that was committed or may have been; never touches what the client wrote. Threads: one.
class ForeignPublication {
 public:
  // `operation` is a word for people: "commit", "create", "drop".
  ForeignPublication(Workspace& workspace, const Caller& caller, std::string operation);

  // Files that we wrote and that nothing else names before the commit.
  void AddOwnFiles(const std::vector<catalog::FileRecord>& files) {
    publication_.AddOwnFiles(files);
  }
  // Files that the client wrote; it fsyncs nothing.
  void AddClientFiles(const std::vector<catalog::FileRecord>& files) {
    publication_.AddFiles(files);
  }
  // Adds what the run did to `name` to its lineage record. `base` is the pointer it started from.
  void Describe(const std::string& name, const std::optional<std::string>& base,
                nlohmann::json what);
  // Adds a piece to what identifies this change among all others.
  void Identify(std::string piece) { identity_.push_back(std::move(piece)); }
  catalog::CommitRequest& request() { return publication_.request(); }

  // As Publication::Commit.
  //   kInvalidInput WH7104  a file of the client was committed before with other bytes, or an fsync
  //                         of it failed before and cannot be relied on
  Result<catalog::CommitAnswer> Commit();

 private:
  void PlanRun();

  Workspace& workspace_;
  const Caller& caller_;
  std::string operation_;
  Publication publication_;
  nlohmann::json described_ = nlohmann::json::object();
  nlohmann::json bases_ = nlohmann::json::object();
  std::vector<std::string> identity_;
};

// The "weirhouse.table.committed" event of a foreign commit.
catalog::OutboxEvent TableCommittedBy(const Caller& caller, const std::string& table,
                                      std::int64_t rows_added, const std::string& operation);
}  // namespace weirhouse::work

// Write, audit, publish for engines that know no branches: the same tables under a prefix of their
// own, where `main` is a staging ref. `publish` judges what was staged and moves all tables in one
// commit, or leaves the staging refs and reports why.
#pragma once

#include <chrono>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/iceberg/table.h"
#include "ground/iceberg/update/update.h"
#include "rules/policy/policy.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct StagingArea {
  RunId run;                        // "r12": also the prefix
  std::vector<std::string> tables;  // that may be written through it
  std::string opened_by;
  ProcessTime opened_at{};
  std::string state;    // open | published | discarded
  std::string problem;  // open: why the last attempt did not publish it; discarded: the reason
  std::map<std::string, SnapshotId> base;  // main of each table when it was first staged; 0: empty
};
struct OpenedStagingArea {
  StagingArea area;
  std::string token;  // shown once; lives as long as the area, at most `lifetime`
};
// `lifetime` of the token: one day if absent.
//   kNotFound          WH7101: no such table
//   kPermissionDenied  WH7113: a definition makes the table, or it belongs to the system
Result<OpenedStagingArea> OpenStagingArea(Workspace& workspace,
                                          const std::vector<std::string>& tables,
                                          const std::string& who,
                                          std::optional<std::chrono::seconds> lifetime);
Result<StagingArea> FindStagingArea(Workspace& workspace, RunId run);  // kNotFound WH7110
Result<std::vector<StagingArea>> StagingAreas(Workspace& workspace);   // newest first

struct StagingVerdict {
  bool published = false;
  std::string message;  // for people: which gate and check failed, and what to do next
  std::vector<catalog::VerdictRecord> verdicts;
};
// Judges and, if all gates pass, publishes all tables in one commit, with verdicts, metrics,
// lineage and events. If a gate fails, nothing moves and the area stays open, so that its rows can
// be corrected.
//   kConflict      main of a table, or its schema, moved since rows were staged (WH7111): open a
//   new
//                  area and write again; WH7114: already published or discarded
//   kInvalidInput  WH7115: nothing was staged
Result<StagingVerdict> PublishStagingArea(Workspace& workspace, RunId run, const std::string& who);
Status DiscardStagingArea(Workspace& workspace, RunId run, const std::string& reason,
                          const std::string& who);

// ---- Where clients find the project's catalog
// Records the address of the daemon that serves `root` ("http://127.0.0.1:8642"); empty: it ended.
Status NoteAddress(const std::string& root, const std::string& address);
// The recorded address, or the default one.
std::string LoadAddress(const std::string& root);

// ---- The mapping between a table and its view through an area (docs/reference/rest-catalog.md).
// Pure.
std::string StagingRefOf(RunId run);  // "staging-r12"
// The table as the area's clients see it: refs.main, current-snapshot-id and snapshot-log are those
// of the staging ref, if it exists; metadata_location is empty.
iceberg::TableMetadata ShowStagedAsMain(const StagingArea& area,
                                        const iceberg::TableMetadata& table);
// The table as all others see it. While main is empty, rows that are only staged are left out
// altogether: DuckDB reads the newest snapshot there is of a table whose log is empty.
iceberg::TablePtr WithoutStaged(const iceberg::TablePtr& table);
// What a client of the area asked for, in terms of the table: main → staging in set-snapshot-ref
// and assert-ref-snapshot-id. While staging does not exist the assertion is checked against main.
// Both stay as they are where it is refused.
Status MapToStaging(const StagingArea& area, const iceberg::TableMetadata& table,
                    std::vector<iceberg::Requirement>& requirements,
                    std::vector<iceberg::Update>& updates);
}  // namespace weirhouse::work

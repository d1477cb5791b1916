// What a judged commit of another engine leaves in the catalog beside the pointer: the snapshots of
// each ref, and what the run read.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/iceberg/table.h"
#include "ground/iceberg/update/update.h"
#include "rules/policy/policy.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// A client may name what it read in its snapshot's summary: table names or "table@seq", separated
// by commas.
inline constexpr char kInputsSummaryKey[] = "weirhouse.inputs";
inline constexpr std::size_t kInputsMax = 100;  // for one run; the rest stays in the summary

// Records of the snapshots that each ref gained, oldest first, so that every sequence number on
// main is known; for a ref that went back, the snapshot it went to. `before` is nullptr for a new
// table.
std::vector<catalog::SnapshotRecord> SnapshotsGained(const iceberg::TableMetadata* before,
                                                     const iceberg::TableMetadata& after,
                                                     const policy::Judgement& judgement);

// For the run's record: operation, snapshot, parent and rows of each moved ref.
nlohmann::json DescribeChange(const policy::Judgement& judgement,
                              std::span<const iceberg::Update> updates);

// Sources of the edges snapshot → run: what the client says it read, and the former rows of a table
// that it overwrote. Only nodes that exist.
Result<std::vector<catalog::NodeRef>> InputsOf(Workspace& workspace,
                                               const iceberg::TableMetadata* before,
                                               const policy::Judgement& judgement);

// Rows that main gained, according to the evidence.
std::int64_t RowsAddedToMain(const policy::Judgement& judgement);
bool MovesMain(const policy::Judgement& judgement);
}  // namespace weirhouse::work

// Reading lineage: from any node back to the bytes that arrived. Only reads; edges are written in
// catalog::Commit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/catalog.h"
#include "contract/contract.h"
#include "storage/disk.h"

namespace weirhouse::lineage {

// One step of a trace, with the steps behind it.
struct TraceNode {
  std::string kind;   // prediction | model | training_set | run | commit | feature | row | object |
                      // record | …
  std::string key;    // "late#1"
  std::string title;  // one line for people
  nlohmann::json detail;
  bool checked = false;     // the digest of its bytes was recomputed
  bool intact = true;       // … and matched
  std::int64_t hidden = 0;  // parents counted, not listed
  std::vector<TraceNode> parents;
};

struct TraceOptions {
  bool all_records = false;            // else counts and the first three
  std::optional<std::string> feature;  // of a prediction: only this one
};
// What tracing needs from above: the rows behind feature values are re-evaluated by rule, see
// engine/tracing.h.
nlohmann::json ToJson(const TraceNode& node);
// Indented text, one line a node, digests short, "✓" where the bytes were hashed again.
std::string ToText(const TraceNode& node);

// The record behind `record`: its object, byte range, bytes as they arrived, digest checked.
Result<TraceNode> TraceRecord(catalog::Catalog& catalog, storage::Disk& disk, RecordId record,
                              const contract::SourceFormat& format);
// Walks recorded edges back from `start`, at most `depth` levels.
Result<TraceNode> TraceEdges(catalog::Catalog& catalog, const catalog::NodeRef& start, int depth);

struct VerifyReport {
  std::int64_t objects = 0;
  std::int64_t files = 0;
  std::int64_t bytes = 0;
  std::int64_t commits = 0;
  std::vector<std::string> problems;  // one line each, naming the file
};
// Checks the catalog against the disk: every object and live file is there with its size; the hash
// chain holds; each snapshot has one run whose inputs exist. `deep` hashes all bytes again.
Result<VerifyReport> Verify(
    catalog::Catalog& catalog, storage::Disk& disk, bool deep,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress);
}  // namespace weirhouse::lineage

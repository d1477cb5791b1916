// Reads lineage: from any node back to the bytes that arrived. Read-only; edges are written in
// catalog::Commit.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/catalog/ledger.h"
#include "ground/catalog/lineage_store.h"
#include "ground/platform/io/object_store.h"
#include "rules/contract/contract.h"

namespace weirhouse::lineage {

// One step of a trace, with the steps behind it.
struct TraceNode {
  std::string kind;   // prediction | model | training_set | run | commit | feature | row | object |
                      // record | …
  std::string key;    // "late#1"
  std::string title;  // one line for people
  nlohmann::json detail;
  bool checked = false;     // the digest of its bytes was computed again
  bool intact = true;       // … and matched
  std::int64_t hidden = 0;  // parents counted, not listed
  bool folded = false;      // text shows its title alone; JSON shows everything
  std::vector<TraceNode> parents;

  // False if bytes that were hashed again, at this node or behind it, are not those recorded.
  bool AllIntact() const;
};

struct TraceOptions {
  bool all_records = false;            // otherwise counts and the first three
  std::optional<std::string> feature;  // only this feature of a prediction
};
nlohmann::json ToJson(const TraceNode& node);
// Indented text, one line for each node, digests shortened, "✓" if the bytes were hashed again.
std::string ToText(const TraceNode& node);

// How the objects of a source are cut into records; absent if no definition tells any more.
using FormatOfSource = std::function<std::optional<contract::SourceFormat>(const std::string&)>;

// Raw objects for a trace: each is read and hashed once, however many of its records are asked for.
// A missing or changed object is a node that is not intact, not an error. Threads: one. Memory: the
// last kObjectsKept objects.
class RawObjects {
 public:
  static constexpr std::size_t kObjectsKept = 64;

  RawObjects(catalog::Ledger& catalog, platform::ObjectStore& store, FormatOfSource format_of)
      : catalog_(catalog), store_(store), format_of_(std::move(format_of)) {}

  // The record: its object, byte range, and bytes as they arrived. kNotFound (WH6002) if no object
  // holds it.
  Result<TraceNode> Record(RecordId record);
  TraceNode Object(const catalog::ObjectRecord& object);

 private:
  struct Held {
    std::string bytes;
    std::string problem;  // why the bytes could not be read
    bool intact = false;
  };
  const Held& Hold(const catalog::ObjectRecord& object);

  catalog::Ledger& catalog_;
  platform::ObjectStore& store_;
  FormatOfSource format_of_;
  std::map<std::int64_t, Held> held_;
};
// One record, cut by a known format.
Result<TraceNode> TraceRecord(catalog::Ledger& catalog, platform::ObjectStore& store,
                              RecordId record, const contract::SourceFormat& format);
// Follows recorded edges back from `start`, at most `depth` levels. Of a node's objects all but the
// first three are only counted.
Result<TraceNode> TraceEdges(catalog::LineageStore& catalog, const catalog::NodeRef& start,
                             int depth);

// A file that was hashed again.
TraceNode CheckedFile(platform::ObjectStore& store, std::string kind, std::string key,
                      const std::string& path, const Digest& recorded);
// The first digits of a digest, for people: "2a375d616e94…".
std::string ShortDigest(std::string_view hex);

struct VerifyReport {
  std::int64_t objects = 0;
  std::int64_t files = 0;
  std::int64_t bytes = 0;
  std::int64_t commits = 0;
  std::int64_t snapshots = 0;         // live ones whose manifests were read
  std::vector<std::string> problems;  // one line each, naming the file
  // Files that no commit names and no running run can have written: left by crashes, harmless.
  std::int64_t orphans = 0;
  std::int64_t orphan_bytes = 0;
  std::vector<std::string> first_orphans;  // at most 20 paths
};
struct VerifyOptions {
  bool deep = false;  // hash all bytes again and read the manifests of every live snapshot
  std::string lake;   // where to look for orphans; empty: nowhere
  int threads = 2;
};
// Checks the catalog against the disk: every object and live file exists with its size, raw objects
// are read-only, live snapshots reach only recorded files, feature tables match the feature offset,
// the hash chain holds, each commit has one run. Calls `progress` from the calling thread.
Result<VerifyReport> Verify(
    catalog::Catalog& catalog, platform::ObjectStore& store, const VerifyOptions& options,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress);
// As above; the lake is where the catalog says it is.
Result<VerifyReport> Verify(
    catalog::Catalog& catalog, platform::ObjectStore& store, bool deep,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress);
}  // namespace weirhouse::lineage

// The project as its files define it: weirhouse.yaml, contracts, SQL, gates, feature views,
// training sets, models.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "rules/contract/contract.h"
#include "rules/feature/definition/definition.h"
#include "rules/feature/kernel/plan.h"
#include "rules/gate/definition/definition.h"
#include "rules/model/definition.h"
#include "rules/transform/check/check.h"
#include "rules/transform/definition.h"
#include "work/landing/landing.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::work {

struct Source {
  std::string name;
  std::string landing;  // relative to the project; "topic:NAME" if records are sent to a topic
  std::string topic;    // NAME of that; empty: files land in a folder
  std::string format;   // jsonl | json | csv
  std::vector<std::string> nulls;
  char delimiter = ',';  // of csv
  std::string contract;
  std::vector<std::string> dedup_key;
  std::string event_time;
  std::int64_t lateness_us = 0;
  landing::BatchRule batch;
  bool delete_after = false;
};

// `types: { zip: string }`: the declared type of a seed's column, whatever its values look like.
struct SeedType {
  std::string column;
  std::string text;  // as written
  contract::LogicalType type = contract::LogicalType::kString;
  std::optional<contract::DecimalShape> decimal;
  SourceSpan span;
};
struct SeedColumn {
  std::string name;
  std::string type;            // "integer", "DECIMAL(10,2)"
  std::string odd;             // numbers kept as text: the first that SQL would write differently
  bool zoneless = false;       // times without a zone
  bool looks_numeric = false;  // text although each value reads like a number
};
struct Seed {
  std::string name;
  std::string path;  // relative
  std::vector<SeedType> types;
  Digest digest;  // of the file, and of `types`
  std::shared_ptr<arrow::Table> rows;
  std::vector<SeedColumn> columns;
};

struct Alert {
  std::vector<std::string> when;     // gate_failed | 'quarantine_rate > 1%' | 'freshness > 15m'
  std::vector<std::string> command;  // argv; the CloudEvent on stdin
  std::string webhook;               // accepted; delivery by webhook comes with the events work
};
struct Notify {
  std::string when;   // table_committed | run_finished
  std::string table;  // or empty
  std::vector<std::string> command;
};

struct Profile {
  std::string name = "local";
  std::string warehouse = "./.weirhouse/lake";
  // Where the catalog is: empty = SQLite in the state folder; else a PostgreSQL URL. References
  // like '${env:NAME}' are kept as written, so that no password is stored.
  std::string catalog_url;
  bool batch_by_arrival = false;         // ignore the sources' batch patterns
  std::vector<std::string> skip_checks;  // gate check kinds that are recorded as skipped
};

// Whether this profile skips a check kind that depends on history.
bool SkipsHistory(const Profile& profile);

// `upkeep:` of weirhouse.yaml: when the project's own tables are maintained, and how far.
struct UpkeepPolicy {
  bool by_itself = true;  // `wh serve` while it is idle, `wh run` and `wh ingest` at their end
  std::int64_t after_changes = 64;   // a table has its turn once it changed as often since its last
  std::int64_t small_files = 8;      // as many in one partition are merged
  std::chrono::seconds grace{3600};  // the longest a reader may take
  std::chrono::seconds orphan_age{24 * 3600};  // longer than any lease
};

// Everything in a project's files, parsed and checked against each other. Immutable; shared by
// threads.
struct ProjectDefinition {
  std::string root;  // absolute folder of weirhouse.yaml
  std::string name;
  bool replay_clock = false;
  Profile profile;
  std::vector<Source> sources;
  std::vector<Seed> seeds;
  std::vector<Alert> alerts;
  std::vector<Notify> notify;
  UpkeepPolicy upkeep;
  std::map<std::string, std::shared_ptr<const contract::Contract>> contracts;  // by id
  std::vector<transform::CheckedTransform> transforms;                         // in running order
  std::vector<gate::GateDefinition> gates;
  std::vector<feature::FeatureView> views;
  std::vector<feature::ViewPlan> view_plans;  // of `views`, in their order
  std::vector<feature::TrainingSetDefinition> training_sets;
  std::vector<model::ModelDefinition> models;
  std::vector<std::string> notes;  // remarks, such as keys that have no effect yet

  // The definition files (sorted relative path → bytes) and their digest: the code version.
  std::map<std::string, std::string> files;
  Digest code;

  const Source* FindSource(std::string_view name) const;
  const transform::CheckedTransform* FindTransform(std::string_view table) const;
  const feature::FeatureView* FindView(std::string_view name, int version) const;
  const feature::ViewPlan* FindPlan(std::string_view view_id) const;  // "carrier_delay@1"
  const feature::TrainingSetDefinition* FindTrainingSet(std::string_view name) const;
  const model::ModelDefinition* FindModel(std::string_view name) const;
};

// FindProjectRoot: the folder of weirhouse.yaml at or above `start`. LoadProject reads and checks a
// whole project; collects all errors into one Status with diagnostics (kInvalidInput). Cost: about
// 30 ms for the example.
Result<std::string> FindProjectRoot(const std::string& start);
Result<std::shared_ptr<const ProjectDefinition>> LoadProject(const std::string& root,
                                                             const std::string& profile);
// The project in `root` if its definition files were exactly `files` (path → bytes, with seeds and
// packages). Errors: those of LoadProject; kCorruption (WH2024) if a seed is missing from them.
Result<std::shared_ptr<const ProjectDefinition>> ProjectOfCode(
    const std::string& root, const std::string& profile, std::map<std::string, std::string> files);
}  // namespace weirhouse::work

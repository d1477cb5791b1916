// A project opened for work: its catalog, disk, caches and SQL engine, under the project's lock.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/random.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/catalog.h"
#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/table.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/io/object_store.h"
#include "ground/platform/kv/kv.h"
#include "ground/platform/kv/run_store.h"
#include "ground/platform/sql/sql.h"
#include "work/project/project.h"
#include "work/workspace/state/project_lock.h"

namespace weirhouse::transform {
class VersionIndex;
}  // namespace weirhouse::transform
namespace weirhouse::feature {
class OnlineStore;
class RequestSessions;
}  // namespace weirhouse::feature

namespace weirhouse::work {
class ParsingMark;
class ProjectLock;
class TopicLogs;

// How a verb reports its progress. Threads: called from the working thread only.
class Progress {
 public:
  virtual ~Progress() = default;
  // `done` of `total` (0 = unknown) of the step `what`.
  virtual void Update(std::string_view what, std::int64_t done, std::int64_t total) = 0;
  virtual void Say(std::string_view line) = 0;  // a note of one line
  virtual bool Cancelled() = 0;                 // Ctrl-C: finish the unit, then stop
};
// Says nothing, never cancels.
Progress& NoProgress();

enum class Access : std::uint8_t { kRead, kWrite };

// What a project is opened in: the store of its lake, the clock, the source of randomness. They
// must outlive the workspace. Tests and simulations pass their own, and an open SQL engine, because
// opening one costs them more than the rest.
struct Environment {
  platform::ObjectStore& store = platform::LocalStore();
  Clock& clock = SystemClock();
  Random& random = SystemRandom();
  // The store of the state folder and of the project's files, which are on this machine whatever
  // store the lake is in. Null: `store`.
  platform::ObjectStore* local_store = nullptr;
  std::shared_ptr<platform::SqlEngine> sql{};  // null: the workspace opens one of its own
};

// An open project. One writer for each project: kWrite takes the lock (kUnavailable WH8001 names
// the holder). Threads: one worker at a time for verbs that write; reads of `online()` and
// `catalog()` from any.
class Workspace {
 public:
  // Chooses the definitions to work with, once the catalog is open (and the lock is taken).
  using Choose = std::function<Result<std::shared_ptr<const ProjectDefinition>>(Workspace&)>;
  // `project` says where the state is, and is worked with unless `choose` returns another.
  static Result<std::unique_ptr<Workspace>> Open(std::shared_ptr<const ProjectDefinition> project,
                                                 Access access, const Choose& choose = {},
                                                 const Environment& environment = {});
  // Opens a project whose folder was moved or copied, for writing: only catalog and tables, without
  // caches and engines. Paths recorded below former places of the lake are mapped to the present
  // one. For Relocate (work/upkeep/relocation.h).
  static Result<std::unique_ptr<Workspace>> OpenMoved(
      std::shared_ptr<const ProjectDefinition> project, const Environment& environment = {});
  ~Workspace();
  // The same state with other definitions of the same project. Open stores are shared; indexes and
  // sessions are its own, so two such workspaces must not run steps at the same time.
  std::unique_ptr<Workspace> With(std::shared_ptr<const ProjectDefinition> project) const;

  const ProjectDefinition& project() const { return *project_; }
  std::shared_ptr<const ProjectDefinition> shared_project() const { return project_; }
  catalog::Catalog& catalog() { return *catalog_; }
  // The store of the lake. What was parsed of its tables is kept with it, for this project alone.
  platform::ObjectStore& store() { return *store_; }
  const platform::ObjectStore& store() const { return *store_; }
  // The store of the state folder and the project's own files, on this machine.
  platform::ObjectStore& local_store() { return *local_store_; }
  platform::KvStore& kv() { return *kv_; }
  platform::SqlEngine& sql() { return *sql_; }
  feature::OnlineStore& online() { return *online_; }
  // False for a reader of a project that never ran.
  bool has_online() const { return online_ != nullptr; }
  feature::RequestSessions& request_sessions() { return *request_sessions_; }
  // The object that is being parsed, for the next process. Only for writers.
  ParsingMark& parsing_mark() { return *parsing_mark_; }
  // What was sent to topics; appending to them is for any thread.
  TopicLogs& topics() { return *topics_; }
  Clock& clock() { return *clock_; }
  Random& random() { return *random_; }
  const std::string& state_folder() const { return state_folder_; }  // <root>/.weirhouse
  const std::string& lake() const { return lake_; }                  // absolute
  // Where the lake was before the project was moved, canonical: file records and history name files
  // there.
  const std::vector<std::string>& former_lakes() const { return former_lakes_; }
  // A warning if the wall clock is behind the newest commit; see ClockStory.
  const std::optional<std::string>& clock_went_back() const { return clock_went_back_; }

  // The current state of a table; kNotFound if it does not exist.
  Result<iceberg::TablePtr> LoadTable(const std::string& name);
  // Absent if it does not exist yet.
  Result<std::optional<iceberg::TablePtr>> FindTable(const std::string& name);
  // All rows of a table's main snapshot (or of `snapshot`), with these columns (empty = the
  // declared ones).
  Result<std::shared_ptr<arrow::Table>> ReadTable(
      const std::string& name, const std::vector<std::string>& columns = {},
      std::optional<SnapshotId> snapshot = std::nullopt);
  std::string TableLocation(const std::string& name) const;  // <lake>/processed/arrival

  // The key index of a table, updated to its main snapshot.
  Result<iceberg::KeyIndex*> IndexOf(const std::string& name,
                                     const std::vector<std::string>& key_columns,
                                     const std::vector<std::string>& order_columns,
                                     iceberg::IndexedFacts facts = iceberg::IndexedFacts::kAll);
  // The versions that a table remembers, updated to its history or to system.losers; null if it
  // remembers none: without history by arrival, and without history over another table.
  Result<transform::VersionIndex*> VersionsOf(const transform::CheckedTransform& transform);
  // The same without updating them, for use between a commit and Apply. They must have been loaded
  // before.
  Result<iceberg::KeyIndex*> PeekIndex(const std::string& name);
  Result<transform::VersionIndex*> PeekVersions(const std::string& name);
  // What to report about an older catalog in this one's place (catalog_witness.h).
  const std::vector<std::string>& other_lives() const { return other_lives_; }
  // The project's now: wall time, or the greatest committed batch end when the clock is replay.
  Result<EventTime> Now();

 private:
  explicit Workspace(const Environment& environment);
  Status OpenState(Access access, bool was_moved);
  Status OpenEngines(Access access, std::shared_ptr<platform::SqlEngine> sql);
  std::shared_ptr<const ProjectDefinition> project_;
  std::shared_ptr<catalog::Catalog> catalog_;
  std::shared_ptr<platform::ObjectStore> moved_;    // null unless the project was moved
  std::shared_ptr<platform::ObjectStore> caching_;  // over it
  platform::ObjectStore* store_;
  platform::ObjectStore* local_store_;
  std::shared_ptr<platform::KvStore> kv_;
  std::shared_ptr<platform::SqlEngine> sql_;
  std::shared_ptr<ParsingMark> parsing_mark_;
  std::shared_ptr<TopicLogs> topics_;
  std::unique_ptr<feature::RequestSessions> request_sessions_;
  std::shared_ptr<feature::OnlineStore> online_;
  std::vector<std::string> other_lives_;
  Clock* clock_;
  Random* random_;
  std::string state_folder_;
  std::string lake_;
  std::vector<std::string> former_lakes_;
  std::optional<std::string> clock_went_back_;
  std::shared_ptr<ProjectLock> lock_;
  std::mutex index_mutex_;  // guards the two maps; only one step uses an index at a time
  std::map<std::string, std::unique_ptr<iceberg::KeyIndex>> indexes_;
  std::map<std::string, std::unique_ptr<transform::VersionIndex>> versions_;
  std::shared_ptr<platform::RunStores> runs_;  // of the indexes
};

// Makes the state folder, the catalog and the token of a new project. Returns the token, which is
// stored hashed only.
Result<std::string> InitializeState(const ProjectDefinition& project,
                                    const Environment& environment = {});
}  // namespace weirhouse::work

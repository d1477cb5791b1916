// The place of simulated lives: a folder in memory, with one project of each variant, made once and
// copied for each life.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"
#include "testing/simulator/world.h"
#include "work/project/project.h"

namespace weirhouse::simulator {

// One per process; one life at a time. Every life has its project at the same path, because tables
// and catalog store absolute paths. Threads: one.
class Stage {
 public:
  Stage();
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // Puts a project of `variant` at root(), in the state after `wh init` and `wh apply`. Cost: about
  // a second the first time, later a copy of some thirty small files.
  Result<std::shared_ptr<const work::ProjectDefinition>> Set(const Variant& variant,
                                                             bool gate_ignored);
  const std::string& root() const { return root_; }
  std::string side() const { return (folder_ / "side").string(); }    // copies made at a death
  std::string grave() const { return (folder_ / "grave").string(); }  // files that were removed
  // Shared by all lives: it stores nothing of a project except what a session registers.
  const std::shared_ptr<platform::SqlEngine>& sql() const { return sql_; }

 private:
  using Key = std::pair<Variant, bool>;
  struct Made {
    std::filesystem::path folder;
    std::shared_ptr<const work::ProjectDefinition> definition;
  };
  Result<Made> Make(const Key& key);

  std::filesystem::path folder_;
  std::string root_;
  std::map<Key, Made> made_;
  std::shared_ptr<platform::SqlEngine> sql_;
};
}  // namespace weirhouse::simulator

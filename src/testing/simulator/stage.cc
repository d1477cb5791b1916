#include "testing/simulator/stage.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <fstream>

#include "ground/base/random.h"
#include "ground/base/thread.h"
#include "ground/base/time.h"
#include "work/pipeline/plan/plan.h"

namespace weirhouse::simulator {
namespace {
namespace fs = std::filesystem;
constexpr std::int64_t kMadeUs = 1'893'456'000'000'000;  // 2030-01-01, after all real files

fs::path MakeFolder() {
  std::error_code ignored;
  const bool memory = fs::is_directory("/dev/shm", ignored);
  std::string name =
      (memory ? fs::path("/dev/shm") : fs::temp_directory_path()) / "weirhouse-simulator-XXXXXX";
  WEIRHOUSE_CHECK(mkdtemp(name.data()) != nullptr);
  return name;
}
}  // namespace

Stage::Stage() : folder_(MakeFolder()), root_((folder_ / "project").string()) {}
Stage::~Stage() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

Result<std::shared_ptr<const work::ProjectDefinition>> Stage::Set(const Variant& variant,
                                                                  bool gate_ignored) {
  const Key key{variant, gate_ignored};
  if (sql_ == nullptr) {
    WEIRHOUSE_TRY(sql_, platform::SqlEngine::Open({.threads = 1}));
  }
  auto made = made_.find(key);
  if (made == made_.end()) {
    WEIRHOUSE_TRY(Made one, Make(key));
    made = made_.emplace(key, std::move(one)).first;
  }
  fs::remove_all(root_);
  fs::remove_all(grave());
  fs::remove_all(side());
  fs::create_directories(grave());
  fs::copy(made->second.folder, root_, fs::copy_options::recursive);
  return made->second.definition;
}

Result<Stage::Made> Stage::Make(const Key& key) {
  const InOneThread alone;
  fs::remove_all(root_);
  for (const auto& [path, text] : FilesOf(key.first, key.second)) {
    const fs::path file = fs::path(root_) / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  fs::create_directories(fs::path(root_) / "landing/order");
  fs::create_directories(fs::path(root_) / "landing/visit");
  ManualClock clock(ProcessTimeOfMicros(kMadeUs));
  SeededRandom random(1);
  const work::Environment environment{.clock = clock, .random = random, .sql = sql_};
  Made made;
  WEIRHOUSE_TRY(made.definition, work::LoadProject(root_, ""));
  WEIRHOUSE_TRY_STATUS(work::InitializeState(*made.definition, environment).status());
  {
    WEIRHOUSE_TRY(const auto workspace,
                  work::Workspace::Open(made.definition, work::Access::kWrite, {}, environment));
    WEIRHOUSE_TRY_STATUS(work::Apply(*workspace, "", work::NoProgress()).status());
  }
  made.folder = folder_ / fmt::format("made-{}", made_.size());
  fs::rename(root_, made.folder);
  return made;
}
}  // namespace weirhouse::simulator

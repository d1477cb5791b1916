#include "work/upkeep/relocation.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "ground/base/failpoint.h"
#include "ground/iceberg/write/move_table.h"
#include "ground/platform/io/location.h"
#include "work/ingest/landing_list.h"
#include "work/landing/landed_file.h"
#include "work/landing/landing_name.h"
#include "work/workspace/cache_damage.h"
#include "work/workspace/publication.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

Status CannotRelocate(const std::string& why, const std::string& hint) {
  return Status(Code::kInvalidInput, "the project cannot be relocated: " + why)
      .WithError("WH8003")
      .WithHint(hint);
}

Status CheckMove(Workspace& workspace, const iceberg::TableMove& move,
                 const Environment& environment) {
  for (const std::string& former : move.former) {
    if (platform::IsInFolder(former, move.present) || platform::IsInFolder(move.present, former)) {
      return CannotRelocate(
          fmt::format("one place lies in the other: {}, {}", former, move.present),
          "move it elsewhere");
    }
  }
  if (!workspace.store().Stat(move.present).ok()) {
    return CannotRelocate("its data did not come with it: nothing is at " + move.present,
                          "move the warehouse there too, or name its place in weirhouse.yaml");
  }
  const bool on_server = !workspace.project().profile.catalog_url.empty();
  if (on_server && environment.store.Stat(move.former.back()).ok()) {
    return CannotRelocate(fmt::format("its catalog is on a server, and there is a lake at {} still",
                                      move.former.back()),
                          "one catalog has one lake: remove the other copy, or make a project of "
                          "its own of this one");
  }
  return Status();
}

// The folders that a view has to itself.
std::vector<std::string> PlacesOfView(const json& metadata) {
  iceberg::TableMetadata view;
  view.location = metadata.value("location", "");
  for (const auto& [key, value] : metadata.value("properties", json::object()).items()) {
    if (value.is_string()) view.properties[key] = value.get<std::string>();
  }
  return iceberg::PlacesOf(view);
}

// Stages a view's metadata, JSON that is copied with changed paths.
Result<iceberg::StagedTable> StageViewMove(Workspace& workspace,
                                           const catalog::TablePointer& pointer,
                                           const iceberg::TableMove& move) {
  iceberg::StagedTable staged;
  WEIRHOUSE_TRY(const std::string bytes,
                iceberg::ReadMetadata(workspace.store(), pointer.metadata_location));
  const json metadata = json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!metadata.is_object()) {
    return Status(Code::kCorruption,
                  fmt::format("view metadata is not JSON: {}", pointer.metadata_location))
        .WithError("WH7107");
  }
  const std::string place = workspace.store().Spelling(pointer.metadata_location);
  const json moved = iceberg::MoveJsonLocations(metadata, move);
  if (moved == metadata && place == pointer.metadata_location) return staged;
  const auto name = place.rfind('/') + 1;
  int version = 0;
  std::from_chars(place.data() + name, place.data() + place.size(), version);
  const std::string path = fmt::format("{}{:05}-{}.metadata.json", place.substr(0, name),
                                       version + 1, workspace.random().Uuid4());
  const std::string text = moved.dump(-1, ' ', false, json::error_handler_t::replace);
  WEIRHOUSE_TRY_STATUS(workspace.store().Write(path, text));
  staged.change = {pointer.name, pointer.uuid, pointer.metadata_location, path, pointer.kind};
  staged.change.places = PlacesOfView(moved);
  catalog::FileRecord file;
  file.path = path;
  file.table = pointer.name;
  file.kind = catalog::FileKind::kMetadata;
  file.size_bytes = static_cast<std::int64_t>(text.size());
  file.sha256 = Sha256Of(text);
  staged.files = {std::move(file)};
  staged.paths_to_sync = {path};
  return staged;
}

// The project's former folder, which held its landing folders. If the lake is outside the project's
// folder, the former folder is not known: then landed files are read as new ones and found to be
// repeats.
std::string FormerRoot(const Workspace& workspace) {
  const std::string root = platform::CanonicalPath(workspace.project().root);
  const std::string lake = platform::CanonicalPath(workspace.lake());
  const std::string& former = workspace.former_lakes().back();
  if (!platform::IsInFolder(lake, root)) return "";
  const std::string below = lake.substr(root.size());
  return former.ends_with(below) ? former.substr(0, former.size() - below.size()) : "";
}

// Puts back files whose removal was interrupted before the project was moved.
Status PutBackFilesAside(Workspace& workspace, const Source& source,
                         const std::string& former_root) {
  landing::LandingRule rule = MakeLandingRule(workspace, source);
  rule.aside_name = landing::AsideName(former_root);
  const ProcessTime now = workspace.clock().Now();
  WEIRHOUSE_TRY(const landing::Landing found, landing::ListLanding(rule, workspace.catalog(), now));
  landing::Landing settled;
  for (const std::string& aside : found.aside) {
    WEIRHOUSE_TRY_STATUS(
        landing::SettleAside(rule, aside, workspace.catalog(), workspace.store(), now, settled));
  }
  return Status();
}

// `record` for the file's present `path`; nothing if that is not the file that was recorded. A copy
// has another inode and change time: then its bytes decide.
std::optional<catalog::LandingRecord> SeenBefore(Workspace& workspace,
                                                 const catalog::LandingRecord& record,
                                                 std::string path) {
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return std::nullopt;
  const auto micros = [](const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1000;
  };
  catalog::LandingRecord moved = record;
  moved.path = std::move(path);
  moved.inode = found.st_ino;
  moved.ctime_us = micros(found.st_ctim);
  if (found.st_size != record.size_bytes || micros(found.st_mtim) != record.mtime_us)
    return std::nullopt;
  if (moved.inode == record.inode && moved.ctime_us == record.ctime_us) return moved;
  const auto digest = platform::HashObject(workspace.local_store(), moved.path);
  if (!digest.ok() || *digest != record.digest) return std::nullopt;
  return moved;
}

Result<std::vector<catalog::LandingRecord>> MovedLandings(Workspace& workspace) {
  std::vector<catalog::LandingRecord> moved;
  const std::string former_root = FormerRoot(workspace);
  if (former_root.empty()) return moved;
  const std::string root = platform::CanonicalPath(workspace.project().root);
  for (const Source& source : workspace.project().sources) {
    if (!source.topic.empty()) continue;
    if (!platform::IsInFolder(platform::CanonicalPath(MakeLandingRule(workspace, source).folder),
                              root))
      continue;
    WEIRHOUSE_TRY_STATUS(PutBackFilesAside(workspace, source, former_root));
    WEIRHOUSE_TRY(const auto known, workspace.catalog().Landings(source.name));
    for (const catalog::LandingRecord& record : known) {
      if (!platform::IsInFolder(record.path, former_root)) continue;
      auto one = SeenBefore(workspace, record, root + record.path.substr(former_root.size()));
      if (one) moved.push_back(*std::move(one));
    }
  }
  return moved;
}

// Moves settings that name places in the lake, such as those of other engines' tables.
Status MoveSettings(Workspace& workspace, const iceberg::TableMove& move,
                    catalog::CommitRequest& request) {
  const catalog::SettingChange lake = catalog::setting::Lake().To(workspace.lake());
  const catalog::SettingChange former = catalog::setting::FormerLakes().To(move.former);
  WEIRHOUSE_TRY(const auto settings, catalog::AllSettings(workspace.catalog()));
  for (const auto& [key, value] : settings) {
    if (key == lake.first.text() || key == former.first.text()) continue;
    json moved = iceberg::MoveJsonLocations(value, move);
    if (moved != value) request.settings.push_back(catalog::ChangedSetting(key, std::move(moved)));
  }
  request.settings.push_back(lake);
  request.settings.push_back(former);
  return Status();
}

Result<catalog::Run> PlanRelocation(Workspace& workspace, const iceberg::TableMove& move) {
  WEIRHOUSE_TRY(const CommitSeq last, workspace.catalog().LastSeq());
  StepInputs step;
  step.kind = catalog::RunKind::kRelocation;
  step.name = "relocation";
  step.inputs = {{"from", move.former.back()}, {"to", move.present}, {"after", last.value()}};
  return workspace.catalog().PlanRun(PlanOf(step));
}

Status StageTables(Workspace& workspace, const iceberg::TableMove& move, Publication& publication) {
  WEIRHOUSE_TRY(const std::vector<catalog::TablePointer> pointers, workspace.catalog().Tables());
  for (const catalog::TablePointer& pointer : pointers) {
    if (pointer.kind == catalog::PointerKind::kView) {
      WEIRHOUSE_TRY(const iceberg::StagedTable staged, StageViewMove(workspace, pointer, move));
      publication.Add(staged);
      continue;
    }
    WEIRHOUSE_TRY(const iceberg::TablePtr table,
                  iceberg::LoadTable(workspace.store(), pointer.name, pointer.metadata_location));
    WEIRHOUSE_TRY(const iceberg::StagedTable staged,
                  iceberg::StageMove(workspace.store(), table, workspace.random(), move,
                                     workspace.clock().Now()));
    publication.Add(staged);
  }
  return Status();
}

Result<RelocationReport> MoveAll(Workspace& workspace, const Environment& environment) {
  RelocationReport report;
  if (workspace.former_lakes().empty()) return report;
  WEIRHOUSE_TRY(const auto recorded, catalog::setting::Lake().In(workspace.catalog()));
  if (!recorded || *recorded == workspace.lake()) return report;
  const iceberg::TableMove move{workspace.former_lakes(),
                                platform::CanonicalPath(workspace.lake())};
  WEIRHOUSE_TRY_STATUS(CheckMove(workspace, move, environment));
  // Caches name data files by their paths, so the next writer rebuilds them.
  WEIRHOUSE_TRY_STATUS(
      NoteCacheDamage(workspace.state_folder(), Status(Code::kCorruption,
                                                       "the project was moved, and they named "
                                                       "files by their former places")));
  WEIRHOUSE_TRY(const catalog::Run run, PlanRelocation(workspace, move));
  Publication publication(workspace, run, catalog::Layer::kMaintenance, "relocation");
  WEIRHOUSE_TRY_STATUS(StageTables(workspace, move, publication));
  catalog::CommitRequest& request = publication.request();
  WEIRHOUSE_TRY(request.landings, MovedLandings(workspace));
  WEIRHOUSE_TRY_STATUS(MoveSettings(workspace, move, request));
  report.moved = true;
  report.from = move.former.back();
  report.to = workspace.lake();
  report.tables = static_cast<std::int64_t>(request.tables.size());
  report.files_written = static_cast<std::int64_t>(request.files.size());
  report.landed_known = static_cast<std::int64_t>(request.landings.size());
  WEIRHOUSE_FAILPOINT("relocate.staged");
  WEIRHOUSE_TRY(const catalog::CommitAnswer answer, publication.Commit());
  WEIRHOUSE_FAILPOINT("relocate.committed");
  report.seq = answer.seq;
  return report;
}
}  // namespace

Result<RelocationReport> Relocate(const ProjectFiles& files, const Environment& environment) {
  RelocationReport report;
  {
    WEIRHOUSE_TRY(const std::unique_ptr<Workspace> workspace,
                  Workspace::OpenMoved(files.project, environment));
    WEIRHOUSE_TRY(report, MoveAll(*workspace, environment));
  }
  if (!report.moved) return report;
  // Opened once for writing, which fills the caches from the tables.
  Draft draft;
  WEIRHOUSE_TRY_STATUS(OpenAsApplied(files, Access::kWrite, &draft).status());
  TakeMendedLine(files.project->root + "/.weirhouse");
  return report;
}
}  // namespace weirhouse::work

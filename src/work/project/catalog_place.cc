#include "work/project/catalog_place.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/base/environment.h"

namespace weirhouse::work {
namespace {
constexpr std::string_view kSqliteFile = "/catalog.db";
constexpr std::string_view kServerFile = "/catalog.json";  // {"project_id": …}
constexpr std::string_view kHeadFile = "/head";            // see catalog_witness.h

bool OnServer(const ProjectDefinition& project) { return !project.profile.catalog_url.empty(); }

bool Has(platform::ObjectStore& store, const std::string& state_folder, std::string_view file) {
  return store.Stat(state_folder + std::string(file)).ok();
}

Result<std::unique_ptr<catalog::Catalog>> OpenOnServer(const ProjectDefinition& project,
                                                       const catalog::CatalogOptions& options) {
  WEIRHOUSE_TRY(const std::string url, ExpandEnvironment(project.profile.catalog_url));
  return catalog::OpenPostgresCatalog(url, project.name, options);
}

Status NoState(const std::string& state_folder, std::string hint) {
  return Status(Code::kNotFound, fmt::format("the project has no state yet: {}", state_folder))
      .WithError(kNoState)
      .WithHint(std::move(hint));
}

// A state folder that records a commit once had a catalog. An empty catalog in its place would make
// orphans of all files in the lake.
bool LostItsCatalog(platform::ObjectStore& store, const std::string& state_folder) {
  return !Has(store, state_folder, kSqliteFile) && !Has(store, state_folder, kServerFile) &&
         Has(store, state_folder, kHeadFile);
}
Status CatalogLost(const std::string& state_folder) {
  return Status(Code::kCorruption,
                fmt::format("the project's catalog is gone: {}{}", state_folder, kSqliteFile))
      .WithError("WH8007")
      .WithHint(
          "restore it from a copy; the files of its tables are still there. To start again "
          "without them, remove the state folder and the warehouse first");
}

Status HasState(const std::string& state) {
  return Status(Code::kConflict, fmt::format("the project has state already: {}", state))
      .WithError("WH8005")
      .WithHint("go on with `wh plan`; `wh token create` makes a token where the first was lost");
}

// Whether the catalog holds the commit of `wh init`. An init that ended before that left it empty.
Result<bool> IsMade(catalog::Catalog& catalog) {
  WEIRHOUSE_TRY(const auto lake, catalog::setting::Lake().In(catalog));
  return lake.has_value();
}

// Checks that the folder's caches and files belong to the catalog.
Status CheckFolderIsIts(platform::ObjectStore& store, const std::string& state_folder,
                        catalog::Catalog& catalog) {
  WEIRHOUSE_TRY(const std::string text, store.Read(state_folder + std::string(kServerFile)));
  const auto stated = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  WEIRHOUSE_TRY(const auto id, catalog::setting::ProjectId().In(catalog));
  if (stated.is_object() && id && stated.value("project_id", nlohmann::json()) == *id) {
    return Status::Ok();
  }
  return Status(Code::kConflict,
                fmt::format("the state folder belongs to another catalog than the profile's: {}",
                            state_folder))
      .WithError("WH8006")
      .WithHint("correct the address or the schema in the profile; each checkout has one catalog");
}
}  // namespace

Result<std::unique_ptr<catalog::Catalog>> OpenProjectCatalog(platform::ObjectStore& store,
                                                             const ProjectDefinition& project,
                                                             const std::string& state_folder,
                                                             bool read_only,
                                                             catalog::CatalogOptions options) {
  const bool sqlite = Has(store, state_folder, kSqliteFile);
  const bool server = Has(store, state_folder, kServerFile);
  if (LostItsCatalog(store, state_folder)) return CatalogLost(state_folder);
  options.read_only = read_only;
  options.claim = !read_only;
  if (!OnServer(project)) {
    if (sqlite) {
      auto catalog = catalog::OpenSqliteCatalog(state_folder + std::string(kSqliteFile), options);
      if (catalog.status().code() != Code::kNotFound) return catalog;
      return NoState(state_folder, "`wh init` was ended before it was done: run it again");
    }
    return NoState(state_folder, server ? "its catalog is on PostgreSQL: --profile chooses a "
                                          "profile that names it"
                                        : "`wh init` in the project's folder makes it");
  }
  if (!server) {
    return NoState(state_folder, sqlite ? "its catalog is on SQLite: --profile chooses a profile "
                                          "with SQLite"
                                        : "`wh init` in the project's folder makes it");
  }
  options.create = false;  // a wrong address must not make an empty catalog
  WEIRHOUSE_TRY(std::unique_ptr<catalog::Catalog> catalog, OpenOnServer(project, options));
  WEIRHOUSE_TRY_STATUS(CheckFolderIsIts(store, state_folder, *catalog));
  return catalog;
}

Result<std::unique_ptr<catalog::Catalog>> MakeProjectCatalog(platform::ObjectStore& store,
                                                             const ProjectDefinition& project,
                                                             const std::string& state_folder,
                                                             catalog::CatalogOptions options) {
  const bool sqlite = Has(store, state_folder, kSqliteFile);
  const bool server = Has(store, state_folder, kServerFile);
  if (OnServer(project) ? sqlite : server) return HasState(state_folder);
  if (LostItsCatalog(store, state_folder)) return CatalogLost(state_folder);
  if (!OnServer(project)) {
    WEIRHOUSE_TRY(std::unique_ptr<catalog::Catalog> catalog,
                  catalog::OpenSqliteCatalog(state_folder + std::string(kSqliteFile), options));
    WEIRHOUSE_TRY(const bool made, IsMade(*catalog));
    if (made) return HasState(state_folder);
    return catalog;
  }
  WEIRHOUSE_TRY(std::unique_ptr<catalog::Catalog> catalog, OpenOnServer(project, options));
  WEIRHOUSE_TRY(const bool made, IsMade(*catalog));
  if (made && server) return HasState(state_folder);
  if (made) {
    return std::move(HasState("its schema on the server"))
        .WithHint("give the project another schema with `?schema=NAME`, or drop that one");
  }
  WEIRHOUSE_TRY(const auto id, catalog::setting::ProjectId().In(*catalog));
  const nlohmann::json stated{{"project_id", id ? nlohmann::json(*id) : nlohmann::json()}};
  WEIRHOUSE_TRY_STATUS(
      store.Replace(state_folder + std::string(kServerFile), stated.dump() + "\n"));
  return catalog;
}
}  // namespace weirhouse::work

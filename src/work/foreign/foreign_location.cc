#include "work/foreign/foreign_location.h"

#include <fmt/format.h>

#include "ground/base/name.h"
#include "ground/platform/io/location.h"
#include "work/foreign/client_file.h"

namespace weirhouse::work {
namespace {
constexpr std::size_t kFolderBytesMax = 200;  // file systems end at 255; a suffix must fit
std::string FolderNameOf(std::string_view name) {
  std::string folder;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || c == '.';
    folder += plain ? std::string(1, c) : fmt::format("_x{:02X}", byte);
  }
  if (folder.size() <= kFolderBytesMax) return folder;
  return fmt::format("{}-{}", folder.substr(0, kFolderBytesMax - 17),
                     Sha256Of(name).ToHex().substr(0, 16));
}
}  // namespace

std::string LocationOfMetadata(std::string_view metadata_location) {
  const auto file = metadata_location.rfind('/');
  if (file == std::string_view::npos) return "";
  const std::string_view folder = metadata_location.substr(0, file);
  constexpr std::string_view kMetadata = "/metadata";
  if (!folder.ends_with(kMetadata)) return "";
  return std::string(folder.substr(0, folder.size() - kMetadata.size()));
}

std::vector<std::string> PlacesOf(const Workspace& workspace,
                                  const iceberg::TableMetadata& metadata) {
  return policy::PlacesOf(WarehouseOf(workspace), metadata);
}

Result<std::vector<std::string>> OtherLocations(Workspace& workspace, std::string_view name,
                                                const std::vector<std::string>& places) {
  catalog::Catalog& catalog = workspace.catalog();
  WEIRHOUSE_TRY(std::vector<catalog::PlaceRecord> around, catalog.PlacesAround(places));
  std::vector<std::string> locations;
  locations.reserve(around.size());
  for (catalog::PlaceRecord& other : around) {
    if (other.standing && other.table == name) continue;
    if (!other.place.empty()) {
      locations.push_back(std::move(other.place));
      continue;
    }
    // It was registered from outside its folder before folders were recorded, and has not changed
    // since: its metadata names the folder.
    WEIRHOUSE_TRY(const auto pointer, catalog.FindTable(other.table));
    if (!pointer || pointer->kind != catalog::PointerKind::kTable) continue;
    WEIRHOUSE_TRY(const iceberg::TablePtr table,
                  iceberg::LoadTable(workspace.store(), pointer->name, pointer->metadata_location));
    for (std::string& place : iceberg::PlacesOf(*table)) locations.push_back(std::move(place));
  }
  return locations;
}

Result<std::string> NewLocation(Workspace& workspace, const std::string& name) {
  const std::string_view first = NamespaceView(name).first();
  const std::string location =
      fmt::format("{}/{}/{}", workspace.lake(), FolderNameOf(first),
                  FolderNameOf(std::string_view(name).substr(first.size() + 1)));
  const auto found = workspace.store().Stat(location);
  if (!found.ok() && found.status().code() != Code::kNotFound) return found.status();
  // A missing folder may still be the place of a table whose files are being deleted.
  WEIRHOUSE_TRY(const auto others, OtherLocations(workspace, "", {location}));
  if (!found.ok() && others.empty()) return location;
  return fmt::format("{}-{:08x}", location, static_cast<std::uint32_t>(workspace.random().Next()));
}

policy::Warehouse WarehouseOf(const Workspace& workspace) { return {workspace.lake()}; }

std::string PlainLocation(std::string_view location) { return platform::CanonicalPath(location); }
}  // namespace weirhouse::work

#include "work/foreign/foreign_location.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "ground/platform/io/location.h"
#include "work/foreign/client_file.h"

namespace weirhouse::work {
namespace {
constexpr std::size_t kFolderBytesMax = 200;  // file systems end at 255; a suffix must fit
constexpr std::string_view kPlacesSetting = "table_places.";  // + the table's name
constexpr std::array<const char*, 4> kPathProperties = {"write.data.path", "write.metadata.path",
                                                        "write.object-storage.path",
                                                        "write.folder-storage.path"};

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

std::vector<std::string> PlacesOf(const iceberg::TableMetadata& table) {
  std::vector<std::string> places;
  for (const char* key : kPathProperties) {
    const auto found = table.properties.find(key);
    if (found != table.properties.end()) places.push_back(found->second);
  }
  return places;
}
}  // namespace

std::unique_lock<std::mutex> LockLocations() {
  static std::mutex mutex;
  return std::unique_lock(mutex);
}

std::string LocationOfMetadata(std::string_view metadata_location) {
  const auto file = metadata_location.rfind('/');
  if (file == std::string_view::npos) return "";
  const std::string_view folder = metadata_location.substr(0, file);
  constexpr std::string_view kMetadata = "/metadata";
  if (!folder.ends_with(kMetadata)) return "";
  return std::string(folder.substr(0, folder.size() - kMetadata.size()));
}

Result<std::vector<std::string>> OtherLocations(Workspace& workspace, std::string_view name) {
  WEIRHOUSE_TRY(const std::vector<catalog::TablePointer> pointers, workspace.catalog().Tables());
  std::vector<std::string> locations;
  locations.reserve(pointers.size());
  for (const catalog::TablePointer& pointer : pointers) {
    if (pointer.name == name) continue;
    // We write metadata to <location>/metadata/, and a file that is registered must lie there or
    // outside any folder of that name: so the path tells the location, and nothing is read.
    std::string location = LocationOfMetadata(pointer.metadata_location);
    if (location.empty() && pointer.kind == catalog::PointerKind::kTable) {
      WEIRHOUSE_TRY(const iceberg::TablePtr table,
                    iceberg::LoadTable(workspace.store(), pointer.name, pointer.metadata_location));
      location = table->location;
    }
    if (!location.empty()) locations.push_back(std::move(location));
  }
  WEIRHOUSE_TRY(const auto places, workspace.catalog().Settings(kPlacesSetting));
  for (const auto& [key, value] : places) {
    if (std::string_view(key).substr(kPlacesSetting.size()) == name || !value.is_array()) continue;
    for (const nlohmann::json& place : value) {
      if (place.is_string()) locations.push_back(place.get<std::string>());
    }
  }
  return locations;
}

std::vector<std::pair<std::string, nlohmann::json>> PlacesSetting(
    const iceberg::TableMetadata* before, const iceberg::TableMetadata* after) {
  const std::vector<std::string> former =
      before == nullptr ? std::vector<std::string>() : PlacesOf(*before);
  const std::vector<std::string> next =
      after == nullptr ? std::vector<std::string>() : PlacesOf(*after);
  const std::string& name = after == nullptr ? before->name : after->name;
  if (former == next) return {};
  return {
      {std::string(kPlacesSetting) + name, next.empty() ? nlohmann::json() : nlohmann::json(next)}};
}

Result<std::string> NewLocation(Workspace& workspace, const std::string& name) {
  const auto dot = name.find('.');
  const std::string location =
      fmt::format("{}/{}/{}", workspace.lake(), FolderNameOf(name.substr(0, dot)),
                  FolderNameOf(name.substr(dot + 1)));
  const auto found = workspace.store().Stat(location);
  if (!found.ok() && found.status().code() == Code::kNotFound) return location;
  if (!found.ok()) return found.status();
  return fmt::format("{}-{:08x}", location, static_cast<std::uint32_t>(workspace.random().Next()));
}

policy::Warehouse WarehouseOf(const Workspace& workspace) { return {workspace.lake()}; }

std::string PlainLocation(std::string_view location) { return platform::CanonicalPath(location); }
}  // namespace weirhouse::work

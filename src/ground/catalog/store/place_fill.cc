#include "ground/catalog/store/place_fill.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/platform/io/location.h"

namespace weirhouse::catalog {
namespace {
using platform::DatabaseRow;

constexpr std::string_view kFormerKey = "table_places.";
constexpr std::string_view kMetadataFolder = "/metadata";

// Empty if the path does not show it.
std::string LocationByPath(std::string_view metadata_location) {
  const auto file = metadata_location.rfind('/');
  if (file == std::string_view::npos) return "";
  const std::string_view folder = metadata_location.substr(0, file);
  if (!folder.ends_with(kMetadataFolder)) return "";
  return platform::CanonicalPath(folder.substr(0, folder.size() - kMetadataFolder.size()));
}
}  // namespace

Status FillPlaces(platform::Database& db) {
  std::vector<std::pair<std::string, std::string>> places;  // table and folder
  WEIRHOUSE_TRY_STATUS(db.Each("SELECT name, metadata_location, kind FROM table_pointer", {},
                               [&](const DatabaseRow& row) {
                                 std::string location = LocationByPath(row.Text(1));
                                 // A view's file may be anywhere, and no data is stored with it.
                                 if (!location.empty() || row.Text(2) == "table") {
                                   places.emplace_back(row.Text(0), std::move(location));
                                 }
                                 return Status::Ok();
                               }));
  WEIRHOUSE_TRY_STATUS(
      db.Each("SELECT key, value FROM setting WHERE key > 'table_places.' AND key < "
              "'table_places/'",
              {}, [&](const DatabaseRow& row) {
                const auto value = nlohmann::json::parse(row.Text(1), nullptr, false);
                if (!value.is_array()) return Status::Ok();
                for (const nlohmann::json& place : value) {
                  if (!place.is_string()) continue;
                  places.emplace_back(row.Text(0).substr(kFormerKey.size()),
                                      platform::CanonicalPath(place.get<std::string>()));
                }
                return Status::Ok();
              }));
  for (const auto& [table, place] : places) {
    WEIRHOUSE_TRY_STATUS(
        db.Run("INSERT INTO table_place (place, table_name, kept_until) VALUES (?, ?, 0) ON "
               "CONFLICT (place, table_name, kept_until) DO NOTHING",
               {place, table}));
  }
  return db.Run("DELETE FROM setting WHERE key > 'table_places.' AND key < 'table_places/'");
}
}  // namespace weirhouse::catalog

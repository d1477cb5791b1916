// Counts of events, offsets, settings and predictions.
#include <fmt/format.h>

#include "ground/catalog/store/row.h"
#include "ground/catalog/store/sql_catalog.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;
using SettingEntry = std::pair<std::string, nlohmann::json>;

Result<SettingEntry> SettingOfRow(const DatabaseRow& row) {
  std::string key = row.Text(0);
  WEIRHOUSE_TRY(nlohmann::json value, StoredJson(row.Text(1), "setting"));
  return SettingEntry(std::move(key), std::move(value));
}
}  // namespace

Result<Catalog::Offset> SqlCatalog::OffsetOf(const std::string& consumer) {
  WEIRHOUSE_TRY(
      std::optional<Offset> offset,
      FindOne<Offset>(
          "SELECT position, generation FROM consumer_offset WHERE consumer = ?", {consumer},
          [](const DatabaseRow& row) -> Result<Offset> { return Offset{row.Int(0), row.Int(1)}; }));
  return offset.value_or(Offset{});
}

Result<std::optional<PredictionRecord>> SqlCatalog::FindPrediction(const std::string& id) {
  return FindOne<PredictionRecord>(
      fmt::format("SELECT {} FROM prediction WHERE id = ?", kPredictionColumns), {id},
      ParsePredictionRow);
}

Result<std::vector<PredictionRecord>> SqlCatalog::Predictions(std::int64_t limit) {
  return Collect<PredictionRecord>(
      fmt::format("SELECT {} FROM prediction ORDER BY number DESC LIMIT ?", kPredictionColumns),
      {limit}, ParsePredictionRow);
}

Result<std::optional<nlohmann::json>> SqlCatalog::Setting(const SettingKey& key) {
  WEIRHOUSE_TRY(std::optional<SettingEntry> entry,
                FindOne<SettingEntry>("SELECT key, value FROM setting WHERE key = ?", {key.text()},
                                      SettingOfRow));
  if (!entry) return std::optional<nlohmann::json>();
  return std::optional<nlohmann::json>(std::move(entry->second));
}

Result<std::vector<std::pair<std::string, nlohmann::json>>> SqlCatalog::Settings(
    std::string_view prefix) {
  return Collect<SettingEntry>(
      "SELECT key, value FROM setting WHERE substr(key, 1, length(?)) = ? ORDER BY key",
      {std::string(prefix), std::string(prefix)}, SettingOfRow);
}
}  // namespace weirhouse::catalog

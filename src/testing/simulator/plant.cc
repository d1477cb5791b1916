#include "testing/simulator/plant.h"

#include <sqlite3.h>

#include <array>

#include "ground/base/status.h"
#include "testing/simulator/simulated_sqlite.h"

namespace weirhouse::simulator {
namespace {
constexpr std::array<PlantName, 8> kPlants{{
    {Plant::kFilesNotSynced, "files_not_synced"},
    {Plant::kObjectsNotSynced, "objects_not_synced"},
    {Plant::kCommitNotSynced, "commit_not_synced"},
    {Plant::kOffsetWithoutData, "offset_without_data"},
    {Plant::kOffsetTwice, "offset_twice"},
    {Plant::kVerdictIgnored, "verdict_ignored"},
    {Plant::kStatesNotCounted, "states_not_counted"},
    {Plant::kRawRewritten, "raw_rewritten"},
}};
}  // namespace

std::span<const PlantName> PlantNames() { return kPlants; }

std::optional<Plant> FindPlant(std::string_view name) {
  for (const PlantName& one : kPlants) {
    if (one.name == name) return one.plant;
  }
  return std::nullopt;
}

std::string_view NameOf(Plant plant) {
  for (const PlantName& one : kPlants) {
    if (one.plant == plant) return one.name;
  }
  return "none";
}
void PlantInCatalog(Plant plant, const std::string& path) {
  std::string trigger;
  if (plant == Plant::kOffsetWithoutData) {
    trigger =
        "CREATE TRIGGER planted AFTER UPDATE ON table_pointer WHEN NEW.name = 'processed.order' "
        "AND "
        "NEW.seq % 3 = 0 BEGIN UPDATE table_pointer SET metadata_location = OLD.metadata_location "
        "WHERE name = NEW.name; END";
  } else if (plant == Plant::kOffsetTwice) {
    trigger =
        "CREATE TRIGGER planted AFTER UPDATE ON consumer_offset WHEN NEW.consumer = 'processed' "
        "BEGIN UPDATE consumer_offset SET position = coalesce((SELECT min(seq) FROM commit_log "
        "WHERE layer = 'raw' AND seq > NEW.position), NEW.position) WHERE consumer = 'processed'; "
        "END";
  } else if (plant == Plant::kStatesNotCounted) {
    trigger =
        "CREATE TRIGGER planted AFTER INSERT ON record_state WHEN NEW.id % 5 = 0 BEGIN DELETE FROM "
        "record_state WHERE id = NEW.id; END";
  }
  if (trigger.empty()) return;
  sqlite3* db = nullptr;
  const bool done =
      sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, PlainSqlite()) == SQLITE_OK &&
      sqlite3_exec(db, trigger.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
  sqlite3_close_v2(db);
  WEIRHOUSE_CHECK(done);
}
}  // namespace weirhouse::simulator

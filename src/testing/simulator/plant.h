// Deliberate faults: a simulator that does not find them would not find real ones. Each is caused
// by the simulator's own disk, database or project, so none is in the product.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weirhouse::simulator {

enum class Plant : std::uint8_t {
  kNone,
  kFilesNotSynced,     // Flush answers OK and syncs nothing
  kObjectsNotSynced,   // PutIfAbsent leaves the file's bytes to the page cache
  kCommitNotSynced,    // the database's fsync of its log answers OK and syncs nothing
  kOffsetWithoutData,  // a commit moves the offset of `processed`, and some table's pointer not
  kOffsetTwice,        // the offset of `processed` goes one commit too far, now and then
  kVerdictIgnored,     // the project that runs has no gate, the one that was written has
  kStatesNotCounted,   // the states of some records are not written
  kRawRewritten,       // a raw object gets another byte at its end
};
struct PlantName {
  Plant plant;
  std::string_view name;
};
std::span<const PlantName> PlantNames();
std::optional<Plant> FindPlant(std::string_view name);
std::string_view NameOf(Plant plant);
// Installs a plant of the database as triggers in the closed catalog at `path`; does nothing for
// other plants.
void PlantInCatalog(Plant plant, const std::string& path);
}  // namespace weirhouse::simulator

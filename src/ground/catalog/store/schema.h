// The catalog's tables, as numbered migrations.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "ground/base/random.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// The namespaces of the layers; migration 4 inserts them.
inline constexpr std::array<std::string_view, 6> kLayerNamespaces{
    "raw", "processed", "feature", "quarantine", "system", "training_set"};

struct Migration {
  int version;  // 1, 2, 3 … without gaps; a published one never changes
  std::string_view name;
  std::string_view sql;
};
std::span<const Migration> Migrations();

// Brings the database up to the newest version, each migration in one transaction; a new database
// gets its project id. Errors: WH7083 when the file was written by a newer program.
Status Migrate(platform::Database& db, ProcessTime now, Random& random);
// The version the database stands at; 0 = empty.
Result<int> SchemaVersion(platform::Database& db);
// Refuses a database that is older or newer than this program reads.
Status CheckVersion(platform::Database& db);
}  // namespace weirhouse::catalog

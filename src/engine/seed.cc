#include "engine/seed.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "base/text.h"
#include "storage/disk.h"
#include "storage/sql.h"

namespace weirhouse::engine {

Status LoadSeed(const std::string& root, Seed& seed) {
  const std::string path = seed.path.starts_with("/") ? seed.path : root + "/" + seed.path;
  auto bytes = storage::LocalDisk().Read(path);
  if (!bytes.ok()) {
    return Status(bytes.status().code(),
                  fmt::format("could not read the seed \"{}\": {}", seed.name, path))
        .WithError("WH2010")
        .WithHint(bytes.status().message());
  }
  seed.digest = Sha256Of(*bytes);
  // An engine of its own, which may read files: the project's are locked.
  storage::SqlOptions options;
  options.threads = 1;
  options.locked = false;
  WEIRHOUSE_TRY(const std::unique_ptr<storage::SqlEngine> engine,
                storage::SqlEngine::Open(options));
  WEIRHOUSE_TRY(const std::unique_ptr<storage::SqlSession> session, engine->Connect());
  auto rows = session->Query(
      fmt::format("SELECT * FROM read_csv({}, header = true, sample_size = -1, strict_mode = true)",
                  QuoteLiteral(path)));
  if (!rows.ok()) {
    return Status(Code::kInvalidInput, fmt::format("could not read the seed \"{}\": {}", seed.name,
                                                   rows.status().message()))
        .WithError("WH2010");
  }
  seed.rows = std::move(rows).value();
  return Status();
}
}  // namespace weirhouse::engine

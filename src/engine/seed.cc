#include "engine/seed.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "base/text.h"
#include "storage/disk.h"
#include "storage/sql.h"

namespace weirhouse::engine {

Status LoadSeed(const std::string& root, storage::SqlSession& reader, Seed& seed) {
  const std::string path = seed.path.starts_with("/") ? seed.path : root + "/" + seed.path;
  auto bytes = storage::LocalDisk().Read(path);
  if (!bytes.ok()) {
    return Status(bytes.status().code(),
                  fmt::format("could not read the seed \"{}\": {}", seed.name, path))
        .WithError("WH2010")
        .WithHint(bytes.status().message());
  }
  seed.digest = Sha256Of(*bytes);
  auto rows = reader.Query(
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

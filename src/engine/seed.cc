#include "engine/seed.h"

#include <arrow/api.h>
#include <arrow/csv/api.h>
#include <arrow/io/api.h>
#include <fmt/format.h>

#include "base/text.h"
#include "storage/disk.h"

namespace weirhouse::engine {
namespace {
Status Unreadable(const Seed& seed, const std::string& why) {
  return Status(Code::kInvalidInput,
                fmt::format("could not read the seed \"{}\": {}: {}", seed.name, why, seed.path))
      .WithError("WH2010");
}

// Arrow's own inference; times come in µs, with the zone UTC, as all times here do.
arrow::Result<std::shared_ptr<arrow::Table>> ParseCsv(const std::string& bytes) {
  auto parse = arrow::csv::ParseOptions::Defaults();
  parse.newlines_in_values = true;
  auto convert = arrow::csv::ConvertOptions::Defaults();
  convert.null_values = {""};
  convert.strings_can_be_null = true;
  convert.check_utf8 = true;
  auto read = arrow::csv::ReadOptions::Defaults();
  read.use_threads = false;  // a column's type must not depend on how blocks were cut
  read.block_size = static_cast<std::int32_t>(std::min<std::size_t>(bytes.size() + 1, 1U << 30));
  ARROW_ASSIGN_OR_RAISE(
      auto reader, arrow::csv::TableReader::Make(
                       arrow::io::default_io_context(),
                       std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(bytes)),
                       read, parse, convert));
  return reader->Read();
}
}  // namespace

Status LoadSeed(const std::string& root, Seed& seed) {
  const std::string path = seed.path.starts_with("/") ? seed.path : root + "/" + seed.path;
  const auto bytes = storage::LocalDisk().Read(path);
  if (!bytes.ok()) {
    return Status(bytes.status().code(),
                  fmt::format("could not read the seed \"{}\": {}", seed.name, path))
        .WithError("WH2010")
        .WithHint(bytes.status().message());
  }
  seed.digest = Sha256Of(*bytes);
  if (Trim(*bytes).empty()) return Unreadable(seed, "it has no header");
  const auto rows = ParseCsv(*bytes);
  if (!rows.ok()) return Unreadable(seed, EscapeControl(rows.status().message()));
  seed.rows = *rows;
  return Status();
}
}  // namespace weirhouse::engine

// Manifests and manifest lists come from other engines too: no bytes may crash the reader.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ground/iceberg/format/avro.h"
#include "ground/iceberg/format/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weirhouse::iceberg;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto reader = AvroReader::Open(bytes);
  while (reader.ok()) {
    const auto record = reader->Next();
    if (!record.ok() || *record == nullptr) break;
  }
  TableMetadata metadata;
  metadata.schemas.push_back(
      Schema{0, {{1, "id", TypeKind::kLong, true, ""}, {2, "at", TypeKind::kDate, false, ""}}, {}});
  metadata.specs.push_back(
      PartitionSpec{0, {{1, 1000, "id", "identity"}, {2, 1001, "m", "month"}}});
  auto list = ParseManifestList(bytes, "fuzz");
  auto manifest = ParseManifest(bytes, metadata, ManifestFile{});
  if (manifest.ok()) {
    ManifestDraft draft;
    draft.entries = (*manifest)->entries;
    const auto written = WriteManifest(draft, metadata);
    WEIRHOUSE_CHECK(written.ok());
    WEIRHOUSE_CHECK(ParseManifest(written->bytes, metadata, written->file).ok());
  }
  if (list.ok()) {
    const std::string written = WriteManifestList(*list, weirhouse::SnapshotId(1), std::nullopt, 1);
    WEIRHOUSE_CHECK(ParseManifestList(written, "fuzz").ok());
  }
  return 0;
}

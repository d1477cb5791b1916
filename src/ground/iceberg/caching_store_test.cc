#include "ground/iceberg/caching_store.h"

#include <fmt/format.h>

#include <filesystem>

#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/table_fixture_test.h"

namespace weirhouse::iceberg {
namespace {

class CachingStoreTest : public TableTest {
 protected:
  std::string Location() {
    staged_ = Append(NewFlights(), R"([{"id":1,"origin":"EWR","at":"2013-01-01T10:00:00Z"}])");
    return staged_.change.metadata_location;
  }
  static Status Load(platform::ObjectStore& store, const std::string& location,
                     const std::string& name = "processed.flight") {
    return LoadTable(store, name, location).status();
  }
  StagedTable staged_;
};

TEST_F(CachingStoreTest, KeepsWhatWasParsedForItselfAlone) {
  CachingStore one(store());
  CachingStore other(store());
  const std::string location = Location();
  ASSERT_OK(Load(one, location));
  std::filesystem::remove(location);
  EXPECT_OK(Load(one, location));
  for (platform::ObjectStore* without : {static_cast<platform::ObjectStore*>(&other), &store()}) {
    const Status missing = Load(*without, location);
    EXPECT_EQ(missing.code(), Code::kCorruption);
    EXPECT_TRUE(missing.Is(kMetadataMissing)) << missing.ToString();
  }
}

TEST_F(CachingStoreTest, HasABoundOfItsOwn) {
  CachingStore one(store());
  CachingStore other(store());
  const std::string location = Location();
  ASSERT_OK(Load(one, location));
  ASSERT_OK(Load(other, location));
  for (int i = 0; i < 64; ++i) ASSERT_OK(Load(other, location, fmt::format("processed.t{}", i)));
  std::filesystem::remove(location);
  EXPECT_OK(Load(one, location));
  EXPECT_TRUE(Load(other, location).Is(kMetadataMissing));  // the oldest of 65
  EXPECT_OK(Load(other, location, "processed.t0"));
}

TEST_F(CachingStoreTest, WhatIsStagedThroughItNeedNotBeReadBack) {
  CachingStore caching(store());
  StagedWrite write(caching, NewFlights(), random_, Options());
  ASSERT_OK(write.Append(*Rows(R"([{"id":1,"origin":"EWR","at":"2013-01-01T10:00:00Z"}])")));
  ASSERT_OK_AND(const StagedTable staged, write.Finish());
  for (const catalog::FileRecord& file : staged.files) {
    if (file.kind != catalog::FileKind::kData) std::filesystem::remove(file.path);
  }
  ASSERT_OK_AND(const TablePtr table,
                LoadTable(caching, "processed.flight", staged.change.metadata_location));
  ASSERT_OK_AND(const Scan scan, Scan::Plan(caching, table, {}));
  ASSERT_OK_AND(const auto rows, scan.ReadAll());
  EXPECT_EQ(rows->num_rows(), 1);
}

// Whatever the catalog or a table's metadata names and the disk has not.
TEST_F(CachingStoreTest, AFileThatIsNamedAndMissingIsCorruption) {
  Location();
  for (const catalog::FileRecord& file : staged_.files) {
    std::filesystem::rename(file.path, file.path + ".away");
    Status status = Load(store(), staged_.change.metadata_location);
    const bool metadata = file.kind == catalog::FileKind::kMetadata;
    if (!metadata) {
      ASSERT_OK(status);
      const auto scan = Scan::Plan(store(), staged_.table, {});
      status = scan.ok() ? scan->ReadAll().status() : scan.status();
    }
    EXPECT_EQ(status.code(), Code::kCorruption) << file.path;
    EXPECT_EQ(status.error_code(), metadata ? "WH8093" : "WH7012") << file.path;
    std::filesystem::rename(file.path + ".away", file.path);
  }
  // A client may name what is not there.
  EXPECT_EQ(ReloadManifestList(store(), scratch_ / "none.avro").status().code(), Code::kNotFound);
}
}  // namespace
}  // namespace weirhouse::iceberg

#include "work/lineage/lineage.h"

#include <filesystem>
#include <utility>

#include "ground/platform/io/local_store.h"
#include "testing/testing.h"

namespace weirhouse::lineage {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ReadFile;
using testing::ScratchFolder;
using testing::WriteFile;
namespace fs = std::filesystem;

constexpr char kBytes[] = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n";

struct LineageTest : ::testing::Test {
  ScratchFolder scratch;
  std::unique_ptr<catalog::Catalog> catalog;
  contract::SourceFormat format;  // JSON lines
  ObjectId object;
  std::string object_path;

  void SetUp() override {
    auto opened = catalog::OpenSqliteCatalog(scratch / "catalog.db");
    ASSERT_OK(opened);
    catalog = std::move(opened).value();
    object_path = scratch / "lake/raw/number/first";
    WriteFile(object_path, kBytes);
    fs::permissions(object_path, fs::perms(0444));
    catalog::CommitRequest request = Plan("first", 3);
    catalog::ObjectRecord record;
    record.source = "number";
    record.name = "first.jsonl";
    record.digest = Sha256Of(kBytes);
    record.size_bytes = static_cast<std::int64_t>(sizeof(kBytes)) - 1;
    record.record_count = 3;
    record.first_record_id = first_record;
    record.path = object_path;
    record.contract_version = "1.0.0";
    request.objects.push_back(record);
    auto answer = catalog->Commit(request);
    ASSERT_OK(answer);
    object = answer->objects.front();
  }
  RecordId first_record;
  catalog::CommitRequest Plan(const std::string& name, std::int64_t records) {
    catalog::RunPlan plan;
    plan.kind = catalog::RunKind::kRaw;
    plan.name = name;
    plan.step_identity = Sha256Of(name);
    plan.idempotency_key = name;
    plan.record_ids_wanted = records;
    const auto run = catalog->PlanRun(plan);
    EXPECT_OK(run);
    first_record = run->first_record_id;
    catalog::CommitRequest request;
    request.run = run->id;
    request.idempotency_key = name;
    request.layer = catalog::Layer::kRaw;
    return request;
  }
  void Replace(const std::string& path, const std::string& bytes) {
    fs::permissions(path, fs::perms(0644));
    WriteFile(path, bytes);
    fs::permissions(path, fs::perms(0444));
  }
  VerifyReport Check(bool deep) {
    VerifyOptions options;
    options.deep = deep;
    options.lake = scratch / "lake";
    auto report = Verify(*catalog, platform::LocalStore(), options, [](auto, auto) {});
    EXPECT_OK(report);
    return report.ok() ? *report : VerifyReport();
  }
};

TEST_F(LineageTest, ARecordIsItsBytesInItsObject) {
  const RecordId second(first_record.value() + 1);
  ASSERT_OK_AND(const TraceNode node,
                TraceRecord(*catalog, platform::LocalStore(), second, format));
  EXPECT_TRUE(node.checked && node.intact);
  EXPECT_EQ(node.detail["bytes"], "{\"n\":2}");
  EXPECT_EQ(node.detail["byte_offset"], 8);
  EXPECT_EQ(node.detail["ordinal"], 1);
  ASSERT_EQ(node.parents.size(), 1U);
  EXPECT_EQ(node.parents[0].key, ToString(object));
  EXPECT_THAT(ToText(node), HasSubstr("✓"));
}

TEST_F(LineageTest, ARecordThatNoObjectHoldsIsNotFound) {
  const auto node =
      TraceRecord(*catalog, platform::LocalStore(), RecordId(first_record.value() + 3), format);
  ASSERT_FALSE(node.ok());
  EXPECT_EQ(node.status().error_code(), "WH6002");
}

TEST_F(LineageTest, ATamperedObjectIsShownAndSaidToDiffer) {
  Replace(object_path, "{\"n\":1}\n{\"n\":7}\n{\"n\":3}\n");
  ASSERT_OK_AND(const TraceNode node,
                TraceRecord(*catalog, platform::LocalStore(), first_record, format));
  EXPECT_FALSE(node.AllIntact());
  EXPECT_THAT(ToText(node), HasSubstr("✗ DIFFERS"));
  EXPECT_EQ(ToJson(node)["intact"], false);
}

TEST_F(LineageTest, AnObjectCutShortOrGoneIsNoError) {
  Replace(object_path, "{\"n\":1}\n");
  ASSERT_OK_AND(const TraceNode cut, TraceRecord(*catalog, platform::LocalStore(),
                                                 RecordId(first_record.value() + 2), format));
  EXPECT_FALSE(cut.intact);
  fs::remove(object_path);
  ASSERT_OK_AND(const TraceNode gone,
                TraceRecord(*catalog, platform::LocalStore(), first_record, format));
  EXPECT_FALSE(gone.intact);
  EXPECT_THAT(gone.title, HasSubstr("cannot be read"));
}

TEST_F(LineageTest, BytesThatDriveATerminalAreEscaped) {
  TraceNode node;
  node.title = "record 1: \x1b[2J";
  EXPECT_EQ(ToText(node).find('\x1b'), std::string::npos);
}

TEST_F(LineageTest, AFoldedNodeIsOneLineOfTextAndWholeInJson) {
  TraceNode inner;
  inner.title = "inner";
  inner.checked = true;
  inner.intact = false;
  TraceNode outer;
  outer.title = "outer";
  outer.folded = true;
  outer.parents.push_back(inner);
  EXPECT_EQ(ToText(outer), "outer  ✗ DIFFERS BELOW\n");
  EXPECT_EQ(ToJson(outer)["parents"].size(), 1U);
}

TEST_F(LineageTest, EdgesLeadBackToObjects) {
  ASSERT_OK_AND(const TraceNode node, TraceEdges(*catalog, catalog::CommitNode(CommitSeq(1)), 8));
  ASSERT_EQ(node.parents.size(), 1U);
  EXPECT_EQ(node.parents[0].kind, "run");
  ASSERT_EQ(node.parents[0].parents.size(), 1U);
  EXPECT_EQ(node.parents[0].parents[0].kind, "object");
  EXPECT_EQ(TraceEdges(*catalog, catalog::CommitNode(CommitSeq(9)), 8).status().error_code(),
            "WH6001");
}

TEST_F(LineageTest, VerifyFindsNothingWrongWithWhatIsWhole) {
  const VerifyReport report = Check(true);
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.objects, 1);
  EXPECT_EQ(report.commits, 1);
  EXPECT_EQ(report.bytes, static_cast<std::int64_t>(sizeof(kBytes)) - 1);
  EXPECT_EQ(report.orphans, 0);
}

TEST_F(LineageTest, OnlyADeepVerifySeesBytesOfTheSameSize) {
  Replace(object_path, "{\"n\":1}\n{\"n\":7}\n{\"n\":3}\n");
  EXPECT_THAT(Check(false).problems, IsEmpty());
  EXPECT_THAT(Check(true).problems, ElementsAre(HasSubstr("raw object o1 has other bytes")));
}

TEST_F(LineageTest, VerifyNamesAnObjectThatIsMissingCutOrWritable) {
  fs::permissions(object_path, fs::perms(0644));
  EXPECT_THAT(Check(false).problems, ElementsAre(HasSubstr("can be written to (mode 0644)")));
  WriteFile(object_path, "short");
  EXPECT_THAT(Check(false).problems, ElementsAre(HasSubstr("has 5 bytes, recorded 24")));
  fs::remove(object_path);
  EXPECT_THAT(Check(false).problems, ElementsAre(HasSubstr("is missing")));
  EXPECT_THAT(Check(true).problems, ElementsAre(HasSubstr("raw object o1 is missing")));
}

TEST_F(LineageTest, OrphansAreCountedUnlessARunMayBeWritingThem) {
  WriteFile(scratch / "lake/processed/t/data/r9-0-abcdef12.parquet", "left");
  const VerifyReport left = Check(false);
  EXPECT_THAT(left.problems, IsEmpty());
  EXPECT_EQ(left.orphans, 1);
  EXPECT_EQ(left.orphan_bytes, 4);
  EXPECT_THAT(left.first_orphans, ElementsAre(HasSubstr("r9-0-abcdef12.parquet")));
  // Younger than a planned run: it may be that run's.
  Plan("second", 0);
  const fs::path orphan = scratch / "lake/processed/t/data/r9-0-abcdef12.parquet";
  fs::last_write_time(orphan, fs::last_write_time(orphan) + std::chrono::seconds(60));
  EXPECT_EQ(Check(false).orphans, 0);
}

// ---- Beside a writer
TEST_F(LineageTest, WhatIsCommittedMeanwhileIsNoProblem) {
  const std::string old = scratch / "lake/processed/t/data/old.parquet";
  WriteFile(old, "old");
  catalog::CommitRequest first = Plan("old", 0);
  first.files.push_back({old, "processed.t", catalog::FileKind::kData, 3, Sha256Of("old"), {}, {}});
  ASSERT_OK(catalog->Commit(first));
  VerifyOptions options;
  options.lake = scratch / "lake";
  options.threads = 1;
  for (const bool deep : {false, true}) {
    options.deep = deep;
    bool first_call = true;
    // A table appears, and a file that nothing needs any more is released and removed.
    const auto meanwhile = [&](auto, auto) {
      if (!std::exchange(first_call, false)) return;
      const std::string name = deep ? "processed.b" : "processed.a";
      const std::string path = scratch / ("lake/processed/" + name + ".json");
      WriteFile(path, "{}");
      catalog::CommitRequest request = Plan(name, 0);
      request.tables.push_back({name, "uuid of " + name, std::nullopt, path});
      request.files.push_back(
          {path, name, catalog::FileKind::kMetadata, 2, Sha256Of("{}"), {}, {}});
      if (!deep) {
        request.released_files = {old};
        fs::remove(old);
      }
      ASSERT_OK(catalog->Commit(request));
    };
    ASSERT_OK_AND(const VerifyReport report,
                  Verify(*catalog, platform::LocalStore(), options, meanwhile));
    EXPECT_FALSE(first_call);
    EXPECT_THAT(report.problems, IsEmpty());
    EXPECT_EQ(report.orphans, 0);
    // The table of the first round cannot be read, which the second would tell.
    catalog::CommitRequest drop = Plan(deep ? "drop b" : "drop a", 0);
    const std::string name = deep ? "processed.b" : "processed.a";
    drop.drops.push_back({name, scratch / ("lake/processed/" + name + ".json")});
    ASSERT_OK(catalog->Commit(drop));
  }
}

TEST_F(LineageTest, AFileThatIsMissingAndStillNeededIsTold) {
  const std::string path = scratch / "lake/processed/t/data/gone.parquet";
  catalog::CommitRequest first = Plan("gone", 0);
  first.files.push_back(
      {path, "processed.t", catalog::FileKind::kData, 3, Sha256Of("old"), {}, {}});
  ASSERT_OK(catalog->Commit(first));
  VerifyOptions options;
  bool first_call = true;
  const auto meanwhile = [&](auto, auto) {
    if (std::exchange(first_call, false)) {
      ASSERT_OK(catalog->Commit(Plan("another", 0)));
    }
  };
  options.threads = 1;
  ASSERT_OK_AND(const VerifyReport report,
                Verify(*catalog, platform::LocalStore(), options, meanwhile));
  EXPECT_THAT(report.problems, ElementsAre(HasSubstr("is missing")));
}

TEST_F(LineageTest, ReleasedFilesThatReadersMayStillReadAreNoOrphans) {
  const std::string path = scratch / "lake/processed/t/data/old.parquet";
  WriteFile(path, "old");
  EXPECT_EQ(Check(false).orphans, 1);
  catalog::CommitRequest release = Plan("expiry", 0);
  release.layer = catalog::Layer::kMaintenance;
  release.released_files = {path};
  ASSERT_OK(catalog->Commit(release));
  EXPECT_EQ(Check(false).orphans, 0);
  EXPECT_THAT(Check(false).problems, IsEmpty());
}

TEST_F(LineageTest, OneThreadAndManyReportTheSame) {
  Replace(object_path, "{\"n\":1}\n{\"n\":7}\n{\"n\":3}\n");
  std::vector<std::vector<std::string>> problems;
  for (const int threads : {1, 2, 8}) {
    VerifyOptions options;
    options.deep = true;
    options.threads = threads;
    ASSERT_OK_AND(const VerifyReport report,
                  Verify(*catalog, platform::LocalStore(), options, [](auto, auto) {}));
    problems.push_back(report.problems);
  }
  EXPECT_EQ(problems[0], problems[1]);
  EXPECT_EQ(problems[0], problems[2]);
}
}  // namespace
}  // namespace weirhouse::lineage

#include "work/answers/table/table_snapshots.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/format/table_cache.h"
#include "testing/projects/shop_fixture.h"
#include "work/answers/table/upkeep_answer.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;
using ::testing::HasSubstr;

struct TableSnapshotsTest : work::ShopTest {
  // Two batches: an order, then the same one with another amount and a second one.
  void IngestTwoDays() {
    ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
    std::string first = work::Order("o1", 1, "2024-01-01T01:00:00Z", "2024-01-01T01:00:00Z");
    // So many that the one which is replaced is no reason to write the file anew.
    for (int i = 0; i < 20; ++i)
      first +=
          work::Order(fmt::format("p{}", i), 3, "2024-01-01T01:00:00Z", "2024-01-01T01:00:00Z");
    Land("2024-01-01.jsonl", first);
    ASSERT_OK(work::RunPending(*workspace, work::NoProgress()));
    Land("2024-01-02.jsonl",
         work::Order("o1", 5, "2024-01-01T01:00:00Z", "2024-01-02T01:00:00Z") +
             work::Order("o2", 7, "2024-01-02T01:00:00Z", "2024-01-02T02:00:00Z"));
    ASSERT_OK(work::RunPending(*workspace, work::NoProgress()));
  }
  std::string CommitAt(std::size_t from_newest) {
    const auto history = ReadTableHistory(*workspace, "processed.order", 10);
    EXPECT_OK(history);
    return history.ok() ? ToJson(*history)["history"][from_newest]["commit"].get<std::string>()
                        : "";
  }
};

TEST_F(TableSnapshotsTest, HistoryIsNewestFirstAndSaysWhoMadeEachSnapshot) {
  IngestTwoDays();
  ASSERT_OK_AND(const TableHistoryAnswer answer,
                ReadTableHistory(*workspace, "processed.order", 10));
  ASSERT_EQ(answer.history.size(), 2u);
  EXPECT_EQ(answer.history[0].by, "processed 2024-01-02");
  EXPECT_EQ(answer.history[0].refs, std::vector<std::string>{"main"});
  EXPECT_TRUE(answer.history[1].refs.empty());
  const json document = ToJson(answer);
  EXPECT_EQ(document["history"][0]["rows"], 22);
  EXPECT_EQ(document["history"][0]["kept"], "yes");
  EXPECT_EQ(document["history"][1]["by"], "processed 2024-01-01");
  ASSERT_OK_AND(const TableHistoryAnswer one, ReadTableHistory(*workspace, "processed.order", 1));
  ASSERT_EQ(one.history.size(), 1u);
  EXPECT_EQ(one.history[0].by, "processed 2024-01-02");
  EXPECT_EQ(ReadTableHistory(*workspace, "processed.none", 1).status().code(), Code::kNotFound);
}

TEST_F(TableSnapshotsTest, FilesAreThoseOfTheSnapshotThatIsNamed) {
  IngestTwoDays();
  ASSERT_OK_AND(const TableFilesAnswer then,
                ReadTableFiles(*workspace, "processed.order", CommitAt(1)));
  ASSERT_EQ(then.files.size(), 1u);
  const json file = ToJson(then)["files"][0];
  EXPECT_EQ(file["content"], "data");
  EXPECT_EQ(file["rows"], 21);
  EXPECT_THAT(file["partition"].get<std::string>(), HasSubstr("at"));
  ASSERT_OK_AND(const TableFilesAnswer now, ReadTableFiles(*workspace, "processed.order", ""));
  EXPECT_GT(now.files.size(), 1u);
  EXPECT_EQ(ReadTableFiles(*workspace, "processed.order", "nope").status().error_code(), "WH7059");
}

TEST_F(TableSnapshotsTest, ADifferenceListsRowsOfEitherSideUpToALimit) {
  IngestTwoDays();
  const std::string before = CommitAt(1);
  ASSERT_OK_AND(const TableDiffAnswer answer,
                ReadTableDiff(*workspace, "processed.order", before, "", 10));
  EXPECT_EQ(answer.rows_before, 21);
  EXPECT_EQ(answer.rows_after, 22);
  EXPECT_EQ(answer.differing_rows, 3);
  const json rows = ToJson(answer)["rows"];
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0]["change"], "+");
  EXPECT_EQ(rows[2]["change"], "-");
  EXPECT_EQ(rows[2]["amount"], 1);
  ASSERT_OK_AND(const TableDiffAnswer none,
                ReadTableDiff(*workspace, "processed.order", before, "", 0));
  EXPECT_EQ(none.differing_rows, 3);
  EXPECT_EQ(ToJson(none)["rows"], json::array());
  EXPECT_OK(ReadTableDiff(*workspace, "processed.order", before, "", 1, 43));
  const Status more = ReadTableDiff(*workspace, "processed.order", before, "", 1, 2).status();
  EXPECT_EQ(more.error_code(), "WH8048");
  EXPECT_THAT(more.message(), HasSubstr("21 and 22, at most 2 together"));
}

TEST_F(TableSnapshotsTest, AManifestListThatIsDamagedIsCorruption) {
  IngestTwoDays();
  ASSERT_OK_AND(const iceberg::TablePtr table, workspace->LoadTable("processed.order"));
  ASSERT_NE(table->current_snapshot(), nullptr);
  testing::WriteFile(table->current_snapshot()->manifest_list, "no manifest list");
  Reopen();
  EXPECT_EQ(ReadTableFiles(*workspace, "processed.order", "").status().code(), Code::kCorruption);
}

TEST_F(TableSnapshotsTest, AFileOfMetadataThatIsMissingIsCorruption) {
  IngestTwoDays();
  const std::string before = CommitAt(1);
  ASSERT_OK_AND(const iceberg::TablePtr table, workspace->LoadTable("processed.order"));
  const std::string list = table->current_snapshot()->manifest_list;
  ASSERT_OK_AND(const auto manifests, iceberg::LoadManifestList(workspace->store(), list));
  for (const std::string& path : {list, manifests->front().path}) {
    std::filesystem::rename(path, path + ".away");
    Reopen();
    const Status status = ReadTableDiff(*workspace, "processed.order", before, "", 10).status();
    EXPECT_EQ(status.code(), Code::kCorruption) << path;
    EXPECT_EQ(status.error_code(), "WH7012");
    EXPECT_EQ(ReadTableFiles(*workspace, "processed.order", "").status().code(), Code::kCorruption);
    std::filesystem::rename(path + ".away", path);
  }
}

TEST_F(TableSnapshotsTest, WholeUpkeepTellsEachTableAndWhatBelongsToNone) {
  IngestTwoDays();
  work::ExpiryOptions options;
  options.keep = 1;
  options.grace = std::chrono::seconds(0);
  options.dry_run = true;
  ASSERT_OK_AND(
      const work::GarbageReport dry,
      work::CollectGarbage(*workspace, options, std::chrono::hours(1), work::NoProgress()));
  std::int64_t would_be_removed = dry.files_removed_of_gone;
  for (const work::TableUpkeep& one : dry.tables) would_be_removed += one.expired.files_removed;
  EXPECT_GT(would_be_removed, 0);
  std::vector<std::string> compacted;
  std::vector<std::string> expired;
  work::GarbageTold told;
  told.compacted = [&](const std::string& table, const auto&) { compacted.push_back(table); };
  told.expired = [&](const std::string& table, const auto&) { expired.push_back(table); };
  options.dry_run = false;
  ASSERT_OK_AND(
      const work::GarbageReport report,
      work::CollectGarbage(*workspace, options, std::chrono::hours(1), work::NoProgress(), told));
  ASSERT_EQ(report.tables.size(), dry.tables.size());
  EXPECT_EQ(expired.size(), report.tables.size());
  EXPECT_LT(compacted.size(), expired.size());  // but feature tables
  std::int64_t gone = 0;
  std::int64_t removed = report.files_removed_of_gone;
  for (std::size_t i = 0; i < report.tables.size(); ++i) {
    const work::TableUpkeep& one = report.tables[i];
    ASSERT_EQ(one.table, dry.tables[i].table);
    if (one.compacted) {
      EXPECT_EQ(one.compacted->changed, dry.tables[i].compacted->changed) << one.table;
      EXPECT_EQ(one.compacted->files_after, dry.tables[i].compacted->files_after) << one.table;
    }
    removed += one.expired.files_removed;
    EXPECT_EQ(one.compacted.has_value(), !one.table.starts_with("feature.")) << one.table;
    gone += one.expired.snapshots_expired;
  }
  EXPECT_GT(gone, 0);
  EXPECT_GE(removed, would_be_removed);  // and what the merges left behind
}
}  // namespace
}  // namespace weirhouse::answers

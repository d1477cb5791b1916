#include <fmt/format.h>

#include "ground/iceberg/read/snapshot_change.h"
#include "ground/iceberg/table_fixture_test.h"
#include "ground/iceberg/type/value.h"
#include "ground/iceberg/write/delete_merge.h"

namespace weirhouse::iceberg {
namespace {

std::shared_ptr<arrow::Schema> HistorySchema() {
  return arrow::schema({arrow::field("id", arrow::int64(), /*nullable=*/false),
                        arrow::field("origin", arrow::utf8()),
                        arrow::field(std::string(kRecordColumn), arrow::int64()),
                        arrow::field(std::string(kCommitSeqColumn), arrow::int64())});
}

// The catalog's commit sequences, as they would be if other tables committed in between.
Result<CommitSeq> SeqOf(std::int64_t sequence_number) { return CommitSeq(sequence_number * 10); }

class CompactionTest : public TableTest {
 protected:
  StagedTable AppendHistory(const TablePtr& base, const std::string& json, const std::string& run) {
    StagedWrite write(store(), base, random_, Options(run));
    EXPECT_OK(write.Append(*TableOf(HistorySchema(), json)));
    return write.Finish().value();
  }
  StagedTable Delete(const TablePtr& base, const std::set<std::int64_t>& ids) {
    StagedWrite write(store(), base, random_, Options("d"));
    EXPECT_OK(write.DeleteRows(Find(base, ids)));
    return write.Finish().value();
  }
  StagedTable Compact(const TablePtr& base, const CompactionOptions& options) {
    return StageCompaction(store(), base, random_, Options("c"), options, SeqOf).value();
  }
  std::string History(const TablePtr& table, std::int64_t after, std::int64_t up_to) {
    HistoryOptions options;
    options.after = CommitSeq(after);
    options.up_to = CommitSeq(up_to);
    options.scan.columns = {"id"};
    return RowsAsJson(*ReadHistory(store(), table, options, SeqOf).value());
  }
};

TEST_F(CompactionTest, RewritesOnlyFilesWithMoreThanTheShareDeleted) {
  StagedTable staged = AppendHistory(NewFlights({}, HistorySchema()), R"([
      {"id":1},{"id":2},{"id":3},{"id":4},{"id":5},{"id":6},{"id":7},{"id":8},{"id":9},{"id":10}])",
                                     "r1");
  staged = AppendHistory(staged.table, R"([{"id":11},{"id":12}])", "r2");
  staged = Delete(staged.table, {1, 11});  // 10 % of the first, half of the second
  ASSERT_OK_AND(const auto shares, DeletedShares(store(), staged.table));
  ASSERT_EQ(shares.size(), 2u);
  EXPECT_EQ(shares[0].deleted_rows, 1);
  EXPECT_EQ(shares[1].deleted_rows, 1);
  const StagedTable compact = Compact(staged.table, {});
  EXPECT_EQ(Ids(compact.table), "2 3 4 5 6 7 8 9 10 12");
  ASSERT_EQ(compact.snapshots.size(), 1u);
  EXPECT_EQ(compact.snapshots[0].operation, "replace");
  EXPECT_EQ(compact.snapshots[0].total_rows, 10);
  const auto& summary = compact.table->current_snapshot()->summary;
  EXPECT_EQ(summary.at("deleted-data-files"), "1");
  EXPECT_EQ(summary.at("added-data-files"), "1");
  EXPECT_EQ(DeletedShares(store(), compact.table).value()[0].deleted_rows, 1);
}

TEST_F(CompactionTest, ManyDeleteFilesBecomeOneOfWhatStillStands) {
  std::string thousand;
  for (int id = 0; id < 1000; ++id)
    thousand += fmt::format("{}{{\"id\":{}}}", id == 0 ? "[" : ",", id);
  StagedTable staged = AppendHistory(NewFlights({}, HistorySchema()), thousand + "]", "r0");
  // Each batch corrects a row of the large file, and the row of the batch before.
  for (int i = 0; i < kDeleteFilesMergeAt; ++i) {
    EXPECT_FALSE(WantsCompaction(store(), staged.table, {.deleted_share_min = 1.0}).value()) << i;
    staged = AppendHistory(staged.table, fmt::format("[{{\"id\":{}}}]", 2000 + i), "r");
    staged = Delete(staged.table, {i, 1999 + i});
  }
  const TablePtr before = staged.table;
  const std::string ids = Ids(before);
  EXPECT_TRUE(WantsCompaction(store(), before, {.deleted_share_min = 1.0}).value());
  staged = Compact(before, {});
  EXPECT_EQ(Ids(staged.table), ids);
  EXPECT_EQ(staged.snapshots[0].operation, "replace");
  EXPECT_EQ(staged.snapshots[0].total_rows, 1000 - kDeleteFilesMergeAt + 1);
  const auto& summary = staged.table->current_snapshot()->summary;
  EXPECT_EQ(summary.at("total-delete-files"), "1");
  EXPECT_EQ(summary.at("removed-delete-files"), std::to_string(kDeleteFilesMergeAt));
  EXPECT_EQ(summary.at("total-position-deletes"), std::to_string(kDeleteFilesMergeAt));
  EXPECT_EQ(summary.at("total-data-files"), "2");
  const SnapshotChange change = CompareSnapshots(store(), *staged.table, before->current_snapshot(),
                                                 *staged.table->current_snapshot())
                                    .value();
  EXPECT_EQ(change.rows_before, change.rows_after);
  ASSERT_OK_AND(const TablePtr read,
                LoadTable(store(), before->name, staged.change.metadata_location));
  EXPECT_EQ(Ids(read), ids);
  ScanOptions past;
  past.snapshot = before->current_snapshot()->id;
  EXPECT_EQ(Ids(read, past), ids);
  // Rows that are masked afterwards are masked beside what was merged.
  staged = Delete(staged.table, {500});
  EXPECT_EQ(Read(staged.table)->num_rows(), 1000 - kDeleteFilesMergeAt);
  EXPECT_FALSE(WantsCompaction(store(), staged.table, {}).value());
}

TEST_F(CompactionTest, DeleteFilesStayFewHoweverManyBatchesCame) {
  std::string rows;
  for (int id = 0; id < 6000; ++id) rows += fmt::format("{}{{\"id\":{}}}", id == 0 ? "[" : ",", id);
  StagedTable staged = AppendHistory(NewFlights({}, HistorySchema()), rows + "]", "r0");
  const std::string file = Find(staged.table, {0})[0].file;
  int merges = 0;
  std::int64_t positions_written = 0;
  for (int i = 0; i < 500; ++i) {
    StagedWrite write(store(), staged.table, random_, Options("d"));
    ASSERT_OK(write.DeleteRows(std::vector<RowPosition>{{file, i}}));
    ASSERT_OK_AND(staged, write.Finish());
    if (!WantsCompaction(store(), staged.table, {}).value()) continue;
    staged = Compact(staged.table, {});
    ++merges;
    const auto& summary = staged.table->current_snapshot()->summary;
    positions_written += std::stoll(summary.at("added-position-deletes"));
    EXPECT_LT(std::stoi(summary.at("total-delete-files")), kDeleteFilesMergeAt / 2 + 8);
  }
  EXPECT_LE(merges, 500 / (kDeleteFilesMergeAt / 2 - 8));
  EXPECT_LT(positions_written, 500 * 5);
  EXPECT_EQ(Read(staged.table)->num_rows(), 5500);
}

TEST_F(CompactionTest, ALargeFileIsNotWrittenAgainForAFewSmallOnes) {
  std::string many;
  for (int id = 0; id < 4000; ++id) many += fmt::format("{}{{\"id\":{}}}", id == 0 ? "[" : ",", id);
  StagedTable staged = AppendHistory(NewFlights({}, HistorySchema()), many + "]", "r0");
  const std::string large = DeletedShares(store(), staged.table).value().at(0).file.path;
  for (int id = 4000; id < 4004; ++id)
    staged =
        AppendHistory(staged.table, fmt::format("[{{\"id\":{}}}]", id), fmt::format("r{}", id));
  CompactionOptions options;
  options.small_file_bytes = 1 << 20;
  options.small_files_min = 4;
  const StagedTable compact = Compact(staged.table, options);
  ASSERT_OK_AND(const auto files, DeletedShares(store(), compact.table));
  ASSERT_EQ(files.size(), 2U);  // the large one, and the small ones as one
  EXPECT_TRUE(files[0].file.path == large || files[1].file.path == large);
  EXPECT_EQ(files[0].file.row_count + files[1].file.row_count, 4004);
  // There is nothing to gain any more, until there are as many again.
  ASSERT_OK_AND(const bool wants, WantsCompaction(store(), compact.table, options));
  EXPECT_FALSE(wants);
  options.small_files_min = 2;  // two are always made one
  EXPECT_EQ(DeletedShares(store(), Compact(compact.table, options).table).value().size(), 1U);
}

TEST_F(CompactionTest, NothingToDoIsANoOp) {
  const StagedTable staged = AppendHistory(NewFlights({}, HistorySchema()), R"([{"id":1}])", "r1");
  const StagedTable same = Compact(staged.table, {});
  EXPECT_TRUE(same.snapshots.empty());
  EXPECT_EQ(same.change.metadata_location, staged.change.metadata_location);
}

TEST_F(CompactionTest, AFileWhoseRowsAreAllGoneIsDropped) {
  StagedTable staged = AppendHistory(NewFlights({}, HistorySchema()), R"([{"id":1}])", "r1");
  staged = Delete(staged.table, {1});
  staged = Compact(staged.table, {});
  EXPECT_EQ(Ids(staged.table), "");
  EXPECT_EQ(staged.table->current_snapshot()->summary.at("total-data-files"), "0");
  EXPECT_EQ(staged.table->current_snapshot()->summary.at("total-delete-files"), "0");
}

TEST_F(CompactionTest, MergedRowsKeepTheirCommitAndTheirRecord) {
  StagedTable staged =
      AppendHistory(NewFlights({}, HistorySchema()), R"([{"id":1,"_record":7}])", "r1");
  staged = AppendHistory(staged.table, R"([{"id":2,"_record":8}])", "r2");
  staged = AppendHistory(staged.table, R"([{"id":3,"_record":9}])", "r3");
  CompactionOptions all;
  all.all = true;
  staged = Compact(staged.table, all);
  EXPECT_EQ(RowsAsJson(*Read(staged.table)),
            "{\"id\":1,\"origin\":null,\"_record\":7,\"_commit_seq\":10}\n"
            "{\"id\":2,\"origin\":null,\"_record\":8,\"_commit_seq\":20}\n"
            "{\"id\":3,\"origin\":null,\"_record\":9,\"_commit_seq\":30}\n");
  // A second compaction keeps what the first wrote out.
  staged = AppendHistory(staged.table, R"([{"id":4}])", "r4");
  staged = Compact(staged.table, all);
  EXPECT_EQ(History(staged.table, 10, 20), "{\"id\":2,\"_commit_seq\":20}\n");
}

TEST_F(CompactionTest, ATableOfRecordsGetsTheCommitsOfMergedRowsAndTakesRowsAfterwards) {
  const auto plain = arrow::schema({arrow::field("id", arrow::int64(), /*nullable=*/false),
                                    arrow::field(std::string(kRecordColumn), arrow::int64())});
  StagedTable staged;
  staged.table = NewFlights({}, plain);
  const auto append = [&](const std::string& json, const std::string& run) {
    StagedWrite write(store(), staged.table, random_, Options(run));
    EXPECT_OK(write.SetSchema(Schema::FromArrow(*plain).value()));
    EXPECT_OK(write.Append(*TableOf(plain, json)));
    staged = write.Finish().value();
  };
  append(R"([{"id":1,"_record":7}])", "r1");
  append(R"([{"id":2,"_record":8}])", "r2");
  CompactionOptions all;
  all.all = true;
  staged = Compact(staged.table, all);
  append(R"([{"id":3,"_record":9}])", "r4");  // a writer that knows nothing of the column
  EXPECT_EQ(RowsAsJson(*Read(staged.table)),
            "{\"id\":1,\"_record\":7,\"_commit_seq\":10}\n"
            "{\"id\":2,\"_record\":8,\"_commit_seq\":20}\n"
            "{\"id\":3,\"_record\":9,\"_commit_seq\":null}\n");
  staged = Compact(staged.table, all);
  EXPECT_EQ(History(staged.table, 30, 40), "{\"id\":3,\"_commit_seq\":40}\n");
}

TEST_F(CompactionTest, ATableWithoutRecordsKeepsItsColumns) {
  const auto plain = arrow::schema({arrow::field("id", arrow::int64(), /*nullable=*/false)});
  StagedTable staged;
  staged.table = NewFlights({}, plain);
  for (const char* json : {R"([{"id":1}])", R"([{"id":2}])"}) {
    StagedWrite write(store(), staged.table, random_, Options("r"));
    EXPECT_OK(write.Append(*TableOf(plain, json)));
    staged = write.Finish().value();
  }
  CompactionOptions all;
  all.all = true;
  EXPECT_EQ(RowsAsJson(*Read(Compact(staged.table, all).table)), "{\"id\":1}\n{\"id\":2}\n");
}

TEST_F(CompactionTest, HistoryIsTheSameBeforeAndAfter) {
  StagedTable staged = AppendHistory(NewFlights({}, HistorySchema()), R"([{"id":1}])", "r1");
  staged = AppendHistory(staged.table, R"([{"id":2}])", "r2");
  staged = AppendHistory(staged.table, R"([{"id":3}])", "r3");
  CompactionOptions small;
  small.small_file_bytes = 1 << 20;
  const StagedTable compact = Compact(staged.table, small);
  ASSERT_EQ(Scan::Plan(store(), compact.table, {}).value().tasks().size(), 1u);
  const TablePtr later = AppendHistory(compact.table, R"([{"id":4}])", "r5").table;
  for (const auto& [after, up_to] : {std::pair{0, 10}, {0, 25}, {10, 30}, {30, 99}, {0, 0}}) {
    EXPECT_EQ(History(compact.table, after, up_to), History(staged.table, after, up_to));
  }
  EXPECT_EQ(History(later, 30, 99), "{\"id\":4,\"_commit_seq\":50}\n");
  EXPECT_EQ(History(staged.table, 0, 25),
            "{\"id\":1,\"_commit_seq\":10}\n{\"id\":2,\"_commit_seq\":20}\n");
}

TEST_F(CompactionTest, AReaderThatSawThePartsDoesNotSeeTheWholeAsNew) {
  StagedTable staged = AppendHistory(NewFlights({}, HistorySchema()), R"([{"id":1}])", "r1");
  staged = AppendHistory(staged.table, R"([{"id":2}])", "r2");
  CompactionOptions all;
  all.all = true;
  staged = Compact(staged.table, all);
  ScanOptions incremental;
  incremental.after_sequence_number = 2;
  EXPECT_EQ(Ids(staged.table, incremental), "");
}

TEST_F(CompactionTest, SortedTablesStaySortedWithinAPartition) {
  StagedTable staged =
      AppendHistory(NewFlights({"origin"}, HistorySchema(), {"id"}),
                    R"([{"id":2,"origin":"A"},{"id":9,"origin":"A"},{"id":5}])", "r1");
  staged = AppendHistory(staged.table, R"([{"id":1,"origin":"A"},{"id":4,"origin":"A"}])", "r2");
  CompactionOptions all;
  all.all = true;
  staged = Compact(staged.table, all);
  ASSERT_OK_AND(const Scan scan, Scan::Plan(store(), staged.table, {}));
  ASSERT_EQ(scan.tasks().size(), 2u);  // the other partition has one whole file: untouched
  for (const Scan::Task& task : scan.tasks()) {
    if (task.file.row_count == 1) continue;
    const auto rows = scan.Read(task).value()->SelectColumns({0}).ValueOrDie();
    EXPECT_EQ(RowsAsJson(*rows), "{\"id\":1}\n{\"id\":2}\n{\"id\":4}\n{\"id\":9}\n");
    EXPECT_EQ(task.file.sort_order_id, 1);
  }
}

TEST_F(CompactionTest, FilesAreNotMergedBeyondTheRowLimit) {
  StagedTable staged =
      AppendHistory(NewFlights({}, HistorySchema()), R"([{"id":1},{"id":2}])", "r1");
  staged = AppendHistory(staged.table, R"([{"id":3},{"id":4}])", "r2");
  staged = AppendHistory(staged.table, R"([{"id":5},{"id":6}])", "r3");
  CompactionOptions options;
  options.small_file_bytes = 1 << 20;
  options.rows_per_file_max = 4;
  staged = Compact(staged.table, options);
  ASSERT_OK_AND(const Scan scan, Scan::Plan(store(), staged.table, {}));
  ASSERT_EQ(scan.tasks().size(), 2u);
  EXPECT_EQ(Ids(staged.table), "1 2 3 4 5 6");
}

TEST_F(CompactionTest, HistoryOfAnEmptyTableHasItsColumns) {
  ASSERT_OK_AND(const auto rows, ReadHistory(store(), NewFlights({}, HistorySchema()), {}, SeqOf));
  EXPECT_EQ(rows->num_rows(), 0);
  EXPECT_NE(rows->GetColumnByName("_commit_seq"), nullptr);
}
}  // namespace
}  // namespace weirhouse::iceberg

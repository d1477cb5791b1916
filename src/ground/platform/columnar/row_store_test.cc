#include "ground/platform/columnar/row_store.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "ground/platform/io/local_store.h"
#include "testing/testing.h"

namespace weirhouse::platform {
namespace {

std::shared_ptr<arrow::Table> Numbers(std::int64_t from, std::int64_t count) {
  arrow::Int64Builder numbers;
  arrow::StringBuilder texts;
  for (std::int64_t i = from; i < from + count; ++i) {
    WEIRHOUSE_CHECK(numbers.Append(i).ok());
    WEIRHOUSE_CHECK((i % 3 == 0 ? texts.AppendNull() : texts.Append(std::to_string(i))).ok());
  }
  return arrow::Table::Make(
      arrow::schema({arrow::field("n", arrow::int64(), false), arrow::field("t", arrow::utf8())}),
      {numbers.Finish().ValueOrDie(), texts.Finish().ValueOrDie()});
}

class RowStoreTest : public ::testing::Test {
 protected:
  Scratch Of(std::int64_t rows) const { return {folder_ / "tmp", rows}; }
  weirhouse::testing::ScratchFolder folder_;
};

TEST_F(RowStoreTest, GivesBackWhatWasAddedWhereverItLies) {
  for (const std::int64_t piece_rows : {1, 2, 7, 50, 1000}) {
    RowStore store(Of(piece_rows));
    for (std::int64_t from = 0; from < 100; from += 20) ASSERT_OK(store.Add(Numbers(from, 20)));
    ASSERT_OK_AND(const auto rows, store.Finish());
    EXPECT_TRUE(rows->ValidateFull().ok());
    EXPECT_EQ(weirhouse::testing::RowsAsJson(*rows),
              weirhouse::testing::RowsAsJson(*Numbers(0, 100)));
    LetGoOfStoredRows();
    EXPECT_TRUE(rows->ValidateFull().ok());
    for (const auto& chunk : rows->column(0)->chunks())
      EXPECT_LE(chunk->length(), std::max<std::int64_t>(piece_rows, 20));
  }
}

TEST_F(RowStoreTest, RowsOfOtherColumnsDoNotGoIntoTheSameFile) {
  ASSERT_OK_AND(const auto file, RowFile::Make(folder_ / "tmp"));
  ASSERT_OK(file->Append(*Numbers(0, 5)));
  ASSERT_OK_AND(const auto one_column, [&]() -> Result<std::shared_ptr<arrow::Table>> {
    return Numbers(0, 5)->SelectColumns({0}).ValueOrDie();
  }());
  const Status status = file->Append(*one_column);
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_EQ(status.error_code(), "WH7038");
  EXPECT_THAT(status.message(), ::testing::HasSubstr("could not write rows of a batch: "));
}

TEST_F(RowStoreTest, LeavesNoFileBehind) {
  RowStore store(Of(3));
  ASSERT_OK(store.Add(Numbers(0, 10)));
  EXPECT_THAT(ListFolder(folder_ / "tmp").value(), ::testing::IsEmpty());
  ASSERT_OK_AND(const auto rows, store.Finish());
  EXPECT_THAT(ListFolder(folder_ / "tmp").value(), ::testing::IsEmpty());
}

TEST_F(RowStoreTest, ForgetsWhatWasAddedSinceTheMark) {
  for (const std::int64_t piece_rows : {2, 1000}) {
    RowStore store(Of(piece_rows));
    ASSERT_OK(store.Add(Numbers(0, 5)));
    ASSERT_OK(store.Mark());
    ASSERT_OK(store.Add(Numbers(5, 8)));
    store.ForgetMarked();
    ASSERT_OK(store.Add(Numbers(5, 2)));
    ASSERT_OK(store.Mark());
    store.ForgetMarked();
    ASSERT_OK(store.Add(Numbers(7, 1)));
    ASSERT_OK_AND(const auto rows, store.Finish());
    EXPECT_EQ(weirhouse::testing::RowsAsJson(*rows),
              weirhouse::testing::RowsAsJson(*Numbers(0, 8)));
  }
  RowStore store(Of(2));
  ASSERT_OK(store.Mark());
  ASSERT_OK(store.Add(Numbers(5, 8)));
  store.ForgetMarked();
  ASSERT_OK_AND(const auto none, store.Finish());
  EXPECT_EQ(none, nullptr);
}

// As a user who may write nowhere: the owner, or the superuser without its rights meanwhile.
TEST_F(RowStoreTest, WhoMayNotWriteForgetsNoMoreThanWasMarked) {
  std::filesystem::create_directory(folder_ / "tmp");
  std::filesystem::permissions(folder_ / "tmp", std::filesystem::perms::none);
  const uid_t me = geteuid();
  if (me == 0) {
    ASSERT_EQ(seteuid(65'534), 0);
  }
  RowStore store(Of(2));
  const Status added = store.Add(Numbers(0, 5));
  const Status marked = store.Mark();
  const Status more = store.Add(Numbers(90, 8));
  store.ForgetMarked();
  const Status rest = store.Add(Numbers(5, 3));
  const Status again = store.Mark();
  store.ForgetMarked();
  const auto rows = store.Finish();
  if (me == 0) {
    ASSERT_EQ(seteuid(me), 0);
  }
  std::filesystem::permissions(folder_ / "tmp", std::filesystem::perms::owner_all);
  for (const Status& status : {added, marked, more, rest, again, rows.status()}) ASSERT_OK(status);
  EXPECT_EQ(weirhouse::testing::RowsAsJson(**rows), weirhouse::testing::RowsAsJson(*Numbers(0, 8)));
}

TEST_F(RowStoreTest, PiecesHoldAllRowsInOrder) {
  const auto rows = Numbers(0, 100);
  for (const std::int64_t piece_rows : {1, 7, 100, 1000}) {
    std::int64_t next = 0;
    for (const RowRange& piece : PiecesOf(*rows, Of(piece_rows))) {
      EXPECT_EQ(piece.begin, next);
      EXPECT_LE(piece.count, piece_rows);
      next += piece.count;
    }
    EXPECT_EQ(next, 100);
    EXPECT_EQ(AreMany(*rows, Of(piece_rows)), piece_rows < 100);
  }
  EXPECT_EQ(PiecesOf(*rows->Slice(0, 0), Of(7)).size(), 1u);
  Scratch by_bytes = Of(1000);
  by_bytes.piece_bytes = 100;
  EXPECT_GT(PiecesOf(*rows, by_bytes).size(), 9u);
  EXPECT_FALSE(AreMany(*rows, {}));
}
}  // namespace
}  // namespace weirhouse::platform

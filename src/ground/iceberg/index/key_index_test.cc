#include "ground/iceberg/index/key_index.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "ground/iceberg/table_fixture_test.h"
#include "ground/iceberg/type/key_encoding.h"

namespace weirhouse::iceberg {
namespace {

TEST(EncodeKeys, BytesOrderAsTuplesDo) {
  const auto schema =
      arrow::schema({arrow::field("a", arrow::utf8()), arrow::field("b", arrow::int64())});
  const auto rows = TableOf(schema, R"([
      {"a":null,"b":5},{"a":"","b":null},{"a":"","b":-9},{"a":"","b":3},{"a":"a","b":-1},
      {"a":"a\u0000","b":-9},{"a":"a\u0000b","b":0},{"a":"a\u0001","b":0},{"a":"aa","b":-5},
      {"a":"é","b":0},{"a":"漢","b":0}])");
  ASSERT_OK_AND(const auto keys, EncodeKeys(*rows, {"a", "b"}));
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), keys.size());
}

TEST(EncodeKeys, DoublesOrderByValueAndZeroHasNoSign) {
  arrow::DoubleBuilder builder;
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> ordered = {-inf, -1e300, -2.5, -1e-310, -0.0,
                                       0.0,  5e-324, 1.0,  inf,     std::nan("")};
  ASSERT_TRUE(builder.AppendValues(ordered).ok());
  const auto rows = arrow::Table::Make(arrow::schema({arrow::field("x", arrow::float64())}),
                                       {builder.Finish().ValueOrDie()});
  ASSERT_OK_AND(const auto keys, EncodeKeys(*rows, {"x"}));
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_EQ(keys[4], keys[5]);
  EXPECT_LT(keys[8], keys[9]);
}

TEST(EncodeKeys, DecimalsAndTimesOrderByValue) {
  arrow::Decimal128Builder decimals(arrow::decimal128(20, 2));
  for (const char* text :
       {"-123456789012345678.90", "-0.01", "0.00", "0.01", "99999999999999999.99"}) {
    ASSERT_TRUE(decimals.Append(arrow::Decimal128::FromString(text).ValueOrDie()).ok());
  }
  auto rows = arrow::Table::Make(arrow::schema({arrow::field("x", arrow::decimal128(20, 2))}),
                                 {decimals.Finish().ValueOrDie()});
  ASSERT_OK_AND(auto keys, EncodeKeys(*rows, {"x"}));
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  rows = TableOf(FlightSchema(), R"([{"id":1,"at":"1969-01-01T00:00:00Z"},
      {"id":1,"at":"1970-01-01T00:00:00Z"},{"id":1,"at":"2013-01-01T00:00:00Z"}])");
  ASSERT_OK_AND(keys, EncodeKeys(*rows, {"at"}));
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

TEST(EncodeKeys, IntegersOfAnyWidthGiveTheSameKey) {
  const auto of = [](const std::shared_ptr<arrow::DataType>& type) {
    return EncodeKeys(*TableOf(arrow::schema({arrow::field("x", type)}), R"([{"x":-7}])"), {"x"})
        .value()
        .Strings();
  };
  EXPECT_EQ(of(arrow::int32()), of(arrow::int64()));
}

TEST(EncodeKeys, HasTheBytesOfEachPartInOrder) {
  SeededRandom random(11);
  for (int round = 0; round < 50; ++round) {
    arrow::StringBuilder texts;
    arrow::Int64Builder numbers;
    std::vector<std::string> expected;
    for (std::uint64_t row = random.Below(40); row > 0; --row) {
      std::string& key = expected.emplace_back();
      if (random.Below(5) == 0) {
        ASSERT_TRUE(texts.AppendNull().ok());
        key.push_back('\0');
      } else {
        std::string text;
        for (std::uint64_t i = random.Below(20); i > 0; --i) text.push_back("\0a"[random.Below(2)]);
        ASSERT_TRUE(texts.Append(text).ok());
        key.push_back('\x01');
        for (const char c : text) {
          key.push_back(c);
          if (c == '\0') key.push_back('\xff');
        }
        key.append(2, '\0');
      }
      const auto number = static_cast<std::int64_t>(random.Next());
      if (random.Below(5) == 0) {
        ASSERT_TRUE(numbers.AppendNull().ok());
        key.push_back('\0');
      } else {
        ASSERT_TRUE(numbers.Append(number).ok());
        key.push_back('\x01');
        const std::uint64_t bits = static_cast<std::uint64_t>(number) ^ (std::uint64_t{1} << 63);
        for (int shift = 56; shift >= 0; shift -= 8)
          key.push_back(static_cast<char>((bits >> shift) & 0xff));
      }
    }
    const auto rows = arrow::Table::Make(
        arrow::schema({arrow::field("t", arrow::utf8()), arrow::field("n", arrow::int64())}),
        arrow::ArrayVector{*texts.Finish(), *numbers.Finish()});
    EXPECT_EQ(EncodeKeys(*rows, {"t", "n"}).value().Strings(), expected);
    // The same in pieces.
    if (rows->num_rows() < 2) continue;
    const auto pieces = *arrow::ConcatenateTables(
        {rows->Slice(0, rows->num_rows() / 2), rows->Slice(rows->num_rows() / 2)});
    EXPECT_EQ(EncodeKeys(*pieces, {"t", "n"}).value().Strings(), expected);
  }
}

TEST(EncodeKeys, AMissingColumnIsNamed) {
  const Status status = EncodeKeys(*TableOf(FlightSchema(), "[]"), {"tail"}).status();
  EXPECT_EQ(status.error_code(), "WH7062");
  EXPECT_THAT(status.message(), ::testing::HasSubstr("\"tail\""));
}

class KeyIndexTest : public TableTest {
 protected:
  void SetUp() override { Reopen(); }
  // As another process would open it.
  void Reopen() { stores_ = std::make_unique<platform::RunStores>(scratch_ / "index"); }
  KeyIndex Index(const std::string& name = "processed.flight",
                 IndexedFacts facts = IndexedFacts::kAll) {
    return KeyIndex(*stores_, name, {"id"}, {"at"}, facts);
  }
  std::vector<std::string> Keys(const std::string& json) {
    return EncodeKeys(*Rows(json), {"id"}).value().Strings();
  }
  std::unique_ptr<platform::RunStores> stores_;
};

TEST_F(KeyIndexTest, ARebuildFindsEachLiveRowWhereItIs) {
  StagedTable staged = Append(NewFlights(), R"([
      {"id":1,"origin":"EWR","at":"2013-01-05T10:00:00Z"},
      {"id":2,"origin":"JFK","at":"2013-02-05T10:00:00Z"}])");
  StagedWrite write(store(), staged.table, random_, Options("r2"));
  ASSERT_OK_AND(const AppendedRows rows, write.Append(*Rows(R"([
      {"id":1,"origin":"LGA","at":"2013-02-06T10:00:00Z"}])")));
  ASSERT_OK(write.DeleteRows(Find(staged.table, {1})));
  ASSERT_OK_AND(staged, write.Finish());

  KeyIndex index = Index();
  ASSERT_OK(index.Refresh(store(), staged.table));
  ASSERT_OK_AND(const auto found, index.Find(Keys(R"([{"id":1},{"id":2},{"id":3}])")));
  ASSERT_NE(found[0], nullptr);
  EXPECT_EQ(found[0]->position.file, rows.files[0].path);
  EXPECT_EQ(found[0]->position.position, 0);
  const auto row = Rows(R"([{"id":1,"origin":"LGA","at":"2013-02-06T10:00:00Z"}])");
  EXPECT_EQ(found[0]->content, DeclaredDigests(*row).value()[0]);
  EXPECT_EQ(found[0]->order, EncodeKeys(*row, {"at"}).value().Strings()[0]);
  EXPECT_NE(found[1], nullptr);
  EXPECT_EQ(found[2], nullptr);
  EXPECT_EQ(index.Count().value(), 2);
  EXPECT_EQ(index.StandsAt().value(), staged.table->current_snapshot()->id);
}

TEST_F(KeyIndexTest, ApplyMovesItToTheCommitAndSurvivesReopening) {
  const StagedTable first = Append(NewFlights({}), R"([{"id":1},{"id":2}])");
  KeyIndex index = Index();
  ASSERT_OK(index.Refresh(store(), first.table));
  const StagedTable second = Append(first.table, R"([{"id":3}])", "r2");
  KeyEntry entry;
  entry.position = {"/somewhere/new.parquet", 5};
  entry.order = "o";
  entry.record = RecordId(77);
  const std::vector<std::pair<std::string, KeyEntry>> entries = {{Keys(R"([{"id":3}])")[0], entry}};
  ASSERT_OK(index.Apply(second.table, entries, Keys(R"([{"id":1}])")));
  KeyIndex reopened = Index();
  ASSERT_OK(reopened.Refresh(store(), second.table));  // it is at this snapshot: no rebuild
  ASSERT_OK_AND(const auto found, reopened.Find(Keys(R"([{"id":1},{"id":2},{"id":3}])")));
  EXPECT_EQ(found[0], nullptr);
  EXPECT_NE(found[1], nullptr);
  ASSERT_NE(found[2], nullptr);
  EXPECT_EQ(found[2]->position.file, "/somewhere/new.parquet");
  EXPECT_EQ(found[2]->position.position, 5);
  EXPECT_EQ(found[2]->record, RecordId(77));
  EXPECT_EQ(found[2]->order, "o");
}

TEST_F(KeyIndexTest, AnIndexAtAnotherSnapshotIsRebuilt) {
  const StagedTable first = Append(NewFlights({}), R"([{"id":1},{"id":2}])");
  KeyIndex index = Index();
  ASSERT_OK(index.Refresh(store(), first.table));
  // The process ended between the commit and Apply.
  const StagedTable second = Append(first.table, R"([{"id":3}])", "r2");
  KeyIndex restarted = Index();
  ASSERT_OK(restarted.Refresh(store(), second.table));
  EXPECT_EQ(restarted.Count().value(), 3);
  EXPECT_NE(restarted.Find(Keys(R"([{"id":3}])")).value()[0], nullptr);
}

TEST_F(KeyIndexTest, AfterACompactionOnlyRewrittenFilesAreRead) {
  // A file that stays, and a small one of which half is replaced.
  StagedTable staged = Append(NewFlights({}), R"([{"id":1},{"id":2},{"id":3}])");
  staged = Append(staged.table, R"([{"id":4},{"id":5}])", "r2");
  StagedWrite write(store(), staged.table, random_, Options("r3"));
  ASSERT_OK(write.Append(*Rows(R"([{"id":4,"origin":"LGA"}])")));
  ASSERT_OK(write.DeleteRows(Find(staged.table, {4})));
  ASSERT_OK_AND(staged, write.Finish());
  KeyIndex index = Index();
  ASSERT_OK(index.Refresh(store(), staged.table));
  const auto before = index.Find(Keys(R"([{"id":1}])")).value();

  CompactionOptions options;
  options.deleted_share_min = 0.4;
  ASSERT_OK_AND(const StagedTable compacted,
                StageCompaction(store(), staged.table, random_, Options("r4"), options, {}));
  ASSERT_FALSE(compacted.snapshots.empty());
  // The file that stays cannot be read any more: nothing may ask for it.
  const std::string kept = before[0]->position.file;
  std::filesystem::rename(kept, kept + ".away");
  ASSERT_OK(Index().Refresh(store(), compacted.table));
  std::filesystem::rename(kept + ".away", kept);

  KeyIndex followed = Index();
  KeyIndex rebuilt(*stores_, "another", {"id"}, {"at"});
  ASSERT_OK(rebuilt.Refresh(store(), compacted.table));
  const auto keys = Keys(R"([{"id":1},{"id":2},{"id":3},{"id":4},{"id":5},{"id":6}])");
  ASSERT_OK_AND(const auto found, followed.Find(keys));
  ASSERT_OK_AND(const auto wanted, rebuilt.Find(keys));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ASSERT_EQ(found[i] != nullptr, wanted[i] != nullptr) << i;
    if (!found[i]) continue;
    EXPECT_EQ(found[i]->position.file, wanted[i]->position.file) << i;
    EXPECT_EQ(found[i]->position.position, wanted[i]->position.position) << i;
    EXPECT_EQ(found[i]->content, wanted[i]->content) << i;
  }
  EXPECT_EQ(followed.Count().value(), 5);
}

TEST_F(KeyIndexTest, ItFollowsRowsThatJoinedAndLeftMeanwhile) {
  StagedTable staged = Append(NewFlights({}), R"([{"id":1},{"id":2},{"id":3}])");
  KeyIndex index = Index();
  ASSERT_OK(index.Refresh(store(), staged.table));
  // The process ends before Apply, twice.
  StagedWrite write(store(), staged.table, random_, Options("r2"));
  ASSERT_OK(write.Append(*Rows(R"([{"id":2,"origin":"LGA"},{"id":7}])")));
  ASSERT_OK(write.DeleteRows(Find(staged.table, {2, 3})));
  ASSERT_OK_AND(staged, write.Finish());
  staged = Append(staged.table, R"([{"id":8}])", "r3");
  KeyIndex followed = Index();
  ASSERT_OK(followed.Refresh(store(), staged.table));
  ASSERT_OK_AND(const auto found,
                followed.Find(Keys(R"([{"id":1},{"id":2},{"id":3},{"id":7},{"id":8}])")));
  EXPECT_NE(found[0], nullptr);
  ASSERT_NE(found[1], nullptr);
  EXPECT_EQ(found[1]->content, DeclaredDigests(*Rows(R"([{"id":2,"origin":"LGA"}])")).value()[0]);
  EXPECT_EQ(found[2], nullptr);
  EXPECT_NE(found[3], nullptr);
  EXPECT_NE(found[4], nullptr);
  EXPECT_EQ(followed.StandsAt().value(), staged.table->current_snapshot()->id);
}

TEST_F(KeyIndexTest, ALargeApplyGoesInBoundedBatches) {
  const StagedTable staged = Append(NewFlights({}), R"([{"id":1}])");
  KeyIndex index = Index();
  ASSERT_OK(index.Refresh(store(), staged.table));
  std::vector<std::pair<std::string, KeyEntry>> entries;
  for (int i = 0; i < 50'000; ++i) {
    KeyEntry entry;
    entry.position = {"/f" + std::to_string(i % 3), i};
    entries.emplace_back(fmt::format("key{:08}", i), entry);
  }
  ASSERT_OK(index.Apply(staged.table, entries, {}));
  EXPECT_EQ(index.Count().value(), 50'001);
  EXPECT_TRUE(index.StandsAt().value().has_value());
  const auto found = index.Find(std::vector<std::string>{"key00049999"}).value();
  EXPECT_EQ(found[0]->position.position, 49'999);
}

TEST_F(KeyIndexTest, TablesDoNotSeeEachOther) {
  const StagedTable staged = Append(NewFlights({}), R"([{"id":1}])");
  KeyIndex index = Index();
  KeyIndex other = Index("processed.flight2");
  ASSERT_OK(index.Refresh(store(), staged.table));
  EXPECT_EQ(other.Count().value(), 0);
  EXPECT_FALSE(other.StandsAt().value().has_value());
  ASSERT_OK(other.Refresh(store(), NewFlights({})));
  EXPECT_EQ(index.Count().value(), 1);
  EXPECT_EQ(other.StandsAt().value(), SnapshotId());
}

TEST_F(KeyIndexTest, AnIndexOfPositionsHoldsNothingElseAndIsNotTakenForAWholeOne) {
  const StagedTable first = Append(NewFlights({}), R"([{"id":1},{"id":2}])");
  ASSERT_OK(Index("t", IndexedFacts::kPosition).Refresh(store(), first.table));
  const StagedTable second = Append(first.table, R"([{"id":3,"origin":"LGA"}])", "r2");
  KeyIndex positions = Index("t", IndexedFacts::kPosition);
  ASSERT_OK(positions.Refresh(store(), second.table));
  KeyIndex whole = Index("whole");
  ASSERT_OK(whole.Refresh(store(), second.table));
  const auto keys = Keys(R"([{"id":1},{"id":3},{"id":4}])");
  ASSERT_OK_AND(const auto found, positions.Find(keys));
  ASSERT_OK_AND(const auto wanted, whole.Find(keys));
  for (const std::size_t i : {0U, 1U}) {
    ASSERT_NE(found[i], nullptr);
    EXPECT_EQ(found[i]->position.file, wanted[i]->position.file);
    EXPECT_EQ(found[i]->position.position, wanted[i]->position.position);
    EXPECT_EQ(found[i]->content, Digest());
  }
  EXPECT_EQ(found[2], nullptr);
  EXPECT_FALSE(Index("t").StandsAt().value().has_value());
  Reopen();
  EXPECT_EQ(Index("t", IndexedFacts::kPosition).StandsAt().value(),
            second.table->current_snapshot()->id);
}
}  // namespace
}  // namespace weirhouse::iceberg

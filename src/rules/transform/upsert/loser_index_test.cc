#include "rules/transform/upsert/loser_index.h"

#include <fmt/format.h>

#include <map>

#include "ground/base/random.h"
#include "ground/iceberg/table.h"
#include "ground/platform/io/local_store.h"
#include "testing/testing.h"

namespace weirhouse::transform {
namespace {
constexpr char kTable[] = "processed.visit";
constexpr int kRecords = 40;

class LoserIndexTest : public ::testing::Test {
 protected:
  LoserIndexTest() { Fresh(); }

  void Fresh() {
    iceberg::NewTable made;
    made.name = std::string(kLosersTable);
    made.location = folder_ / fmt::format("losers{}", ++made_);
    made.schema = iceberg::Schema::FromArrow(*LoserSchema()).value();
    table_ = iceberg::MakeTable(made, random_, clock_).value();
    said_.clear();
  }
  // One batch: some records lose, some do so no more, some of them in another table.
  void Append(bool anew = false) {
    const RunId run(++run_);
    std::map<std::pair<std::string, RecordId>, StoredLoser> rows;
    for (std::uint64_t i = 0, count = 1 + random_.Below(12); i < count; ++i) {
      StoredLoser loser;
      loser.record = RecordId(1 + static_cast<std::int64_t>(random_.Below(kRecords)));
      loser.table = random_.Below(4) == 0 ? "processed.visitor" : kTable;
      loser.state = static_cast<RecordState>(random_.Below(5));
      loser.winner = RecordId(1 + static_cast<std::int64_t>(random_.Below(kRecords)));
      loser.run = run;
      rows[{loser.table, loser.record}] = loser;
    }
    std::vector<StoredLoser> batch;
    for (const auto& [of, loser] : rows) batch.push_back(loser);
    iceberg::StageOptions options;
    options.run_name = fmt::format("r{}", run_);
    options.idempotency_key = options.run_name;
    iceberg::StagedWrite write(platform::LocalStore(), table_, random_, options);
    if (anew) {
      ASSERT_OK(write.RemoveAllFiles());
      said_.clear();
    }
    ASSERT_OK(write.Append(*LoserRows(batch).value()));
    table_ = write.Finish().value().table;
    for (const StoredLoser& loser : batch) {
      if (loser.table == kTable) said_[loser.record] = loser;
    }
  }
  std::string Wanted() const {
    std::string text;
    for (const auto& [record, loser] : said_) {
      if (loser.state == RecordState::kProcessed || loser.state == RecordState::kFiltered) continue;
      text += fmt::format("{}:{} by {}\n", record.value(), catalog::Name(loser.state),
                          loser.winner.value());
    }
    return text;
  }
  std::string Found(platform::KvStore& store) {
    LoserIndex index(store, kTable);
    const Status status = index.Refresh(platform::LocalStore(), table_);
    if (!status.ok()) return status.ToString();
    std::vector<RecordId> records;
    for (int record = 0; record <= kRecords + 1; ++record) records.emplace_back(record);
    const auto found = index.Find(records);
    if (!found.ok()) return found.status().ToString();
    std::string text;
    for (const StoredLoser& loser : *found) {
      text += fmt::format("{}:{} by {}\n", loser.record.value(), catalog::Name(loser.state),
                          loser.winner.value());
    }
    return text;
  }
  std::unique_ptr<platform::KvStore> Store(const std::string& name) {
    return platform::KvStore::Open(folder_ / name, {}).value();
  }

  weirhouse::testing::ScratchFolder folder_;
  SeededRandom random_{11};
  ManualClock clock_{ProcessTime{}};
  iceberg::TablePtr table_;
  std::map<RecordId, StoredLoser> said_;
  int made_ = 0;
  int run_ = 0;
};

TEST_F(LoserIndexTest, SaysWhatTheLogSaysLastWhetherKeptOrLaggingOrNew) {
  const auto kept = Store("kept");
  const auto lagging = Store("lagging");
  for (int batch = 0; batch < 120; ++batch) {
    Append(/*anew=*/batch % 41 == 40);
    ASSERT_EQ(Found(*kept), Wanted()) << batch;
    if (random_.Below(5) == 0) {
      ASSERT_EQ(Found(*lagging), Wanted()) << batch;
    }
  }
  EXPECT_FALSE(Wanted().empty());
  EXPECT_EQ(Found(*Store("new")), Wanted());
}

TEST_F(LoserIndexTest, KnowsNothingWhereThereIsNoLog) {
  const auto store = Store("kv");
  LoserIndex index(*store, kTable);
  ASSERT_OK(index.Refresh(platform::LocalStore(), nullptr));
  ASSERT_OK_AND(const auto found, index.Find({RecordId(1)}));
  EXPECT_TRUE(found.empty());
  Append();
  EXPECT_EQ(Found(*store), Wanted());
  // A log of another life: the index forgets what it had read.
  Fresh();
  Append();
  EXPECT_EQ(Found(*store), Wanted());
}
}  // namespace
}  // namespace weirhouse::transform

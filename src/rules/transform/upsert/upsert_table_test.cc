// Upserts into real tables: files, position deletes, and indexes rebuilt from them.
#include <arrow/api.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <numeric>

#include "ground/base/random.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/kv/run_store.h"
#include "rules/transform/flights_fixture.h"
#include "rules/transform/upsert/upsert.h"

namespace weirhouse::transform {
namespace {

constexpr char kSql[] =
    "-- wh: table processed.event; key key; order seq; mode incremental; history keep\n"
    "SELECT key, seq, value FROM records.event";

CheckedTransform CheckedTable() {
  SchemaCatalog schemas;
  schemas.Add("records.event", flights::SchemaOf("key:s seq:i value:s", true), "contract event");
  return flights::Check(kSql, "processed/event.sql", schemas).value();
}

std::shared_ptr<arrow::Table> RandomRows(const CheckedTransform& checked, Random& random,
                                         std::size_t count, std::int64_t first_record) {
  std::string json = "[";
  for (std::size_t i = 0; i < count; ++i) {
    json += fmt::format(R"({}{{"key":"k{}","seq":{},"value":"v{}","_record":{}}})",
                        i == 0 ? "" : ",", random.Below(12), random.Below(4), random.Below(3),
                        first_record + static_cast<std::int64_t>(i));
  }
  return weirhouse::testing::TableOf(checked.output, json + "]");
}

class UpsertTable : public ::testing::Test {
 protected:
  UpsertTable() : checked_(CheckedTable()) {
    stores_ = std::make_unique<platform::RunStores>(folder_ / "index");
    current_index_ = IndexIn(*stores_);
    versions_ = VersionsIn(*stores_);
    current_ = NewTable("processed.event");
    history_ = NewTable("processed.event_history");
  }

  static std::unique_ptr<iceberg::KeyIndex> IndexIn(platform::RunStores& stores) {
    return std::make_unique<iceberg::KeyIndex>(stores, "processed.event",
                                               std::vector<std::string>{"key"},
                                               std::vector<std::string>{"seq"});
  }
  static std::unique_ptr<VersionIndex> VersionsIn(platform::RunStores& stores) {
    return std::make_unique<VersionIndex>(stores, "processed.event",
                                          std::vector<std::string>{"key"},
                                          std::vector<std::string>{"seq"}, Memory::kHistory);
  }

  iceberg::TablePtr NewTable(const std::string& name) {
    iceberg::NewTable table;
    table.name = name;
    table.location = folder_ / name;
    table.schema = iceberg::Schema::FromArrow(*checked_.output).value();
    return iceberg::MakeTable(table, random_, clock_).value();
  }

  iceberg::TablePtr Write(const iceberg::TablePtr& base, const arrow::Table& rows,
                          std::span<const iceberg::RowPosition> deletes,
                          iceberg::AppendedRows& appended) {
    iceberg::StageOptions options;
    options.run_name = "r" + std::to_string(++run_);
    options.idempotency_key = options.run_name;
    iceberg::StagedWrite write(platform::LocalStore(), base, random_, options);
    if (rows.num_rows() > 0) appended = write.Append(rows).value();
    EXPECT_OK(write.DeleteRows(deletes));
    return write.Finish().value().table;
  }

  void Upsert(const arrow::Table& rows) {
    ASSERT_OK_AND(const auto plan, PlanUpsert(checked_, rows, *current_index_, versions_.get()));
    iceberg::AppendedRows appended;
    current_ = Write(current_, *plan.current_rows, plan.deletes, appended);
    iceberg::AppendedRows unused;
    history_ = Write(history_, *plan.history_rows, {}, unused);
    ASSERT_OK(EnterRows(*current_index_, current_, plan.current_facts, appended, {}));
    ASSERT_OK(versions_->Apply(history_, plan.versions));
    states_ += plan.states;
  }

  static std::shared_ptr<arrow::Table> Rows(const iceberg::TablePtr& table) {
    return iceberg::Scan::Plan(platform::LocalStore(), table, {}).value().ReadAll().value();
  }

  weirhouse::testing::ScratchFolder folder_;
  SeededRandom random_{7};
  ManualClock clock_{ProcessTime{}};
  CheckedTransform checked_;
  std::unique_ptr<platform::RunStores> stores_;
  std::unique_ptr<iceberg::KeyIndex> current_index_;
  std::unique_ptr<VersionIndex> versions_;
  iceberg::TablePtr current_;
  iceberg::TablePtr history_;
  StateCounts states_;
  int run_ = 0;
};

TEST_F(UpsertTable, HoldsAfterManyBatchesWhatAFullRunGives) {
  std::vector<std::shared_ptr<arrow::Table>> batches;
  std::int64_t record = 1;
  for (int batch = 0; batch < 12; ++batch) {
    batches.push_back(RandomRows(checked_, random_, 15, record));
    record += 15;
    Upsert(*batches.back());
  }
  const auto all = arrow::ConcatenateTables(batches).ValueOrDie();
  ASSERT_OK_AND(const auto full, PlanFull(checked_, *all));
  ASSERT_OK_AND(const Digest current, iceberg::ContentDigest(*Rows(current_)));
  ASSERT_OK_AND(const Digest wanted, iceberg::ContentDigest(*full.current_rows));
  EXPECT_EQ(current, wanted);
  ASSERT_OK_AND(const Digest history, iceberg::ContentDigest(*Rows(history_)));
  ASSERT_OK_AND(const Digest all_versions, iceberg::ContentDigest(*full.history_rows));
  EXPECT_EQ(history, all_versions);
  EXPECT_EQ(states_, full.states);
}

TEST_F(UpsertTable, IndexesRebuiltFromTheTablesDecideTheSame) {
  for (int batch = 0; batch < 6; ++batch) {
    Upsert(*RandomRows(checked_, random_, 20, 1 + 20 * batch));
  }
  platform::RunStores rebuilt(folder_ / "index2");
  const auto index = IndexIn(rebuilt);
  const auto versions = VersionsIn(rebuilt);
  ASSERT_OK(index->Refresh(platform::LocalStore(), current_));
  ASSERT_OK(versions->Refresh(platform::LocalStore(), history_));
  const auto next = RandomRows(checked_, random_, 60, 1000);
  ASSERT_OK_AND(const auto kept, PlanUpsert(checked_, *next, *current_index_, versions_.get()));
  ASSERT_OK_AND(const auto fresh, PlanUpsert(checked_, *next, *index, versions.get()));
  EXPECT_EQ(fresh.states, kept.states);
  EXPECT_EQ(fresh.losers, kept.losers);
  EXPECT_TRUE(fresh.current_rows->Equals(*kept.current_rows));
  EXPECT_TRUE(fresh.history_rows->Equals(*kept.history_rows));
  EXPECT_EQ(fresh.deletes.size(), kept.deletes.size());
  EXPECT_GT(kept.states.duplicate, 0);
}

TEST_F(UpsertTable, AnIndexOfVersionsLeftBehindIsRebuilt) {
  Upsert(*RandomRows(checked_, random_, 20, 1));
  const auto before = history_;
  Upsert(*RandomRows(checked_, random_, 20, 100));
  // As after a crash between the commit and the index: back to an older state of the table.
  ASSERT_OK(versions_->Refresh(platform::LocalStore(), before));
  ASSERT_OK(versions_->Refresh(platform::LocalStore(), history_));
  const auto rows = Rows(history_);
  ASSERT_OK_AND(const auto plan, PlanUpsert(checked_, *rows, *current_index_, versions_.get()));
  EXPECT_EQ(plan.states.duplicate, rows->num_rows());
  EXPECT_EQ(plan.history_rows->num_rows(), 0);
}
}  // namespace
}  // namespace weirhouse::transform

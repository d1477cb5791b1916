#include "rules/transform/upsert/upsert.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <set>

#include "ground/base/random.h"
#include "ground/platform/kv/run_store.h"
#include "rules/transform/flights_fixture.h"
#include "rules/transform/run/run.h"

namespace weirhouse::transform {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A small event: two columns decide key and order, two are content.
struct Event {
  std::string key;
  std::int64_t at = 0;
  std::int64_t value = 0;
};

CheckedTransform CheckedOf(const std::string& header) {
  SchemaCatalog schemas;
  schemas.Add("records.event", flights::SchemaOf("key:s seq:i value:i", true), "contract event");
  return flights::Check("-- wh: table processed.event; key key; mode incremental; " + header +
                            "\nSELECT key, seq, value FROM records.event",
                        "processed/event.sql", schemas)
      .value();
}

// Rows as RunTransform returns them; `_record` counts from `first_record`.
std::shared_ptr<arrow::Table> RowsOfVersions(const std::vector<Event>& events,
                                             std::int64_t first_record) {
  arrow::StringBuilder keys;
  arrow::Int64Builder ats, values, records;
  arrow::TimestampBuilder ingested(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                                   arrow::default_memory_pool());
  for (const Event& event : events) {
    WEIRHOUSE_CHECK((event.key.empty() ? keys.AppendNull() : keys.Append(event.key)).ok());
    WEIRHOUSE_CHECK(ats.Append(event.at).ok());
    WEIRHOUSE_CHECK(values.Append(event.value).ok());
    WEIRHOUSE_CHECK(records.Append(first_record++).ok());
    WEIRHOUSE_CHECK(ingested.Append(first_record * 1000).ok());
  }
  static const auto schema = CheckedOf("order seq").output;
  return arrow::Table::Make(
      schema, {keys.Finish().ValueOrDie(), ats.Finish().ValueOrDie(), values.Finish().ValueOrDie(),
               records.Finish().ValueOrDie(), ingested.Finish().ValueOrDie()});
}

std::vector<Event> EventsOf(const arrow::Table& rows) {
  std::vector<Event> events;
  const auto combined = rows.CombineChunks().ValueOrDie();
  for (std::int64_t i = 0; i < rows.num_rows(); ++i) {
    const auto text = [&](int column) {
      return combined->column(column)->GetScalar(i).ValueOrDie()->ToString();
    };
    events.push_back({text(0), std::stoll(text(1)), std::stoll(text(2))});
  }
  return events;
}

std::string ShowVersions(const std::vector<Event>& events) {
  std::vector<std::string> lines;
  for (const Event& event : events) {
    lines.push_back(event.key + "@" + std::to_string(event.at) + "=" + std::to_string(event.value));
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line + " ";
  return text;
}

std::string ShowVersions(const StateCounts& states) {
  return fmt::format("processed {} duplicate {} conflict {} superseded {} quarantined {}",
                     states.processed, states.duplicate, states.conflict, states.superseded,
                     states.quarantined);
}

// A table in memory beside real indexes: what PlanUpsert decides is done to it.
class Upserted {
 public:
  explicit Upserted(CheckedTransform checked, bool with_versions = true)
      : checked_(std::move(checked)), with_versions_(with_versions) {
    stores_ = std::make_unique<platform::RunStores>(folder_ / "index");
    const auto order = checked_.definition.order_columns();
    current_ = std::make_unique<iceberg::KeyIndex>(*stores_, "processed.event",
                                                   std::vector<std::string>{"key"}, order);
    const bool keeps = checked_.definition.history == History::kKeep;
    versions_ =
        std::make_unique<VersionIndex>(*stores_, "processed.event", std::vector<std::string>{"key"},
                                       order, keeps ? Memory::kHistory : Memory::kLosers);
  }

  void Add(const arrow::Table& rows) {
    auto planned =
        PlanUpsert(checked_, rows, *current_, with_versions_ ? versions_.get() : nullptr);
    ASSERT_OK(planned);
    plan = std::move(planned).value();
    states += plan.states;
    for (const iceberg::RowPosition& position : plan.deletes) {
      ASSERT_EQ(rows_.erase(position.position), 1u) << "deletes a row that is not there";
    }
    iceberg::AppendedRows appended;
    appended.files.push_back({});
    appended.files[0].path = "data/file.parquet";
    for (const Event& event : EventsOf(*plan.current_rows)) {
      appended.file_of_row.push_back(0);
      appended.position_of_row.push_back(next_position_);
      rows_[next_position_++] = event;
    }
    if (plan.history_rows != nullptr) {
      for (const Event& event : EventsOf(*plan.history_rows)) history_.push_back(event);
    }
    auto staged = std::make_shared<iceberg::TableMetadata>();
    staged->snapshots.push_back({});
    staged->snapshots.back().id = SnapshotId(++snapshot_);
    staged->refs["main"].snapshot = SnapshotId(snapshot_);
    ASSERT_OK(EnterRows(*current_, staged, plan.current_facts, appended, {}));
    ASSERT_OK(versions_->Apply(staged, plan.versions));
    NoteStates(rows);
  }

  std::string current() const {
    std::vector<Event> events;
    for (const auto& [position, event] : rows_) events.push_back(event);
    return ShowVersions(events);
  }
  std::string history() const { return ShowVersions(history_); }
  // What the sidecars say became of each record, in the end.
  const std::map<std::int64_t, RecordState>& record_states() const { return record_states_; }

  UpsertPlan plan;  // of the latest batch
  StateCounts states;

 private:
  void NoteStates(const arrow::Table& rows) {
    std::set<std::int64_t> seen;
    for (const auto& scalar : Records(rows)) record_states_[scalar] = RecordState::kProcessed;
    for (const RejectedRow& row : plan.rejected) {
      record_states_[row.record.value()] = RecordState::kQuarantined;
    }
    for (const Loser& loser : plan.losers) record_states_[loser.record.value()] = loser.state;
  }
  static std::vector<std::int64_t> Records(const arrow::Table& rows) {
    std::vector<std::int64_t> records;
    const auto combined = rows.GetColumnByName("_record");
    for (const auto& chunk : combined->chunks()) {
      const auto& values = static_cast<const arrow::Int64Array&>(*chunk);
      for (std::int64_t i = 0; i < values.length(); ++i) records.push_back(values.Value(i));
    }
    return records;
  }

  weirhouse::testing::ScratchFolder folder_;
  CheckedTransform checked_;
  bool with_versions_;
  std::unique_ptr<platform::RunStores> stores_;
  std::unique_ptr<iceberg::KeyIndex> current_;
  std::unique_ptr<VersionIndex> versions_;
  std::map<std::int64_t, Event> rows_;
  std::vector<Event> history_;
  std::map<std::int64_t, RecordState> record_states_;
  std::int64_t next_position_ = 0;
  std::int64_t snapshot_ = 0;
};

// A loser, whatever its version.
MATCHER_P4(Lost, record, state, winner, moved, "") {
  return arg.record == RecordId(record) && arg.state == state && arg.winner == RecordId(winner) &&
         arg.moved == moved;
}

StateCounts CountsOfPlan(const std::map<std::int64_t, RecordState>& states) {
  StateCounts counts;
  for (const auto& [record, state] : states) {
    counts.processed += state == RecordState::kProcessed;
    counts.duplicate += state == RecordState::kDuplicate;
    counts.conflict += state == RecordState::kConflict;
    counts.superseded += state == RecordState::kSuperseded;
    counts.quarantined += state == RecordState::kQuarantined;
  }
  return counts;
}

TEST(Upsert, LaterOrderReplacesWhatStood) {
  Upserted table(CheckedOf("order seq; history keep"));
  table.Add(*RowsOfVersions({{"a", 1, 10}, {"b", 1, 10}}, 100));
  table.Add(*RowsOfVersions({{"a", 2, 20}}, 200));
  EXPECT_EQ(table.current(), "a@2=20 b@1=10 ");
  EXPECT_EQ(table.history(), "a@1=10 a@2=20 b@1=10 ");
  EXPECT_EQ(ShowVersions(table.plan.states),
            "processed 0 duplicate 0 conflict 0 superseded 1 quarantined 0");
  EXPECT_THAT(table.plan.losers, ElementsAre(Lost(100, RecordState::kSuperseded, 200, true)));
  EXPECT_EQ(table.plan.deletes.size(), 1u);
}

TEST(Upsert, AnEarlierOrderThatComesLateJoinsTheHistoryOnly) {
  Upserted table(CheckedOf("order seq; history keep"));
  table.Add(*RowsOfVersions({{"a", 2, 20}}, 100));
  table.Add(*RowsOfVersions({{"a", 1, 10}}, 200));
  EXPECT_EQ(table.current(), "a@2=20 ");
  EXPECT_EQ(table.history(), "a@1=10 a@2=20 ");
  EXPECT_EQ(table.plan.current_rows->num_rows(), 0);
  EXPECT_THAT(table.plan.losers, ElementsAre(Lost(200, RecordState::kSuperseded, 100, false)));
}

TEST(Upsert, TheGreaterDigestWinsAmongEqualOrdersWhicheverCameFirst) {
  std::string winner;
  for (const bool first : {true, false}) {
    Upserted table(CheckedOf("order seq; history keep"));
    table.Add(*RowsOfVersions({{"a", 1, first ? 10 : 20}}, 100));
    table.Add(*RowsOfVersions({{"a", 1, first ? 20 : 10}}, 200));
    EXPECT_EQ(table.history(), "a@1=10 a@1=20 ");
    EXPECT_EQ(ShowVersions(table.states),
              "processed 1 duplicate 0 conflict 1 superseded 0 quarantined 0");
    if (winner.empty()) winner = table.current();
    EXPECT_EQ(table.current(), winner);
  }
}

TEST(Upsert, ADuplicateChangesNothing) {
  Upserted table(CheckedOf("order seq; history keep"));
  table.Add(*RowsOfVersions({{"a", 1, 10}, {"a", 1, 10}}, 100));
  table.Add(*RowsOfVersions({{"a", 1, 10}}, 200));
  EXPECT_EQ(table.plan.current_rows->num_rows(), 0);
  EXPECT_EQ(table.plan.history_rows->num_rows(), 0);
  EXPECT_THAT(table.plan.deletes, IsEmpty());
  EXPECT_EQ(ShowVersions(table.states),
            "processed 1 duplicate 2 conflict 0 superseded 0 quarantined 0");
  EXPECT_THAT(table.plan.losers, ElementsAre(Lost(200, RecordState::kDuplicate, 100, false)));
}

TEST(Upsert, ARepeatOfAnyEarlierVersionIsADuplicate) {
  Upserted table(CheckedOf("order seq; history keep"));
  table.Add(*RowsOfVersions({{"a", 1, 10}, {"a", 1, 20}, {"a", 2, 5}}, 100));
  table.Add(*RowsOfVersions({{"a", 1, 10}, {"a", 1, 20}}, 200));
  EXPECT_EQ(ShowVersions(table.plan.states),
            "processed 0 duplicate 2 conflict 0 superseded 0 quarantined 0");
  EXPECT_EQ(table.plan.history_rows->num_rows(), 0);
  EXPECT_EQ(table.plan.losers[0].winner, RecordId(100));
  EXPECT_EQ(table.plan.losers[1].winner, RecordId(101));
}

TEST(Upsert, ANullKeyIsRejectedWithItsRecord) {
  Upserted table(CheckedOf("order seq"));
  table.Add(*RowsOfVersions({{"a", 1, 10}, {"", 1, 10}}, 100));
  EXPECT_EQ(ShowVersions(table.states),
            "processed 1 duplicate 0 conflict 0 superseded 0 quarantined 1");
  ASSERT_EQ(table.plan.rejected.size(), 1u);
  EXPECT_EQ(table.plan.rejected[0].record, RecordId(101));
  EXPECT_EQ(table.plan.rejected[0].column, "key");
  EXPECT_EQ(table.current(), "a@1=10 ");
}

TEST(Upsert, AnEmptyBatchPlansNothing) {
  Upserted table(CheckedOf("order seq; history keep"));
  table.Add(*RowsOfVersions({}, 100));
  EXPECT_EQ(table.plan.current_rows->num_rows(), 0);
  EXPECT_EQ(table.states, StateCounts());
}

TEST(Upsert, ByArrivalTheLaterRecordWinsEvenWithAnEarlierContent) {
  Upserted table(CheckedOf("order arrival; history keep"));
  table.Add(*RowsOfVersions({{"a", 1, 10}, {"a", 0, 20}}, 100));
  EXPECT_EQ(table.current(), "a@0=20 ");
  table.Add(*RowsOfVersions({{"a", 1, 10}}, 200));
  EXPECT_EQ(table.current(), "a@1=10 ");
  EXPECT_EQ(table.history(), "a@0=20 a@1=10 ");
  EXPECT_EQ(ShowVersions(table.states),
            "processed 1 duplicate 0 conflict 0 superseded 2 quarantined 0");
}

std::vector<Event> RandomVersions(Random& random, std::size_t count) {
  std::vector<Event> events;
  for (std::size_t i = 0; i < count; ++i) {
    events.push_back({std::string(1, static_cast<char>('a' + random.Below(6))),
                      static_cast<std::int64_t>(random.Below(4)),
                      static_cast<std::int64_t>(random.Below(3))});
  }
  return events;
}

void Shuffle(std::vector<Event>& events, Random& random) {
  for (std::size_t i = events.size(); i > 1; --i) {
    std::swap(events[i - 1], events[random.Below(i)]);
  }
}

std::vector<std::vector<Event>> RandomBatches(const std::vector<Event>& events, Random& random) {
  std::vector<std::vector<Event>> batches(1);
  for (const Event& event : events) {
    if (random.Below(5) == 0) batches.emplace_back();
    batches.back().push_back(event);
  }
  return batches;
}

// Adds `events` batch by batch and returns the table.
std::unique_ptr<Upserted> Replay(const CheckedTransform& checked, const std::vector<Event>& events,
                                 Random& random, bool with_versions) {
  auto table = std::make_unique<Upserted>(checked, with_versions);
  std::int64_t record = 1;
  for (const auto& batch : RandomBatches(events, random)) {
    table->Add(*RowsOfVersions(batch, record));
    record += static_cast<std::int64_t>(batch.size());
  }
  return table;
}

TEST(Upsert, AnyOrderAndAnyBatchesGiveWhatAFullRunGives) {
  for (const std::string header : {"order seq; history keep", "history keep", "order seq, value"}) {
    const CheckedTransform checked = CheckedOf(header);
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      SCOPED_TRACE(header + " seed " + std::to_string(seed));
      SeededRandom random(seed);
      std::vector<Event> events = RandomVersions(random, 1 + random.Below(60));
      ASSERT_OK_AND(const auto full, PlanFull(checked, *RowsOfVersions(events, 1)));
      for (int permutation = 0; permutation < 3; ++permutation) {
        Shuffle(events, random);
        const auto table = Replay(checked, events, random, true);
        ASSERT_EQ(table->current(), ShowVersions(EventsOf(*full.current_rows)));
        if (full.history_rows != nullptr) {
          ASSERT_EQ(table->history(), ShowVersions(EventsOf(*full.history_rows)));
        }
        ASSERT_EQ(ShowVersions(table->states), ShowVersions(full.states));
        ASSERT_EQ(table->states.total(), static_cast<std::int64_t>(events.size()));
        ASSERT_EQ(ShowVersions(CountsOfPlan(table->record_states())), ShowVersions(table->states));
      }
    }
  }
}

TEST(Upsert, SidecarsOfIncrementsNameTheSameStatesAsAFullRun) {
  const CheckedTransform checked = CheckedOf("order seq; history keep");
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    SeededRandom random(seed);
    const std::vector<Event> events = RandomVersions(random, 40);
    const auto table = Replay(checked, events, random, true);
    ASSERT_OK_AND(const auto full, PlanFull(checked, *RowsOfVersions(events, 1)));
    std::map<std::int64_t, RecordState> states;
    for (std::size_t i = 1; i <= events.size(); ++i) {
      states[static_cast<std::int64_t>(i)] = RecordState::kProcessed;
    }
    for (const Loser& loser : full.losers) states[loser.record.value()] = loser.state;
    ASSERT_EQ(table->record_states(), states) << "seed " << seed;
  }
}

TEST(Upsert, ByArrivalAnyBatchesGiveWhatAFullRunGives) {
  const CheckedTransform checked = CheckedOf("order arrival; history keep");
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    SeededRandom random(seed);
    const std::vector<Event> events = RandomVersions(random, 40);
    const auto table = Replay(checked, events, random, true);
    ASSERT_OK_AND(const auto full, PlanFull(checked, *RowsOfVersions(events, 1)));
    ASSERT_EQ(table->current(), ShowVersions(EventsOf(*full.current_rows))) << "seed " << seed;
    ASSERT_EQ(table->history(), ShowVersions(EventsOf(*full.history_rows))) << "seed " << seed;
    ASSERT_EQ(ShowVersions(table->states), ShowVersions(full.states)) << "seed " << seed;
  }
}

TEST(Upsert, ATableWithoutHistoryKnowsRepeatsOfWhatLost) {
  for (const std::string header : {"order seq", ""}) {
    const CheckedTransform checked = CheckedOf(header);
    for (std::uint64_t seed = 1; seed <= 15; ++seed) {
      SeededRandom random(seed);
      std::vector<Event> events = RandomVersions(random, 40);
      ASSERT_OK_AND(const auto full, PlanFull(checked, *RowsOfVersions(events, 1)));
      Shuffle(events, random);
      const auto table = Replay(checked, events, random, true);
      ASSERT_EQ(table->current(), ShowVersions(EventsOf(*full.current_rows)));
      ASSERT_EQ(ShowVersions(table->states), ShowVersions(full.states));
    }
  }
}

TEST(UpsertDeathTest, ThePlantedBugForgetsWhatStood) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        setenv("WEIRHOUSE_PLANT", "skip_dedup", 1);
        Upserted table(CheckedOf("order seq"));
        table.Add(*RowsOfVersions({{"a", 1, 10}}, 100));
        table.Add(*RowsOfVersions({{"a", 1, 10}}, 200));
        std::_Exit(table.current() == "a@1=10 a@1=10 " ? 7 : 0);
      },
      ::testing::ExitedWithCode(7), "");
}

TEST(Filtered, AreTheDriverRecordsWithoutARow) {
  const auto driver = RowsOfVersions({{"a", 1, 1}, {"b", 1, 1}, {"c", 1, 1}}, 10);
  ASSERT_OK_AND(const auto records, FilteredRecords(*driver, *driver->Slice(1, 1)));
  EXPECT_THAT(records, ElementsAre(RecordId(10), RecordId(12)));
  EXPECT_FALSE(FilteredRecords(*driver->Slice(1, 1), *driver).ok());
}

std::shared_ptr<arrow::Table> Airlines(const std::string& rows) {
  return weirhouse::testing::TableOf(flights::SchemaOf("carrier:s name:s", false), rows);
}

std::shared_ptr<arrow::Table> Arrivals(const std::string& rows) {
  return weirhouse::testing::TableOf(flights::Schemas().Find("records.arrival")->schema, rows);
}

TEST(Run, JoinsNewRecordsToTheSeedAndKeepsTheirRecords) {
  ASSERT_OK_AND(const auto checked, flights::Check(flights::kArrivalSql));
  auto& session = flights::Session();
  ASSERT_OK(session.Register("records.arrival", Arrivals(R"([
    {"flight_id":"UA1","carrier":"UA","arr_delay":11,"reported_at":"2013-01-01T14:30:00Z","_record":7},
    {"flight_id":"XX1","carrier":"XX","_record":6},
    {"flight_id":"AA1","carrier":"AA","arrived_at":"2013-01-01T14:30:00Z","_record":5}])")));
  ASSERT_OK(session.Register("ref.airline", Airlines(R"([{"carrier":"UA","name":"United"},
    {"carrier":"AA","name":"American"}])")));
  ASSERT_OK_AND(const auto rows, RunTransform(session, checked, ProcessTime{}));
  EXPECT_TRUE(rows->schema()->Equals(*checked.output, false));
  const std::string shown = weirhouse::testing::RowsAsJson(*rows);
  EXPECT_THAT(shown, HasSubstr("United"));
  ASSERT_EQ(rows->num_rows(), 2);
  EXPECT_EQ(rows->GetColumnByName("_record")->GetScalar(0).ValueOrDie()->ToString(), "5");
  EXPECT_EQ(rows->GetColumnByName("airline")->GetScalar(0).ValueOrDie()->ToString(), "American");
}

TEST(Run, RefusesASeedThatMultipliesRecords) {
  ASSERT_OK_AND(const auto checked, flights::Check(flights::kArrivalSql));
  auto& session = flights::Session();
  ASSERT_OK(session.Register("records.arrival",
                             Arrivals(R"([{"flight_id":"UA1","carrier":"UA","_record":7}])")));
  ASSERT_OK(session.Register("ref.airline", Airlines(R"([{"carrier":"UA","name":"United"},
    {"carrier":"UA","name":"Other"}])")));
  const Status status = RunTransform(session, checked, ProcessTime{}).status();
  EXPECT_EQ(status.error_code(), "WH2111");
  EXPECT_THAT(status.message(), HasSubstr("record 7 became several rows of processed.arrival: a "
                                          "join to ref.airline finds more than one"));
}

TEST(Run, BindsRunTimeToTheRun) {
  ASSERT_OK_AND(const auto checked,
                flights::Check("-- wh: table processed.t; key flight_id; mode incremental\n"
                               "SELECT flight_id, run_time() AS at, run_time() - INTERVAL 1 DAY AS "
                               "before FROM records.arrival"));
  EXPECT_TRUE(checked.uses_run_time);
  auto& session = flights::Session();
  ASSERT_OK(session.Register("records.arrival",
                             Arrivals(R"([{"flight_id":"UA1","carrier":"UA","_record":7}])")));
  ASSERT_OK_AND(const auto time, ParseTimeMicros("2013-01-02T03:04:05.25Z"));
  ASSERT_OK_AND(const auto rows, RunTransform(session, checked, ProcessTimeOfMicros(time)));
  const std::string shown = weirhouse::testing::RowsAsJson(*rows);
  EXPECT_THAT(shown, HasSubstr("2013-01-02T03:04:05.25"));
  EXPECT_THAT(shown, HasSubstr("2013-01-01T03:04:05.25"));
}

TEST(Run, NeedsOnlyTheColumnsThatTheCheckNamed) {
  ASSERT_OK_AND(const auto checked,
                flights::Check("-- wh: table processed.t; key flight_id; mode full\n"
                               "SELECT * EXCLUDE (dest), x.b AS again FROM records.arrival a "
                               "JOIN records.plane AS x(b) ON a.tailnum = b"));
  auto& session = flights::Session();
  for (const TableReference& reference : checked.references) {
    const auto whole = flights::Schemas().Find(reference.name)->schema;
    arrow::FieldVector fields;
    for (const std::string& name : reference.columns) {
      fields.push_back(whole->GetFieldByName(name));
    }
    ASSERT_OK(session.Register(
        reference.name,
        weirhouse::testing::TableOf(arrow::schema(fields), R"([{"tailnum":"N1"}])")));
  }
  ASSERT_OK_AND(const auto rows, RunTransform(session, checked, ProcessTime{}));
  EXPECT_EQ(rows->num_rows(), 1);
  EXPECT_EQ(rows->GetColumnByName("_unknown"), nullptr);
}

TEST(Run, TellsWhichTransformFailedOnAValue) {
  ASSERT_OK_AND(
      const auto checked,
      flights::Check("-- wh: table processed.t; key flight_id; mode incremental\n"
                     "SELECT flight_id, CAST(dest AS INTEGER) AS n FROM records.arrival"));
  auto& session = flights::Session();
  ASSERT_OK(session.Register("records.arrival",
                             Arrivals(R"([{"flight_id":"UA1","dest":"IAH","_record":7}])")));
  const Status status = RunTransform(session, checked, ProcessTime{}).status();
  EXPECT_EQ(status.error_code(), "WH2114");
  EXPECT_THAT(status.message(), HasSubstr("the SQL of processed.t failed on a value"));
}

TEST(Run, NamesTheColumnThatCannotHoldAValue) {
  auto& session = flights::Session();
  for (const std::string expression :
       {"CAST('170141183460469231731687303715884105727' AS HUGEINT)"}) {
    ASSERT_OK_AND(const auto checked,
                  flights::Check("-- wh: table processed.t; key flight_id; mode incremental\n"
                                 "SELECT flight_id, " +
                                 expression + " AS n FROM records.arrival"));
    ASSERT_OK(session.Register("records.arrival",
                               Arrivals(R"([{"flight_id":"UA1","dest":"IAH","_record":7}])")));
    const Status status = RunTransform(session, checked, ProcessTime{}).status();
    EXPECT_EQ(status.error_code(), "WH2114") << expression << status.ToString();
    EXPECT_THAT(status.message(),
                HasSubstr("a value of the column \"n\" of processed.t does not fit"));
  }
}

TEST(Run, GivesAggregatesWithoutRecords) {
  ASSERT_OK_AND(const auto checked,
                flights::Check("-- wh: table processed.t; key carrier; mode full; history keep\n"
                               "SELECT carrier, count(*) AS n FROM records.arrival GROUP BY 1"));
  auto& session = flights::Session();
  ASSERT_OK(
      session.Register("records.arrival",
                       Arrivals(R"([{"carrier":"UA","_record":7},{"carrier":"UA","_record":8}])")));
  ASSERT_OK_AND(const auto rows, RunTransform(session, checked, ProcessTime{}));
  ASSERT_OK_AND(const auto plan, PlanFull(checked, *rows));
  EXPECT_EQ(plan.current_rows->num_rows(), 1);
  EXPECT_EQ(plan.history_rows->num_rows(), 1);
  EXPECT_EQ(plan.states, StateCounts());
}
}  // namespace
}  // namespace weirhouse::transform

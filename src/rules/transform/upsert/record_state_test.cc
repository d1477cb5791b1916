// The state of a record is a function of the records of its key and of nothing else: any order, any
// batches and a full run give what the definition in upsert.h gives, computed here by the
// definition alone.
#include <arrow/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "ground/base/random.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/kv/run_store.h"
#include "rules/transform/flights_fixture.h"
#include "rules/transform/upsert/loser_table.h"
#include "rules/transform/upsert/upsert.h"

namespace weirhouse::transform {
namespace {

using ::testing::IsEmpty;

constexpr int kCases = 4'000;  // each makes stores of its own
constexpr int kCasesWithFiles = 60;

struct Arrived {
  std::int64_t record = 0;
  std::string key;
  std::int64_t seq = 0;
  double value = 0;
};

CheckedTransform Checked(const std::string& header) {
  SchemaCatalog schemas;
  schemas.Add("records.event", flights::SchemaOf("key:s seq:i value:f", true), "contract event");
  return flights::Check("-- wh: table processed.event; key key; mode incremental; " + header +
                            "\nSELECT key, seq, value FROM records.event",
                        "processed/event.sql", schemas)
      .value();
}

std::shared_ptr<arrow::Table> RowsOfEvents(const std::vector<Arrived>& events) {
  arrow::StringBuilder keys;
  arrow::Int64Builder seqs, records;
  arrow::DoubleBuilder values;
  arrow::TimestampBuilder ingested(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                                   arrow::default_memory_pool());
  for (const Arrived& event : events) {
    WEIRHOUSE_CHECK(keys.Append(event.key).ok() && seqs.Append(event.seq).ok() &&
                    values.Append(event.value).ok() && records.Append(event.record).ok() &&
                    ingested.Append(event.record * 1000).ok());
  }
  static const auto schema = Checked("order seq").output;
  return arrow::Table::Make(
      schema, {keys.Finish().ValueOrDie(), seqs.Finish().ValueOrDie(), values.Finish().ValueOrDie(),
               records.Finish().ValueOrDie(), ingested.Finish().ValueOrDie()});
}

// By record: its state and the record that stands in its place (itself where processed).
using Fates = std::map<std::int64_t, std::pair<RecordState, std::int64_t>>;

// The definition, key by key.
Fates FatesByDefinition(const std::vector<Arrived>& events, bool ordered) {
  const std::vector<Digest> contents = iceberg::DeclaredDigests(*RowsOfEvents(events)).value();
  std::map<std::string, std::vector<std::size_t>> keys;
  for (std::size_t i = 0; i < events.size(); ++i) keys[events[i].key].push_back(i);
  Fates fates;
  for (const auto& [key, rows] : keys) {
    std::map<Digest, std::size_t> first;         // the version of each content
    std::map<std::int64_t, std::size_t> stands;  // the best version of each order
    const auto order = [&](std::size_t row) { return ordered ? events[row].seq : 0; };
    for (const std::size_t row : rows) {
      const auto [at, fresh] = first.emplace(contents[row], row);
      if (!fresh && events[row].record < events[at->second].record) at->second = row;
    }
    for (const auto& [content, row] : first) stands[order(row)] = row;  // the greatest comes last
    const std::size_t current = stands.rbegin()->second;
    for (const std::size_t row : rows) {
      const std::size_t version = first.at(contents[row]);
      const std::size_t best = stands.at(order(row));
      auto& fate = fates[events[row].record];
      if (row != version) {
        fate = {RecordState::kDuplicate, events[version].record};
      } else if (row != best) {
        fate = {RecordState::kConflict, events[best].record};
      } else if (row != current) {
        fate = {RecordState::kSuperseded, events[current].record};
      } else {
        fate = {RecordState::kProcessed, events[row].record};
      }
    }
  }
  return fates;
}

Fates FatesOf(const std::vector<Arrived>& events, const std::vector<StoredLoser>& latest) {
  Fates fates;
  for (const Arrived& event : events) fates[event.record] = {RecordState::kProcessed, event.record};
  for (const StoredLoser& loser : latest) {
    fates[loser.record.value()] = {loser.state, loser.winner.value()};
  }
  return fates;
}

StateCounts CountsOf(const Fates& fates) {
  StateCounts counts;
  for (const auto& [record, fate] : fates) {
    counts.processed += fate.first == RecordState::kProcessed;
    counts.duplicate += fate.first == RecordState::kDuplicate;
    counts.conflict += fate.first == RecordState::kConflict;
    counts.superseded += fate.first == RecordState::kSuperseded;
  }
  return counts;
}

std::string Show(const Fates& fates) {
  std::string text;
  for (const auto& [record, fate] : fates) {
    text += fmt::format("{} {} {}, ", record, catalog::Name(fate.first), fate.second);
  }
  return text;
}

// Few keys, orders and values, so that everything happens; zeros of both signs among them.
std::vector<Arrived> RandomEvents(Random& random) {
  constexpr double kValues[] = {0.0, -0.0, 1.0, 2.5};
  std::vector<Arrived> events(1 + random.Below(10));
  std::int64_t record = 1;
  for (Arrived& event : events) {
    event = {record++, std::string(1, static_cast<char>('a' + random.Below(2))),
             static_cast<std::int64_t>(random.Below(3)), kValues[random.Below(4)]};
  }
  return events;
}

// The same events as they might have come otherwise: record numbers follow arrival.
std::vector<Arrived> Shuffled(std::vector<Arrived> events, Random& random) {
  for (std::size_t i = events.size(); i > 1; --i) {
    std::swap(events[i - 1], events[random.Below(i)]);
  }
  std::int64_t record = 1;
  for (Arrived& event : events) event.record = record++;
  return events;
}

std::vector<std::vector<Arrived>> Split(const std::vector<Arrived>& events, Random& random) {
  std::vector<std::vector<Arrived>> batches(1);
  for (const Arrived& event : events) {
    if (!batches.back().empty() && random.Below(2) == 0) batches.emplace_back();
    batches.back().push_back(event);
  }
  return batches;
}

std::vector<StoredLoser> Stored(const std::vector<Loser>& losers, std::int64_t run) {
  std::vector<StoredLoser> stored;
  for (const Loser& loser : losers) {
    stored.push_back(
        {loser.record, "processed.event", loser.state, loser.winner, RunId(run), loser.version});
  }
  return stored;
}

iceberg::TablePtr Snapshot(std::int64_t id) {
  auto staged = std::make_shared<iceberg::TableMetadata>();
  staged->snapshots.push_back({});
  staged->snapshots.back().id = SnapshotId(id);
  staged->refs["main"].snapshot = SnapshotId(id);
  return staged;
}

// What a table of its own name remembers between the batches of one case.
class Batches {
 public:
  Batches(platform::RunStores& stores, const CheckedTransform& checked, int number)
      : checked_(checked),
        current_(stores, fmt::format("t{}", number), {"key"}, checked.definition.order_columns()),
        versions_(
            stores, fmt::format("t{}", number), {"key"}, checked.definition.order_columns(),
            checked.definition.history == History::kKeep ? Memory::kHistory : Memory::kLosers) {}

  void Add(const std::vector<Arrived>& events) {
    ASSERT_OK_AND(const UpsertPlan plan,
                  PlanUpsert(checked_, *RowsOfEvents(events), current_, &versions_));
    iceberg::AppendedRows appended;
    appended.files.push_back({});
    appended.files[0].path = "data/file.parquet";
    for (std::int64_t i = 0; i < plan.current_rows->num_rows(); ++i) {
      appended.file_of_row.push_back(0);
      appended.position_of_row.push_back(position_++);
    }
    const auto staged = Snapshot(++run_);
    ASSERT_OK(EnterRows(current_, staged, plan.current_facts, appended, {}));
    ASSERT_OK(versions_.Apply(staged, plan.versions));
    counts += plan.states;
    for (StoredLoser& loser : Stored(plan.losers, run_)) log.push_back(std::move(loser));
  }

  Result<UpsertPlan> Plan(const arrow::Table& rows, const platform::Scratch& scratch) {
    return PlanUpsert(checked_, rows, current_, &versions_, scratch);
  }

  StateCounts counts;
  std::vector<StoredLoser> log;

 private:
  const CheckedTransform& checked_;
  iceberg::KeyIndex current_;
  VersionIndex versions_;
  std::int64_t position_ = 0;
  std::int64_t run_ = 0;
};

TEST(RecordState, IsAFunctionOfTheRecordsOfTheKey) {
  const weirhouse::testing::ScratchFolder folder;
  platform::RunStores stores(folder / "index");
  const std::vector<std::pair<CheckedTransform, bool>> tables = {
      {Checked("order seq"), true},
      {Checked("order seq; history keep"), true},
      {Checked(""), false},
      {Checked("history keep"), false}};
  for (int number = 0; number < kCases; ++number) {
    SeededRandom random(static_cast<std::uint64_t>(number));
    const auto& [checked, ordered] = tables[static_cast<std::size_t>(number) % tables.size()];
    const std::vector<Arrived> first = RandomEvents(random);
    const std::vector<Arrived> events = Shuffled(first, random);
    Batches batches(stores, checked, number);
    for (const auto& batch : Split(events, random)) batches.Add(batch);
    const Fates wanted = FatesByDefinition(events, ordered);
    ASSERT_EQ(Show(FatesOf(events, LatestLosers(batches.log))), Show(wanted)) << number;
    ASSERT_EQ(batches.counts, CountsOf(wanted)) << number;
    ASSERT_OK_AND(const UpsertPlan full, PlanFull(checked, *RowsOfEvents(events)));
    ASSERT_EQ(Show(FatesOf(events, LatestLosers(Stored(full.losers, 1)))), Show(wanted)) << number;
    // However they came, as many of each kind.
    ASSERT_EQ(CountsOf(FatesByDefinition(first, ordered)), batches.counts) << number;
    ASSERT_OK(stores.KeepOnly({}));
  }
}

void ExpectSamePlan(const UpsertPlan& plan, const UpsertPlan& wanted, int number) {
  const auto rows = [](const std::shared_ptr<arrow::Table>& table) {
    return table == nullptr ? "" : weirhouse::testing::RowsAsJson(*table);
  };
  const auto places = [](const UpsertPlan& of) {
    std::multiset<std::pair<std::string, std::int64_t>> found;
    for (const auto& row : of.deletes) found.emplace(row.file, row.position);
    return found;
  };
  ASSERT_EQ(rows(plan.current_rows), rows(wanted.current_rows)) << number;
  ASSERT_EQ(rows(plan.history_rows), rows(wanted.history_rows)) << number;
  ASSERT_EQ(places(plan), places(wanted)) << number;
  ASSERT_EQ(plan.states, wanted.states) << number;
  const auto losers = [](const UpsertPlan& of) {
    std::vector<StoredLoser> stored = Stored(of.losers, 0);
    if (of.loser_rows != nullptr) stored = ReadLosers(*of.loser_rows).value();
    std::map<RecordId, std::tuple<RecordState, RecordId, std::optional<LostVersion>>> told;
    for (const StoredLoser& loser : stored)
      told[loser.record] = {loser.state, loser.winner, loser.version};
    return told;
  };
  ASSERT_EQ(losers(plan), losers(wanted)) << number;
}

TEST(RecordState, IsDecidedAPieceAtATimeAsAtOnce) {
  constexpr int kCasesOfMany = 150;
  const weirhouse::testing::ScratchFolder folder;
  platform::RunStores stores(folder / "index");
  const std::vector<CheckedTransform> tables = {Checked("order seq"),
                                                Checked("order seq; history keep"), Checked(""),
                                                Checked("order arrival; history keep")};
  for (int number = 0; number < kCasesOfMany; ++number) {
    SeededRandom random(static_cast<std::uint64_t>(number));
    const CheckedTransform& checked = tables[static_cast<std::size_t>(number) % tables.size()];
    Batches batches(stores, checked, number);
    const std::vector<Arrived> before = RandomEvents(random);
    batches.Add(before);
    std::vector<Arrived> events;
    for (int i = 0; i < 3; ++i) {
      for (Arrived event : RandomEvents(random)) {
        event.record = static_cast<std::int64_t>(before.size() + events.size() + 1);
        event.key += static_cast<char>('a' + random.Below(3));
        if (random.Below(2) == 0) event.key.resize(1);
        events.push_back(event);
      }
    }
    const auto rows = RowsOfEvents(events);
    const platform::Scratch scratch{folder / "tmp", static_cast<std::int64_t>(1 + random.Below(5))};
    ASSERT_OK_AND(const UpsertPlan at_once, batches.Plan(*rows, {}));
    ASSERT_OK_AND(const UpsertPlan in_pieces, batches.Plan(*rows, scratch));
    ASSERT_EQ(in_pieces.many, static_cast<std::int64_t>(events.size()) > scratch.piece_rows);
    ExpectSamePlan(in_pieces, at_once, number);
    ASSERT_OK_AND(const UpsertPlan full, PlanFull(checked, *rows));
    ASSERT_OK_AND(const UpsertPlan full_in_pieces, PlanFull(checked, *rows, scratch));
    ExpectSamePlan(full_in_pieces, full, number);
  }
  EXPECT_THAT(platform::ListFolder(folder / "tmp").value(), IsEmpty());
}

TEST(RecordState, ChangesOfAWholeRunLeadFromAnyStateToItsOwn) {
  const CheckedTransform checked = Checked("order seq");
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SeededRandom random(seed);
    const std::vector<Arrived> before = RandomEvents(random);
    const std::vector<Arrived> after = RandomEvents(random);  // other rows under the same records
    ASSERT_OK_AND(const UpsertPlan old, PlanFull(checked, *RowsOfEvents(before)));
    ASSERT_OK_AND(const UpsertPlan now, PlanFull(checked, *RowsOfEvents(after)));
    std::vector<StoredLoser> log = Stored(old.losers, 1);
    const std::vector<StoredLoser> changes =
        LoserChanges(LatestLosers(log), "processed.event", now.losers, {}, RunId(2));
    log.insert(log.end(), changes.begin(), changes.end());
    const Fates fates = FatesByDefinition(after, true);
    ASSERT_EQ(Show(FatesOf(after, LatestLosers(log))), Show(fates)) << seed;
    ASSERT_THAT(LoserChanges(LatestLosers(log), "processed.event", now.losers, {}, RunId(3)),
                IsEmpty());
  }
}

// With files: what a table without history remembers is in system.losers, and only there.
class LoserFiles : public ::testing::Test {
 protected:
  LoserFiles() { Fresh(); }

  void Fresh() {
    iceberg::NewTable made;
    made.name = std::string(kLosersTable);
    made.location = folder_ / ("losers" + std::to_string(++made_));
    made.schema = iceberg::Schema::FromArrow(*LoserSchema()).value();
    table_ = iceberg::MakeTable(made, random_, clock_).value();
  }
  void Append(const std::vector<StoredLoser>& losers, bool replace = false) {
    iceberg::StageOptions options;
    options.run_name = "r" + std::to_string(++run_);
    options.idempotency_key = options.run_name;
    iceberg::StagedWrite write(platform::LocalStore(), table_, random_, options);
    if (replace) ASSERT_OK(write.RemoveAllFiles());
    if (!losers.empty()) ASSERT_OK(write.Append(*LoserRows(losers).value()));
    table_ = write.Finish().value().table;
  }
  std::unique_ptr<VersionIndex> Index(const std::string& name, const std::string& table) {
    stores_.push_back(std::make_unique<platform::RunStores>(folder_ / name));
    return std::make_unique<VersionIndex>(*stores_.back(), table, std::vector<std::string>{"key"},
                                          std::vector<std::string>{"seq"}, Memory::kLosers);
  }

  weirhouse::testing::ScratchFolder folder_;
  SeededRandom random_{7};
  ManualClock clock_{ProcessTime{}};
  std::vector<std::unique_ptr<platform::RunStores>> stores_;
  iceberg::TablePtr table_;
  int made_ = 0;
  int run_ = 0;
};

// What each index says of every version that ever lost.
std::string Known(VersionIndex& index, const std::vector<StoredLoser>& log) {
  std::string text;
  for (const StoredLoser& loser : LatestLosers(log)) {
    if (!loser.version) continue;
    const auto best = index.FindBest({loser.version->group}).value()[0];
    const bool is_best = best && best->content == loser.version->content;
    const auto other =
        index.FindOthers({{loser.version->group, loser.version->content, {}}}).value()[0];
    text += fmt::format("{}:{} ", loser.record.value(),
                        is_best ? best->record.value()
                        : other ? other->value()
                                : -1);
  }
  return text;
}

TEST_F(LoserFiles, AnIndexThatCatchesUpOrIsRebuiltKnowsWhatOneThatWasKeptKnows) {
  const CheckedTransform checked = Checked("order seq");
  platform::RunStores stores(folder_ / "index");
  for (int number = 0; number < kCasesWithFiles; ++number) {
    SeededRandom random(static_cast<std::uint64_t>(number));
    Fresh();
    Batches kept(stores, checked, number);
    const auto lagging = Index(fmt::format("lag{}", number), "processed.event");
    for (const auto& batch : Split(Shuffled(RandomEvents(random), random), random)) {
      const std::size_t told = kept.log.size();
      kept.Add(batch);
      if (kept.log.size() == told) continue;
      Append({kept.log.begin() + static_cast<std::ptrdiff_t>(told), kept.log.end()});
      if (random.Below(2) == 0) ASSERT_OK(lagging->Refresh(platform::LocalStore(), table_));
    }
    ASSERT_OK(lagging->Refresh(platform::LocalStore(), table_));
    const auto rebuilt = Index(fmt::format("new{}", number), "processed.event");
    ASSERT_OK(rebuilt->Refresh(platform::LocalStore(), table_));
    std::string wanted;
    for (const StoredLoser& loser : LatestLosers(kept.log)) {
      if (!loser.version) continue;
      wanted += fmt::format("{}:{} ", loser.record.value(), loser.record.value());
    }
    ASSERT_EQ(Known(*lagging, kept.log), wanted) << number;
    ASSERT_EQ(Known(*rebuilt, kept.log), wanted) << number;
    stores_.clear();
  }
}

StoredLoser Superseded(std::int64_t record, const std::string& table, const std::string& key) {
  return {RecordId(record), table,    RecordState::kSuperseded,
          RecordId(99),     RunId(1), LostVersion{VersionGroup(key, "1"), Sha256Of(key)}};
}

TEST_F(LoserFiles, AnIndexKnowsOnlyItsOwnTableAndForgetsWhatWasReplaced) {
  Append({Superseded(1, "processed.event", "a"), Superseded(2, "processed.other", "b")});
  const auto index = Index("kv2", "processed.event");
  ASSERT_OK(index->Refresh(platform::LocalStore(), table_));
  const auto known = [&](const std::string& key) {
    const auto best = index->FindBest({VersionGroup(key, "1")}).value()[0];
    return best ? best->record.value() : -1;
  };
  EXPECT_EQ(known("a"), 1);
  EXPECT_EQ(known("b"), -1);
  Append({Superseded(3, "processed.event", "c")}, /*replace=*/true);
  ASSERT_OK(index->Refresh(platform::LocalStore(), table_));
  EXPECT_EQ(known("a"), -1);
  EXPECT_EQ(known("c"), 3);
}

TEST(LoserTable, RowsOfBeforeTheVersionColumnsAreRead) {
  const std::vector<StoredLoser> losers = {Superseded(1, "processed.event", "a")};
  const auto rows = LoserRows(losers).value()->SelectColumns({0, 1, 2, 3, 4}).ValueOrDie();
  ASSERT_OK_AND(const auto read, ReadLosers(*rows));
  ASSERT_EQ(read.size(), 1U);
  EXPECT_FALSE(read[0].version);
  EXPECT_EQ(read[0].winner, RecordId(99));
  EXPECT_EQ(ReadLosers(*rows->RemoveColumn(2).ValueOrDie()).status().error_code(), "WH6003");
}

TEST(LoserTable, AWinnerThatLostLaterGivesWayToWhatStands) {
  const auto entry = [](std::int64_t record, RecordState state, std::int64_t winner,
                        std::int64_t run) {
    return StoredLoser{RecordId(record), "t", state, RecordId(winner), RunId(run), std::nullopt};
  };
  const auto latest = LatestLosers(
      {entry(1, RecordState::kSuperseded, 2, 5), entry(2, RecordState::kConflict, 3, 6),
       entry(3, RecordState::kSuperseded, 4, 7), entry(5, RecordState::kDuplicate, 1, 8)});
  ASSERT_EQ(latest.size(), 4U);
  EXPECT_EQ(latest[0].winner, RecordId(4));
  EXPECT_EQ(latest[1].winner, RecordId(3));  // stands for its order, superseded or not
  EXPECT_EQ(latest[2].winner, RecordId(4));
  EXPECT_EQ(latest[3].winner, RecordId(1));
}
}  // namespace
}  // namespace weirhouse::transform

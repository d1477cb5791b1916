// What a run tells of landed files that it did not take in.
#include "work/ingest/raw_step.h"

#include <functional>

#include "testing/projects/shop_fixture.h"
#include "work/ingest/landing_arrivals.h"
#include "work/ingest/landing_list.h"
#include "work/pipeline/rebuild/full_run.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {
using ::testing::HasSubstr;

struct RawStepTest : ShopTest {
  // Lands what waits, after `meanwhile` has happened to the file.
  RunSummary LandAfter(const std::function<void(const std::string&)>& meanwhile) {
    RunSummary summary;
    const std::string at = "2024-01-01T01:00:00Z";
    Land("2024-01-01.jsonl", Order("o1", 1, at, at));
    const auto waiting = ListWaiting(*workspace);
    EXPECT_OK(waiting);
    if (!waiting.ok()) return summary;
    EXPECT_EQ(waiting->files, 1);
    meanwhile(scratch / "landing/order/2024-01-01.jsonl");
    for (const WaitingBatch& batch : waiting->batches)
      EXPECT_OK(LandBatch(*workspace, batch, summary));
    EXPECT_EQ(summary.objects, 0);
    return summary;
  }
};

TEST_F(RawStepTest, AFileThatIsGoneBeforeItIsReadIsTold) {
  const RunSummary summary =
      LandAfter([](const std::string& path) { std::filesystem::remove(path); });
  ASSERT_EQ(summary.untaken_files.size(), 1u);
  EXPECT_THAT(summary.untaken_files.begin()->first, HasSubstr("2024-01-01.jsonl"));
  EXPECT_THAT(summary.untaken_files.begin()->second, HasSubstr("removed after it was listed"));
}

TEST_F(RawStepTest, AFileThatChangesBeforeItIsReadIsTold) {
  const RunSummary summary = LandAfter(
      [](const std::string& path) { weirhouse::testing::WriteFile(path, "something else\n"); });
  ASSERT_EQ(summary.untaken_files.size(), 1u);
  EXPECT_THAT(summary.untaken_files.begin()->second, HasSubstr("the next run reads it again"));
}

// The files of a batch, each of which becomes another one once it was read.
class ChangingArrivals final : public Arrivals {
 public:
  ChangingArrivals(Workspace& workspace, const WaitingBatch& batch) : files_(workspace, batch) {}
  Result<std::optional<Arrival>> Next() override {
    WEIRHOUSE_TRY(std::optional<Arrival> arrival, files_.Next());
    if (!arrival) return arrival;
    arrival->open = [open = arrival->open, place = arrival->place, times = 0]() mutable {
      if (++times == 2) weirhouse::testing::WriteFile(place, "something else\n");
      return open();
    };
    return arrival;
  }
  void Acknowledge(const Arrival& arrival, const Digest& digest,
                   std::map<std::string, std::string>& untaken) override {
    files_.Acknowledge(arrival, digest, untaken);
  }

 private:
  LandingArrivals files_;
};

TEST_F(RawStepTest, ALargeFileThatChangesBetweenItsReadingsIsTold) {
  std::string bytes;
  while (bytes.size() <= 5 << 20) {  // too large to be held
    bytes +=
        Order(fmt::format("o{}", bytes.size()), 1, "2024-01-01T01:00:00Z", "2024-01-01T01:00:00Z");
  }
  Land("2024-01-01.jsonl", bytes);
  ASSERT_OK_AND(const auto waiting, ListWaiting(*workspace));
  ASSERT_EQ(waiting.batches.size(), 1U);
  RunSummary summary;
  ChangingArrivals arrivals(*workspace, waiting.batches[0]);
  ASSERT_OK(StoreArrivals(*workspace, waiting.batches[0].name, arrivals, summary));
  EXPECT_EQ(summary.objects, 0);
  const std::string place = scratch / "landing/order/2024-01-01.jsonl";
  ASSERT_EQ(summary.untaken_files.size(), 1U);
  EXPECT_THAT(summary.untaken_files[place], HasSubstr("the next run reads it again"));
  catalog::RunFilter failed;
  failed.state = catalog::RunState::kFailed;
  ASSERT_OK_AND(const auto runs, workspace->catalog().Runs(failed));
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].error["error"], "WH1314");
  EXPECT_EQ(runs[0].error["message"], "a landed file changed while it was taken in: " + place);
}

// ---- Repeats whose object is not whole
const std::map<std::string, std::function<void(const std::string&)>>& Damages() {
  static const std::map<std::string, std::function<void(const std::string&)>> damages = {
      {"missing", [](const std::string& path) { std::filesystem::remove(path); }},
      {"cut", [](const std::string& path) { std::filesystem::resize_file(path, 11); }},
      {"flipped",
       [](const std::string& path) {
         std::string bytes = weirhouse::testing::ReadFile(path);
         bytes[3] = static_cast<char>(bytes[3] ^ 1);
         weirhouse::testing::WriteFile(path, bytes);
       }},
  };
  return damages;
}

struct RestoreTest : ShopTest {
  const std::string bytes = Order("o1", 1, "2024-01-01T01:00:00Z", "2024-01-01T01:00:00Z");
  const std::string landed = "landing/order/2024-01-01.jsonl";

  void DeleteAfter(bool wanted) {
    std::string project = ShopFile("weirhouse.yaml");
    if (wanted) {
      const std::string format = "format: jsonl";
      project.insert(project.find(format) + format.size(), ", after: delete");
    }
    Write("weirhouse.yaml", project);
    Reopen();
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
  }
  catalog::ObjectRecord TheObject() {
    const auto objects = workspace->catalog().Objects({});
    EXPECT_OK(objects);
    EXPECT_EQ(objects->size(), 1U);
    return objects->at(0);
  }
  void Damage(const std::function<void(const std::string&)>& damage) {
    const std::string path = TheObject().path;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    damage(path);
  }
  void ExpectWhole() {
    const std::string path = TheObject().path;
    EXPECT_EQ(weirhouse::testing::ReadFile(path), bytes);
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0444));
  }
  bool IsLanded() const { return std::filesystem::exists(scratch / landed); }
  std::int64_t EventsOf(const std::string& type) {
    const auto events = workspace->catalog().PendingEvents(1000);
    EXPECT_OK(events);
    return std::count_if(events->begin(), events->end(),
                         [&](const auto& event) { return event.type == type; });
  }
};

TEST_F(RestoreTest, ARepeatRestoresItsObjectBeforeItsFileGoes) {
  for (const bool deletes : {true, false}) {
    DeleteAfter(deletes);
    for (const auto& [how, damage] : Damages()) {
      Write(landed, bytes);
      ASSERT_OK(RunPending(*workspace, NoProgress()));
      Damage(damage);
      const std::int64_t told = EventsOf("weirhouse.object.restored");
      std::filesystem::remove(scratch / landed);
      Write(landed, bytes);
      ASSERT_OK_AND(const RunSummary summary, RunPending(*workspace, NoProgress()));
      EXPECT_EQ(summary.duplicate_objects, 1) << how;
      ExpectWhole();
      EXPECT_EQ(IsLanded(), !deletes);
      ASSERT_EQ(summary.warnings.size(), 1U) << how;
      EXPECT_THAT(summary.warnings[0], HasSubstr(TheObject().path));
      EXPECT_THAT(summary.warnings[0], HasSubstr(how == "missing" ? "missing" : "damaged"));
      EXPECT_EQ(EventsOf("weirhouse.object.restored"), told + 1);
    }
  }
}

TEST_F(RestoreTest, ARepeatOfAWholeObjectSaysNothing) {
  DeleteAfter(true);
  Write(landed, bytes);
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_FALSE(IsLanded());
  Write(landed, bytes);
  ASSERT_OK_AND(const RunSummary summary, RunPending(*workspace, NoProgress()));
  EXPECT_EQ(summary.duplicate_objects, 1);
  EXPECT_TRUE(summary.warnings.empty());
  EXPECT_FALSE(IsLanded());
  EXPECT_EQ(EventsOf("weirhouse.object.restored"), 0);
}

TEST_F(RestoreTest, AFileThatACrashLeftStaysUntilItsObjectIsWhole) {
  for (const auto& [how, damage] : Damages()) {
    // Committed, and not removed.
    DeleteAfter(false);
    std::filesystem::remove(scratch / landed);
    Write(landed, bytes);
    ASSERT_OK(RunPending(*workspace, NoProgress()));
    Damage(damage);
    DeleteAfter(true);
    ASSERT_OK(RunPending(*workspace, NoProgress()));
    ExpectWhole();
    EXPECT_FALSE(IsLanded()) << how;
  }
}

TEST_F(RestoreTest, BytesUnderAnotherNameRestoreTheObjectTheyShare) {
  for (const auto& [how, damage] : Damages()) {
    Write(landed, bytes);
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
    ASSERT_OK(RunPending(*workspace, NoProgress()));
    ASSERT_OK_AND(const auto before, workspace->catalog().Objects({}));
    const std::string path = before[0].path;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    damage(path);
    Land("2024-01-02-" + how + ".jsonl", bytes);
    ASSERT_OK_AND(const RunSummary summary, RunPending(*workspace, NoProgress()));
    EXPECT_EQ(summary.objects, 1) << how;
    EXPECT_EQ(weirhouse::testing::ReadFile(path), bytes);
    if (how != "missing") {
      ASSERT_FALSE(summary.warnings.empty());
      EXPECT_THAT(summary.warnings[0], HasSubstr("damaged"));
    }
  }
}

// ---- Objects that are not what arrived when they are read
// Orders of more than `size_bytes`, which are read piece by piece.
std::string ManyOrders(std::size_t size_bytes) {
  std::string bytes;
  for (int i = 0; bytes.size() <= size_bytes; ++i)
    bytes += Order(fmt::format("m{}", i), 5, "2024-01-01T01:00:00Z", "2024-01-01T01:00:00Z");
  return bytes;
}

TEST_F(RestoreTest, RowsOfOtherBytesThanArrivedAreNotPublishedHoweverLateThatIsSeen) {
  const std::string large = ManyOrders(3 << 20);
  Write(landed, large);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const std::int64_t rows = Rows("processed.order");
  const Digest content = Content("processed.order");
  // An amount in the last record, long after rows of the first have gone on.
  Damage([&](const std::string& path) {
    std::string other = large;
    other[other.rfind("\"amount\":5") + 9] = '6';
    weirhouse::testing::WriteFile(path, other);
  });
  const Status full = RunFull(*workspace, NoProgress()).status();
  EXPECT_EQ(full.error_code(), "WH1305");
  EXPECT_THAT(full.message(), HasSubstr("order/2024-01-01.jsonl"));
  EXPECT_EQ(Content("processed.order"), content);
  std::filesystem::remove(scratch / landed);
  Write(landed, large);
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_EQ(Rows("processed.order"), rows);
  EXPECT_EQ(Content("processed.order"), content);
}

TEST_F(RestoreTest, AnObjectInTheWayOfTheBacklogIsRestoredByTheFileThatLandsBehindIt) {
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  std::int64_t count = 0;
  for (const auto& [how, damage] : Damages()) {
    const std::string name = "2024-02-01-" + how + ".jsonl";
    const std::string at = "2024-02-01T01:00:00Z";
    const std::string late = Order("late-" + how, 1, at, at);
    Land(name, late);
    ASSERT_OK_AND(const Waiting waiting, ListWaiting(*workspace));
    ASSERT_EQ(waiting.batches.size(), 1U);
    RunSummary taken;
    ASSERT_OK(LandBatch(*workspace, waiting.batches[0], taken));  // and ended before it went on
    ASSERT_OK_AND(const auto objects, workspace->catalog().Objects({}));
    std::filesystem::permissions(objects.back().path, std::filesystem::perms::owner_all);
    damage(objects.back().path);

    Land("2024-01-15-" + how + ".jsonl", Order("early-" + how, 1, at, at));
    const Status stuck = RunPending(*workspace, NoProgress()).status();
    EXPECT_EQ(stuck.error_code(), how == "missing" ? "WH7012" : "WH1305") << how;
    EXPECT_THAT(stuck.message(), HasSubstr("order/" + name));
    EXPECT_EQ(workspace->catalog().Objects({})->size(), objects.size() + 1) << "it is taken in";

    std::filesystem::remove(scratch / ("landing/order/" + name));
    Land(name, late);
    ASSERT_OK_AND(const RunSummary summary, RunPending(*workspace, NoProgress()));
    EXPECT_EQ(summary.warnings.size(), 1U);
    count += 2;
    EXPECT_EQ(Rows("processed.order"), count);
    EXPECT_EQ(States(), (std::map<std::string, std::int64_t>{{"processed", count}}));
  }
}

// ---- What decides a run is part of what it is called
TEST_F(RestoreTest, ASourceThatIsReadAnewWhileItsRunIsPlannedIsTakenIn) {
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const std::string one = Order("o1", 1, "2024-01-01T01:00:00Z", "2024-01-01T01:00:00Z");
  const std::string two = Order("o2", 2, "2024-01-01T02:00:00Z", "2024-01-01T02:00:00Z");
  // An array over four lines, as JSON lines: four records that are none.
  Write(landed, "[\n" + one.substr(0, one.size() - 1) + ",\n" + two + "]\n");
  ASSERT_OK_AND(const Waiting waiting, ListWaiting(*workspace));
  ASSERT_EQ(waiting.batches.size(), 1U);
  // Planned, and ended before it stored anything: its folder is no folder.
  const std::string raw = workspace->lake() + "/raw/order";
  weirhouse::testing::WriteFile(raw, "in the way");
  RunSummary summary;
  EXPECT_FALSE(LandBatch(*workspace, waiting.batches[0], summary).ok());
  std::filesystem::remove(raw);
  std::string project = ShopFile("weirhouse.yaml");
  project.replace(project.find("format: jsonl"), 13, "format: json");
  Write("weirhouse.yaml", project);
  Reopen();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_EQ(TheObject().record_count, 2);
  EXPECT_EQ(Rows("processed.order"), 2);
}
}  // namespace
}  // namespace weirhouse::work

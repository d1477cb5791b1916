#include "work/ingest/arrivals_conformance.h"

#include <filesystem>
#include <map>

#include "ground/base/text.h"
#include "ground/platform/io/faulty_store.h"
#include "ground/platform/io/local_store.h"
#include "work/ingest/landing_arrivals.h"
#include "work/ingest/landing_list.h"
#include "work/ingest/spooled_bytes.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kBatch[] = "2024-01-01";
constexpr char kAt[] = "2024-01-01T01:00:00Z";
// What is larger is not held in memory.
constexpr int kLargeBytes = 5 << 20;

// ---- The drivers
class LandingPlace final : public ArrivalsPlace {
 public:
  explicit LandingPlace(const std::string& root) : folder_(root + "/landing/order/") {}
  void Send(const std::string& name, const std::string& bytes) override {
    weirhouse::testing::WriteFile(folder_ + name, bytes);
  }
  std::unique_ptr<Arrivals> Look(Workspace& workspace) override {
    batch_ = WaitingBatch();
    auto waiting = TidyLanding(workspace);
    EXPECT_OK(waiting);
    if (!waiting->batches.empty()) batch_ = std::move(waiting->batches.at(0));
    return std::make_unique<LandingArrivals>(workspace, batch_);
  }
  bool Holds(const std::string& name) override { return std::filesystem::exists(folder_ + name); }

 private:
  const std::string folder_;
  WaitingBatch batch_;
};

// Bytes that can be read once, as the body of a request.
class OnceReader final : public ArrivalReader {
 public:
  // `cut`: the sender hangs up in the middle.
  OnceReader(std::string bytes, bool cut) : bytes_(std::move(bytes)), cut_(cut) {}
  Result<std::size_t> Read(char* into, std::size_t room) override {
    const std::size_t end = cut_ ? bytes_.size() / 2 : bytes_.size();
    const std::size_t count = std::min(room, end - at_);
    if (count == 0 && cut_) return Status(Code::kUnavailable, "the sender hung up");
    bytes_.copy(into, count, at_);
    at_ += count;
    return count;
  }
  Result<std::optional<Digest>> Finish(const std::optional<Digest>& /*whole*/) override {
    return std::optional(Sha256Of(bytes_));
  }

 private:
  const std::string bytes_;
  const bool cut_;
  std::size_t at_ = 0;
};

class QueuePlace final : public ArrivalsPlace {
 public:
  explicit QueuePlace(bool knows_sizes) : knows_sizes_(knows_sizes) {}
  void Send(const std::string& name, const std::string& bytes) override {
    waiting_[name] = bytes;
    ++sent_;
  }
  void HangUpOn(const std::string& name) { cut_ = name; }
  std::unique_ptr<Arrivals> Look(Workspace& /*workspace*/) override {
    return std::make_unique<Queue>(*this);
  }
  bool Holds(const std::string& name) override { return waiting_.contains(name); }

 private:
  class Queue final : public Arrivals {
   public:
    explicit Queue(QueuePlace& place) : place_(place), left_(place.waiting_) {}
    Result<std::optional<Arrival>> Next() override {
      if (left_.empty()) return std::optional<Arrival>();
      const auto [name, sent] = *left_.begin();
      left_.erase(left_.begin());
      Arrival arrival;
      arrival.source = "order";
      arrival.name = name;
      arrival.place = "queue:" + name;
      arrival.occurrence = fmt::format("queue:{}:{}", name, place_.sent_);
      arrival.version = arrival.occurrence;
      if (place_.knows_sizes_) arrival.size_bytes = static_cast<std::int64_t>(sent.size());
      arrival.sender = "queue";
      arrival.opens_again = false;
      const bool cut = place_.cut_ == name;
      arrival.open = [bytes = sent, cut, opened = std::make_shared<bool>(false)] {
        EXPECT_FALSE(*opened) << "it can be read once";
        *opened = true;
        OpenedArrival answer;
        answer.reader = std::make_unique<OnceReader>(bytes, cut);
        return answer;
      };
      arrival.acknowledgement = name;
      return std::optional(std::move(arrival));
    }
    void Acknowledge(const Arrival& arrival, const Digest& digest,
                     std::map<std::string, std::string>& /*untaken*/) override {
      EXPECT_EQ(digest, Sha256Of(place_.waiting_.at(arrival.acknowledgement)));
      place_.waiting_.erase(arrival.acknowledgement);
    }

   private:
    QueuePlace& place_;
    std::map<std::string, std::string> left_;
  };

  const bool knows_sizes_;
  int sent_ = 0;
  std::string cut_;
  std::map<std::string, std::string> waiting_;
};

// ---- The suite
struct ArrivalsConformance : ShopTest, ::testing::WithParamInterface<ArrivalsDriver> {
  std::unique_ptr<ArrivalsPlace> place;

  void SetUp() override {
    ShopTest::SetUp();
    Write("weirhouse.yaml",
          Replaced(ShopFile("weirhouse.yaml"), "batch: {", "after: delete, batch: {"));
    Reopen();
    place = GetParam().make_place(scratch.path().string());
  }
  static std::string Replaced(std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  }
  static std::string Orders(const std::string& prefix, int count) {
    std::string bytes;
    for (int i = 0; i < count; ++i) bytes += Order(prefix + std::to_string(i), i, kAt, kAt);
    return bytes;
  }
  RunSummary Take() {
    RunSummary summary;
    const std::unique_ptr<Arrivals> arrivals = place->Look(*workspace);
    EXPECT_OK(StoreArrivals(*workspace, kBatch, *arrivals, summary));
    return summary;
  }
  std::map<std::string, std::string> Stored() {
    std::map<std::string, std::string> stored;
    const auto objects = workspace->catalog().Objects({}).value();
    for (const catalog::ObjectRecord& object : objects) {
      EXPECT_FALSE(stored.contains(object.name)) << "stored twice: " << object.name;
      stored[object.name] = workspace->store().Read(object.path).value();
      EXPECT_EQ(object.digest, Sha256Of(stored[object.name]));
      EXPECT_EQ(object.size_bytes, static_cast<std::int64_t>(stored[object.name].size()));
    }
    return stored;
  }
};

TEST_P(ArrivalsConformance, GivesEachOnceWithItsBytes) {
  const std::map<std::string, std::string> sent = {
      {"2024-01-01-a.jsonl", Orders("a", 3)},
      {"2024-01-01-b.jsonl", Orders("b", 1)},
      {"2024-01-01-c.jsonl", ""},
  };
  for (const auto& [name, bytes] : sent) place->Send(name, bytes);
  const RunSummary summary = Take();
  EXPECT_EQ(summary.objects, 3);
  EXPECT_EQ(summary.records, 4);
  EXPECT_THAT(summary.untaken_files, IsEmpty());
  EXPECT_EQ(Stored(), sent);
  for (const auto& [name, bytes] : sent) EXPECT_FALSE(place->Holds(name)) << name;
  const RunSummary again = Take();
  EXPECT_EQ(again.objects + again.duplicate_objects + again.commits, 0);
}

TEST_P(ArrivalsConformance, ANameMayComeAgainWithOtherBytes) {
  place->Send("2024-01-01.jsonl", Orders("a", 1));
  Take();
  place->Send("2024-01-01.jsonl", Orders("b", 2));
  EXPECT_EQ(Take().objects, 1);
  EXPECT_EQ(workspace->catalog().CountObjects()->records, 3);
}

TEST_P(ArrivalsConformance, TheSameAgainIsARepeatAndIsAcknowledged) {
  for (int time = 0; time < 3; ++time) {
    place->Send("2024-01-01.jsonl", Orders("a", 2));
    const RunSummary summary = Take();
    EXPECT_EQ(summary.objects, time == 0 ? 1 : 0);
    EXPECT_EQ(summary.duplicate_objects, time == 0 ? 0 : 1);
    EXPECT_FALSE(place->Holds("2024-01-01.jsonl"));
  }
  EXPECT_EQ(workspace->catalog().CountObjects()->records, 2);
}

TEST_P(ArrivalsConformance, ARepeatRestoresItsObject) {
  for (const std::string& bytes : {Orders("a", 2), Orders("large", kLargeBytes / 100)}) {
    place->Send("2024-01-01.jsonl", bytes);
    Take();
    const auto object = workspace->catalog().Objects({}).value().back();
    std::filesystem::remove(object.path);
    place->Send("2024-01-01.jsonl", bytes);
    const RunSummary summary = Take();
    EXPECT_EQ(summary.duplicate_objects, 1);
    EXPECT_EQ(workspace->store().Read(object.path).value(), bytes);
  }
}

TEST_P(ArrivalsConformance, LargeOnesAreStoredWhole) {
  std::string bytes;
  for (int i = 0; bytes.size() < kLargeBytes; ++i)
    bytes += Order("o" + std::to_string(i), i % 900, kAt, kAt);
  place->Send("2024-01-01.jsonl", bytes);
  const RunSummary summary = Take();
  EXPECT_EQ(summary.objects, 1);
  EXPECT_EQ(Stored().at("2024-01-01.jsonl"), bytes);
}

TEST_P(ArrivalsConformance, WhatCannotBeCutIsStoredAndQuarantinedWhole) {
  place->Send("2024-01-01.jsonl.gz", "no gzip");
  Take();
  EXPECT_EQ(Stored().size(), 1U);
  EXPECT_EQ(workspace->catalog().Objects({}).value().at(0).state,
            catalog::ObjectState::kQuarantined);
  EXPECT_FALSE(place->Holds("2024-01-01.jsonl.gz"));
}

// Nothing is acknowledged that is not committed, wherever the store fails.
TEST_P(ArrivalsConformance, WhatWasNotCommittedComesAgain) {
  bool fired = true;
  for (int fail_at = 1; fired; ++fail_at) {
    ASSERT_LT(fail_at, 300);
    const std::string small = fmt::format("2024-01-01-{}-small.jsonl", fail_at);
    const std::string large = fmt::format("2024-01-01-{}-large.jsonl", fail_at);
    place->Send(small, Orders(fmt::format("s{}-", fail_at), 2));
    place->Send(large, Orders(fmt::format("l{}-", fail_at), kLargeBytes / 90));
    {
      workspace.reset();
      platform::FaultyStore faulty(platform::LocalStore(), fail_at, Code::kUnavailable);
      ASSERT_OK_AND(auto project, LoadProject(scratch.path().string(), ""));
      auto opened = Workspace::Open(project, Access::kWrite, {}, {.store = faulty});
      if (opened.ok()) {
        RunSummary summary;
        const std::unique_ptr<Arrivals> arrivals = place->Look(**opened);
        const bool committed =
            StoreArrivals(**opened, kBatch, *arrivals, summary).ok() && summary.commits > 0;
        EXPECT_TRUE(committed || (place->Holds(small) && place->Holds(large))) << fail_at;
      }
      fired = faulty.fault_fired();
    }
    Reopen();
    Take();
    EXPECT_EQ(workspace->catalog().CountObjects()->objects, 2 * fail_at) << fail_at;
    EXPECT_FALSE(place->Holds(small) || place->Holds(large)) << fail_at;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Drivers, ArrivalsConformance,
    ::testing::Values(
        ArrivalsDriver{
            "landing",
            [](const std::string& root) { return std::make_unique<LandingPlace>(root); }},
        ArrivalsDriver{"queue",
                       [](const std::string&) { return std::make_unique<QueuePlace>(true); }},
        ArrivalsDriver{"queue_of_unknown_sizes",
                       [](const std::string&) { return std::make_unique<QueuePlace>(false); }}),
    [](const auto& driver) { return driver.param.name; });

struct OnceTest : ShopTest {};

TEST_F(OnceTest, ASenderThatHangsUpIsToldAndTheOthersGoOn) {
  QueuePlace place(/*knows_sizes=*/false);
  place.Send("2024-01-01-a.jsonl", Order("a", 1, kAt, kAt));
  place.Send("2024-01-01-b.jsonl", Order("b", 1, kAt, kAt));
  place.HangUpOn("2024-01-01-a.jsonl");
  RunSummary summary;
  const auto arrivals = place.Look(*workspace);
  ASSERT_OK(StoreArrivals(*workspace, kBatch, *arrivals, summary));
  EXPECT_EQ(summary.objects, 1);
  ASSERT_EQ(summary.untaken_files.size(), 1U);
  EXPECT_THAT(summary.untaken_files.at("queue:2024-01-01-a.jsonl"), HasSubstr("hung up"));
  EXPECT_TRUE(place.Holds("2024-01-01-a.jsonl"));
  EXPECT_EQ(workspace->catalog().Objects({}).value().at(0).sender, "queue");
}

TEST(SpooledBytes, AreReadAnyNumberOfTimesAndLeaveNoName) {
  const weirhouse::testing::ScratchFolder scratch;
  const std::string bytes(600'001, 's');
  StreamOfBytes stream(bytes);
  ASSERT_OK_AND(const auto spool, SpooledBytes::Take(stream, scratch.path().string()));
  EXPECT_EQ(spool->size_bytes(), static_cast<std::int64_t>(bytes.size()));
  EXPECT_EQ(spool->digest(), Sha256Of(bytes));
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
  for (int time = 0; time < 2; ++time) {
    const auto again = spool->Open();
    std::string read(bytes.size() + 1, '\0');
    std::size_t filled = 0;
    for (std::size_t got = 1; got > 0; filled += got)
      got = again->Read(read.data() + filled, read.size() - filled).value();
    EXPECT_EQ(read.substr(0, filled), bytes);
  }
  StreamOfBytes other("x");
  EXPECT_EQ(SpooledBytes::Take(other, scratch / "absent").status().code(), Code::kUnavailable);
}
}  // namespace
}  // namespace weirhouse::work

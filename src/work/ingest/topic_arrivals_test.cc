#include "work/ingest/topic_arrivals.h"

#include <arrow/api.h>

#include <filesystem>

#include "testing/projects/shop_fixture.h"
#include "work/workspace/state/topic_logs.h"

namespace weirhouse::work {
namespace {

// The shop, whose orders are sent to a topic.
struct TopicTest : ShopTest {
  void SetUp() override {
    ShopTest::SetUp();
    UseTopic();
    ASSERT_OK_AND(const Plan plan, MakePlan(*workspace));
    ASSERT_OK(Apply(*workspace, plan.digest, NoProgress()));
  }
  void UseTopic() {
    Write(
        "weirhouse.yaml",
        "name: shop\nclock: replay\nsources:\n  order: { landing: topic:orders, contract: order }\n"
        "seeds: { shop: seeds/shops.csv }\n");
    Reopen();
  }
  Result<std::int64_t> Send(const std::vector<std::string>& lines) {
    std::vector<stream::Record> records;
    for (const std::string& line : lines) records.push_back({"", "", line});
    return AppendToTopic(*workspace, "orders", records);
  }
  static std::string Line(int id) {
    std::string line =
        Order(std::to_string(id), id, "2024-01-01T06:00:00Z", "2024-01-01T07:00:00Z");
    line.pop_back();
    return line;
  }
  std::vector<catalog::ObjectRecord> Objects() { return workspace->catalog().Objects({}).value(); }
  TopicBacklog Backlog() { return TopicBacklogs(*workspace).value().at(0); }
};

TEST_F(TopicTest, RecordsBecomeOneObjectAsTheyWereSent) {
  ASSERT_OK_AND(const std::int64_t first, Send({Line(1), Line(2), "  junk \r"}));
  EXPECT_EQ(first, 0);
  ASSERT_OK_AND(const std::int64_t next, Send({Line(3)}));
  EXPECT_EQ(next, 3);
  EXPECT_EQ(Backlog().records(), 4);
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_EQ(Rows("processed.order"), 3);
  const auto objects = Objects();
  ASSERT_EQ(objects.size(), 1u);
  EXPECT_EQ(objects[0].name, "orders-00000000000000000000-00000000000000000003.jsonl");
  EXPECT_EQ(objects[0].sender, "topic:orders");
  EXPECT_EQ(weirhouse::testing::ReadFile(objects[0].path),
            Line(1) + "\n" + Line(2) + "\n  junk \r\n" + Line(3) + "\n");
  EXPECT_EQ(States()["quarantined"], 1);
  EXPECT_EQ(Backlog().records(), 0);
}

TEST_F(TopicTest, EachRecordIsTakenOnceAcrossRunsAndProcesses) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_OK(Send({Line(2 * i), Line(2 * i + 1)}));
    ASSERT_OK(RunPending(*workspace, NoProgress()));
    ASSERT_OK(RunPending(*workspace, NoProgress()));
    if (i % 2 == 0) Reopen();
  }
  EXPECT_EQ(Rows("processed.order"), 10);
  EXPECT_EQ(Objects().size(), 5u);
  EXPECT_EQ(Backlog().taken, 10);
}

// What the catalog says is taken stays taken, although the log's folder is gone.
TEST_F(TopicTest, OffsetsGoOnWhereTheLogIsLost) {
  ASSERT_OK(Send({Line(1), Line(2)}));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  workspace.reset();
  std::filesystem::remove_all(scratch / ".weirhouse/log");
  Reopen();
  ASSERT_OK_AND(const std::int64_t next, Send({Line(3)}));
  EXPECT_EQ(next, 2);
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_EQ(Rows("processed.order"), 3);
}

TEST_F(TopicTest, RefusesWhatIsNoLineAndTopicsThatNobodyReads) {
  EXPECT_EQ(Send({Line(1), "{\n}"}).status().error_code(), "WH1321");
  EXPECT_THAT(Send({Line(1), "{\n}"}).status().message(), ::testing::HasSubstr("record 2 "));
  EXPECT_EQ(Send({" "}).status().error_code(), "WH1321");
  EXPECT_EQ(AppendToTopic(*workspace, "order", {}).status().error_code(), "WH1320");
  EXPECT_EQ(AppendToTopic(*workspace, "", {}).status().error_code(), "WH1320");
  EXPECT_EQ(Backlog().end, 0);
}

TEST_F(TopicTest, ThePlanTellsWhatWaits) {
  ASSERT_OK(Send({Line(1), Line(2)}));
  ASSERT_OK_AND(const Plan plan, MakePlan(*workspace));
  EXPECT_EQ(plan.waiting_in_topics, (std::map<std::string, std::int64_t>{{"order", 2}}));
}

// A source that comes later begins with what the topic still holds.
TEST_F(TopicTest, ASourceThatIsAddedLaterTakesWhatIsStillThere) {
  ASSERT_OK(Send({Line(1)}));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  Reopen();
  ASSERT_OK(Send({Line(2)}));
  ASSERT_OK(RunPending(*workspace, NoProgress()));  // trims the first segment
  ASSERT_OK_AND(const auto log, workspace->topics().Of("orders"));
  EXPECT_EQ(log->begin(), 1);
  Write("weirhouse.yaml",
        "name: shop\nclock: replay\nsources:\n  order: { landing: topic:orders, contract: order }\n"
        "  copy: { landing: topic:orders, contract: order }\nseeds: { shop: seeds/shops.csv }\n");
  Reopen();
  ASSERT_OK_AND(const Plan plan, MakePlan(*workspace));
  EXPECT_EQ(plan.waiting_in_topics, (std::map<std::string, std::int64_t>{{"copy", 1}}));
  ASSERT_OK(Send({Line(3)}));
  ASSERT_OK(Apply(*workspace, plan.digest, NoProgress()));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_EQ(Rows("processed.order"), 3);
  std::int64_t copied = 0;
  for (const catalog::ObjectRecord& object : Objects())
    copied += object.source == "copy" ? object.record_count : 0;
  EXPECT_EQ(copied, 2);
}

TEST_F(TopicTest, ASourceDoesNotLeaveRecordsBehind) {
  ASSERT_OK(Send({Line(1), Line(2)}));
  const auto leave = [&]() -> Status {
    Write("weirhouse.yaml",
          "name: shop\nclock: replay\nsources:\n  order: { landing: landing/order, contract: order "
          "}\nseeds: { shop: seeds/shops.csv }\n");
    Reopen();
    WEIRHOUSE_TRY(const Plan plan, MakePlan(*workspace));
    return Apply(*workspace, plan.digest, NoProgress()).status();
  };
  EXPECT_EQ(leave().error_code(), "WH2028");
  UseTopic();
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_OK(leave());
  EXPECT_TRUE(catalog::setting::AllTopicOffsets().In(workspace->catalog()).value().empty());
}

// A segment that is gone before its records were taken is an error, never a gap.
TEST_F(TopicTest, RecordsThatAreGoneAreAnError) {
  ASSERT_OK(Send({Line(1)}));
  Reopen();
  ASSERT_OK(Send({Line(2)}));  // a segment of its own
  workspace.reset();
  std::filesystem::remove(scratch / ".weirhouse/log/orders/00000000000000000000.log");
  Reopen();
  EXPECT_EQ(Backlog().problem.error_code(), "WH7207");
  ASSERT_OK_AND(const RunSummary summary, RunPending(*workspace, NoProgress()));
  EXPECT_THAT(summary.untaken_files.at("topic:orders"), ::testing::HasSubstr("WH7207"));
  ASSERT_OK_AND(const Plan plan, MakePlan(*workspace));
  EXPECT_THAT(plan.untaken.at("topic:orders"), ::testing::HasSubstr("records 0 to 0"));
}
}  // namespace
}  // namespace weirhouse::work

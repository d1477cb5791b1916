#include "work/project/event/event_type.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "testing/testing.h"

namespace weirhouse::work {
namespace {
using ::testing::HasSubstr;

// All text of the product's sources in work/, without its spaces.
std::string Sources() {
  std::string text;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(testing::SourceFolder() + "/src/work")) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".cc") || path.ends_with("_test.cc") || path.ends_with("event_type.cc"))
      continue;
    text += testing::ReadFile(path);
  }
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  return text;
}

std::string EnumeratorOf(const EventType& type) {
  std::string name = "EventKind::k";  // "weirhouse.gate.failed": kGateFailed
  bool upper = false;
  for (const char c : type.type.substr(type.type.find('.'))) {
    if (c == '.') {
      upper = true;
    } else {
      name += upper ? static_cast<char>(c - 32) : c;
      upper = false;
    }
  }
  return name;
}

TEST(EventTypes, AreEachEmittedBySomeone) {
  const std::string sources = Sources();
  std::set<EventKind> kinds;
  for (const EventType& type : EventTypes()) {
    EXPECT_TRUE(kinds.insert(type.kind).second);
    EXPECT_EQ(&TypeOf(type.kind), &type);
    EXPECT_THAT(sources, HasSubstr("MakeEvent(" + EnumeratorOf(type)));
  }
  // And nobody makes one past the table.
  EXPECT_EQ(sources.find("event.type=\""), std::string::npos);
}

TEST(EventTypes, AreAllInTheReference) {
  const std::string page = testing::ReadFile(testing::SourceFolder() + "/docs/reference/events.md");
  for (const EventType& type : EventTypes()) {
    std::string row = "| `" + std::string(type.type) + "` | " + std::string(type.when) + " | " +
                      std::string(type.subject) + " |";
    EXPECT_THAT(page, HasSubstr(row));
    std::string fields;
    for (const EventField& field : type.data) {
      fields += "| `" + std::string(field.name) + "`" + (field.always ? "" : " (at times)") +
                " | " + std::string(field.meaning) + " |\n";
    }
    EXPECT_THAT(page, HasSubstr("### `" + std::string(type.type) + "`"));
    EXPECT_THAT(page, HasSubstr(fields)) << type.type;
  }
}

TEST(EventTypes, EachConditionWaitsForOneOfThem) {
  EXPECT_EQ(KindWaitedFor(NotifyConditions(), "run_finished"), EventKind::kRunFinished);
  EXPECT_EQ(KindWaitedFor(AlertConditions(), "gate_failed"), EventKind::kGateFailed);
  EXPECT_EQ(KindWaitedFor(NotifyConditions(), "gate_failed"), std::nullopt);
}

TEST(MakeEventDeathTest, EndsWhereAnEventSaysOtherThings) {
  EXPECT_EQ(
      MakeEvent(EventKind::kModelDeployed, "m#1", {{"model", "m#1"}, {"deployment", "m#1@d1"}})
          .type,
      "weirhouse.model.deployed");
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // other tests have started threads
  EXPECT_DEATH(MakeEvent(EventKind::kModelDeployed, "m#1", {{"model", "m#1"}}), "there");
  EXPECT_DEATH(MakeEvent(EventKind::kModelDeployed, "m#1",
                         {{"model", "m#1"}, {"deployment", "m#1@d1"}, {"more", 1}}),
               "known");
}
}  // namespace
}  // namespace weirhouse::work

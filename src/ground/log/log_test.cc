#include "ground/log/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <thread>

#include "ground/base/time.h"
#include "ground/log/frame.h"
#include "ground/log/segment.h"
#include "testing/fsync_probe.h"
#include "testing/testing.h"

namespace weirhouse::stream {
namespace {
using weirhouse::testing::ReadFile;
using weirhouse::testing::ScratchFolder;
using weirhouse::testing::WriteFile;

class LogTest : public ::testing::Test {
 protected:
  std::unique_ptr<Log> Opened() {
    auto log = Log::Open(folder_, options_, SystemClock(), random_);
    EXPECT_OK(log.status());
    return log.ok() ? std::move(log).value() : nullptr;
  }
  Status FailureToOpen() { return Log::Open(folder_, options_, SystemClock(), random_).status(); }
  static std::vector<std::string> All(const Log& log) {
    auto reader = log.Read(log.begin());
    EXPECT_OK(reader.status());
    std::vector<std::string> values;
    while (reader.ok()) {
      const auto some = (*reader)->Next(100);
      EXPECT_OK(some.status());
      if (!some.ok() || some->empty()) break;
      for (const StoredRecord& record : *some) {
        EXPECT_EQ(record.offset, log.begin() + std::ssize(values));
        values.push_back(fmt::format("{}|{}|{}", record.key, record.attributes, record.value));
      }
    }
    return values;
  }
  std::string OnlySegment() {
    const auto segments = ListSegments(folder_).value();
    EXPECT_EQ(segments.size(), 1u);
    return SegmentPath(folder_, segments.at(0).first);
  }

  const ScratchFolder scratch_;
  const std::string folder_ = scratch_ / "log";
  LogOptions options_;
  SeededRandom random_{1};
};

Record Of(std::string_view value) { return {"k", "{}", value}; }

TEST_F(LogTest, GivesBackWhatWasAppendedInOrderAlsoWhenOpenedAgain) {
  const std::vector<Record> two = {{"a", "x", "one"}, {"", "", ""}};
  const std::vector<std::string> wanted = {"a|x|one", "||", std::string("b||") + '\0' + "\n"};
  {
    const auto log = Opened();
    EXPECT_EQ(log->Append(two).value(), 0);
    EXPECT_EQ(log->Append(std::vector<Record>{{"b", "", std::string_view("\0\n", 2)}}).value(), 2);
    EXPECT_EQ(log->Append({}).value(), 3);
    EXPECT_EQ(All(*log), wanted);
  }
  const auto log = Opened();
  EXPECT_EQ(log->end(), 3);
  EXPECT_EQ(All(*log), wanted);
  EXPECT_EQ(log->Append(two).value(), 3);
  EXPECT_EQ(All(*log).size(), 5u);
}

TEST_F(LogTest, ReadsFromAnyOffsetAcrossSegments) {
  options_.segment_bytes = 3'000;
  const auto log = Opened();
  for (int i = 0; i < 200; ++i)
    ASSERT_OK(log->Append(std::vector<Record>(
        3, Of(std::to_string(i) + std::string(static_cast<std::size_t>(i), 'x')))));
  EXPECT_GT(ListSegments(folder_).value().size(), 5u);
  for (std::int64_t from = 0; from <= log->end(); ++from) {
    const auto reader = log->Read(from).value();
    for (std::int64_t next = from; next < log->end();) {
      const auto some = reader->Next(700).value();
      ASSERT_FALSE(some.empty()) << from;
      for (const StoredRecord& record : some) {
        ASSERT_EQ(record.offset, next++);
        ASSERT_TRUE(record.value.starts_with(std::to_string(record.offset / 3)));
      }
    }
    EXPECT_TRUE(reader->Next(700).value().empty());
  }
}

TEST_F(LogTest, AReaderAtTheEndSeesWhatIsAppendedLater) {
  const auto log = Opened();
  ASSERT_OK(log->Append(std::vector<Record>(5, Of("before"))));
  const auto reader = log->Read(5).value();
  EXPECT_TRUE(reader->Next(100).value().empty());
  ASSERT_OK(log->Append(std::vector<Record>{Of("after")}));
  const auto some = reader->Next(100).value();
  ASSERT_EQ(some.size(), 1u);
  EXPECT_EQ(some[0].value, "after");
  EXPECT_EQ(some[0].offset, 5);
}

// A record that is larger than what a reader asks for comes alone.
TEST_F(LogTest, ReadsARecordOfAnySizeThatIsTaken) {
  options_.record_bytes_max = 5 << 20;
  const auto log = Opened();
  const std::string large(5 << 20, 'l');
  ASSERT_OK(log->Append(std::vector<Record>{Of("s"), {"", "", large}, Of("t")}));
  const auto values = All(*log);
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(values[1], "||" + large);
  const auto refused = log->Append(std::vector<Record>{Of("ok"), {"k", "", large}});
  EXPECT_EQ(refused.status().error_code(), "WH7204");
  EXPECT_EQ(log->end(), 3);
}

// Whatever a power cut leaves of the last write: the records before it are there, and the log goes on.
TEST_F(LogTest, OpensAfterAWriteThatWasCutAnywhere) {
  {
    const auto log = Opened();
    ASSERT_OK(log->Append(std::vector<Record>{Of("first"), Of("second")}));
    ASSERT_OK(log->Append(std::vector<Record>{Of("third")}));
  }
  const std::string path = OnlySegment();
  const std::string whole = ReadFile(path);
  const std::size_t frame = kFrameHeaderBytes + 3;
  const std::size_t ends[] = {kSegmentHeaderBytes, kSegmentHeaderBytes + frame + 5,
                              kSegmentHeaderBytes + 2 * frame + 11, whole.size()};
  ASSERT_EQ(ends[3], kSegmentHeaderBytes + 3 * frame + 16);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    WriteFile(path, whole.substr(0, size));
    const auto log = Opened();
    ASSERT_NE(log, nullptr) << size;
    const auto kept = std::upper_bound(ends, ends + 4, std::max(size, ends[0])) - ends - 1;
    EXPECT_EQ(log->end(), kept) << size;
    EXPECT_EQ(log->Append(std::vector<Record>{Of("next")}).value(), kept) << size;
    EXPECT_EQ(All(*log).size(), static_cast<std::size_t>(kept) + 1) << size;
  }
}

// Pages of a write may reach the disk in any order: what lies behind a gap was never acknowledged.
TEST_F(LogTest, AGapInTheLastWriteIsNoDamage) {
  {
    const auto log = Opened();
    ASSERT_OK(log->Append(std::vector<Record>{Of("first")}));
    ASSERT_OK(log->Append(std::vector<Record>{Of("lost"), Of("behind")}));
  }
  const std::string path = OnlySegment();
  std::string bytes = ReadFile(path);
  const std::size_t gap = kSegmentHeaderBytes + kFrameHeaderBytes + 3 + 5;
  for (std::size_t i = 0; i < 20; ++i) bytes[gap + i] = '\0';
  WriteFile(path, bytes);
  EXPECT_EQ(All(*Opened()), std::vector<std::string>{"k|{}|first"});
}

TEST_F(LogTest, DamageToWhatWasAcknowledgedIsAnErrorAtEachByte) {
  {
    const auto log = Opened();
    for (const char* value : {"first", "second", "third"})
      ASSERT_OK(log->Append(std::vector<Record>{Of(value)}));
  }
  const std::string path = OnlySegment();
  const std::string whole = ReadFile(path);
  const std::size_t last = whole.size() - kFrameHeaderBytes - 3 - 5;
  for (std::size_t at = 0; at < last; ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    WriteFile(path, bytes);
    const Status failed = FailureToOpen();
    EXPECT_EQ(failed.error_code(), "WH7202") << at << ": " << failed.ToString();
  }
}

// Sealed segments are not read when a log is opened, but what is damaged of them is never passed on.
TEST_F(LogTest, DamageToAnEarlierSegmentIsFoundByItsReader) {
  options_.segment_bytes = 200;
  {
    const auto log = Opened();
    for (int i = 0; i < 10; ++i) ASSERT_OK(log->Append(std::vector<Record>(3, Of("value"))));
  }
  const auto segments = ListSegments(folder_).value();
  ASSERT_GT(segments.size(), 3u);
  const std::string path = SegmentPath(folder_, segments[1].first);
  const std::string whole = ReadFile(path);
  for (std::size_t at = 0; at <= whole.size(); at += 3) {
    std::string bytes = whole;
    if (at < whole.size()) bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    WriteFile(path, at < whole.size() ? bytes : whole.substr(0, whole.size() - 30));
    const auto log = Opened();
    const auto reader = log->Read(0).value();
    std::int64_t read = 0;
    Status failed;
    while (failed.ok() && read < log->end()) {
      const auto some = reader->Next(100);
      failed = some.status();
      if (some.ok()) read += std::ssize(*some);
    }
    EXPECT_TRUE(failed.Is(kLogDamaged)) << at;
    EXPECT_LT(read, segments[2].first) << at;
    EXPECT_TRUE(reader->Next(100).status().Is(kLogDamaged));
  }
}

// Somebody may send a segment as a record.
TEST_F(LogTest, FramesWithinARecordAreNotFrames) {
  std::string sent;
  {
    const auto log = Opened();
    for (int i = 0; i < 50; ++i) ASSERT_OK(log->Append(std::vector<Record>{Of("inner")}));
    sent = ReadFile(OnlySegment());
  }
  std::filesystem::remove_all(folder_);
  {
    const auto log = Opened();
    ASSERT_OK(log->Append(std::vector<Record>{Of("before")}));
    ASSERT_OK(log->Append(std::vector<Record>{{"", "", sent}}));
  }
  const std::string path = OnlySegment();
  std::string bytes = ReadFile(path);
  bytes[kSegmentHeaderBytes + kFrameHeaderBytes + 3 + 6 + 40] ^= 1;  // of the last write
  WriteFile(path, bytes);
  EXPECT_EQ(Opened()->end(), 1);
}

TEST_F(LogTest, TrimsWholeSegmentsAndSaysWhatIsGone) {
  options_.segment_bytes = 500;
  const auto log = Opened();
  for (int i = 0; i < 40; ++i) ASSERT_OK(log->Append(std::vector<Record>{Of("value")}));
  const std::int64_t bytes = log->size_bytes();
  ASSERT_OK(log->Trim(20));
  EXPECT_LE(log->begin(), 20);
  EXPECT_GT(log->begin(), 10);
  EXPECT_LT(log->size_bytes(), bytes);
  EXPECT_EQ(All(*log).size(), static_cast<std::size_t>(40 - log->begin()));
  EXPECT_EQ(log->Read(0).status().error_code(), "WH7205");
  EXPECT_EQ(log->Read(41).status().error_code(), "WH7205");
  ASSERT_OK(log->Trim(40));
  EXPECT_EQ(ListSegments(folder_).value().size(), 1u);
  EXPECT_EQ(log->Append(std::vector<Record>{Of("next")}).value(), 40);
}

TEST_F(LogTest, RefusesAppendsWhileTooMuchIsKept) {
  options_.segment_bytes = 500;
  options_.bytes_max = 2'000;
  const auto log = Opened();
  Status status;
  std::int64_t taken = 0;
  while (status.ok()) {
    status = log->Append(std::vector<Record>{Of("value")}).status();
    if (status.ok()) ++taken;
  }
  EXPECT_EQ(status.error_code(), "WH7201");
  EXPECT_EQ(log->end(), taken);
  ASSERT_OK(log->Trim(taken));
  EXPECT_EQ(log->Append(std::vector<Record>{Of("value")}).value(), taken);
}

// The catalog knows how far the records went, whatever became of the folder.
TEST_F(LogTest, GoesOnFromAnOffsetThatIsDoneWith) {
  {
    const auto log = Opened();
    ASSERT_OK(log->Append(std::vector<Record>(10, Of("value"))));
  }
  options_.first_offset = 10;
  EXPECT_EQ(All(*Opened()).size(), 10u);
  options_.first_offset = 25;  // the disk has lost fifteen that were done with
  const auto log = Opened();
  EXPECT_EQ(log->begin(), 25);
  EXPECT_EQ(log->Append(std::vector<Record>{Of("value")}).value(), 25);
  EXPECT_EQ(All(*log).size(), 1u);
}

// After a failed fdatasync nobody knows what the disk holds: this log takes no more, and the next
// process looks.
TEST_F(LogTest, TakesNoMoreAfterAFailedSync) {
  weirhouse::testing::FsyncProbe probe;
  auto log = Opened();
  ASSERT_OK(log->Append(std::vector<Record>{Of("first")}));
  probe.FailNext(".log");
  EXPECT_TRUE(log->Append(std::vector<Record>{Of("second")}).status().Is(kOutcomeUnknown));
  EXPECT_EQ(log->end(), 1);
  EXPECT_EQ(All(*log).size(), 1u);
  EXPECT_EQ(log->Append(std::vector<Record>{Of("third")}).status().error_code(), "WH7203");
  log.reset();
  log = Opened();
  EXPECT_THAT(log->end(), ::testing::AnyOf(1, 2));
  const std::int64_t end = log->end();
  EXPECT_EQ(log->Append(std::vector<Record>{Of("fourth")}).value(), end);
}

TEST_F(LogTest, OneThatIsOpenForReadingChangesNothing) {
  options_.read_only = true;
  EXPECT_EQ(Opened()->end(), 0);
  EXPECT_FALSE(std::filesystem::exists(folder_));
  options_.read_only = false;
  ASSERT_OK(Opened()->Append(std::vector<Record>{Of("first")}));
  const std::string path = OnlySegment();
  WriteFile(path, ReadFile(path) + "a write that was cut");
  const std::string bytes = ReadFile(path);
  options_.read_only = true;
  const auto log = Opened();
  EXPECT_EQ(All(*log).size(), 1u);
  EXPECT_EQ(log->Append(std::vector<Record>{Of("second")}).status().error_code(), "WH7206");
  EXPECT_EQ(ReadFile(path), bytes);
}

TEST_F(LogTest, ThreadsAppendAtTheSameTimeAndEachHasItsPlace) {
  options_.segment_bytes = 20'000;
  const auto log = Opened();
  constexpr std::size_t kThreads = 8;
  constexpr std::size_t kEach = 100;
  std::vector<std::thread> threads;
  std::array<std::vector<std::int64_t>, kThreads> places;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kEach; ++i) {
        const std::string value = fmt::format("{}/{}", t, i);
        const auto place = log->Append(std::vector<Record>(2, Of(value)));
        places[t].push_back(place.ok() ? *place : -1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto values = All(*log);
  ASSERT_EQ(values.size(), kThreads * kEach * 2);
  for (std::size_t t = 0; t < kThreads; ++t) {
    for (std::size_t i = 0; i < kEach; ++i) {
      const auto place = static_cast<std::size_t>(places[t][i]);
      EXPECT_EQ(values.at(place), fmt::format("k|{{}}|{}/{}", t, i));
      EXPECT_EQ(values.at(place + 1), values[place]);
      EXPECT_TRUE(i == 0 || places[t][i] > places[t][i - 1]);
    }
  }
}
}  // namespace
}  // namespace weirhouse::stream

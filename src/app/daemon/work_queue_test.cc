#include "app/daemon/work_queue.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "app/command/daemon_link.h"
#include "app/daemon/landing_watch.h"
#include "testing/testing.h"
#include "testing/wait.h"

namespace weirhouse::daemon {
namespace {
using ::testing::ElementsAre;

const WorkQueue::OnThrown kNothingThrown = [](const Status& what) {
  ADD_FAILURE() << what.message();
};

TEST(WorkQueue, DoesWhatAPersonWaitsForFirstAndInOrder) {
  WorkQueue queue;
  std::vector<int> done;
  queue.PushOnce([&] {
    done.push_back(3);
    queue.Stop();
  });
  queue.Push([&] { done.push_back(1); });
  queue.Push([&] { done.push_back(2); });
  queue.Run(kNothingThrown);
  EXPECT_THAT(done, ElementsAre(1, 2, 3));
}

TEST(WorkQueue, RunsWhatWasAskedForTwiceOnce) {
  WorkQueue queue;
  int runs = 0;
  for (int i = 0; i < 5; ++i) {
    queue.PushOnce([&] {
      ++runs;
      queue.Stop();
    });
  }
  queue.Run(kNothingThrown);
  EXPECT_EQ(runs, 1);
}

TEST(WorkQueue, GoesOnWithTheNextWhateverOneThrows) {
  WorkQueue queue;
  std::vector<std::string> thrown;
  int done = 0;
  queue.Push([] { throw std::bad_alloc(); });
  queue.Push([] { throw std::runtime_error("x"); });
  queue.Push([] { throw 1; });
  queue.Push([&] {
    ++done;
    queue.Stop();
  });
  queue.Run([&](const Status& what) { thrown.push_back(what.error_code()); });
  EXPECT_EQ(done, 1);
  EXPECT_THAT(thrown, ElementsAre("WH8050", "WH8035", "WH8035"));
}

TEST(WorkQueue, TurnsWorkAwayWhenItIsFullOrStopped) {
  WorkQueue queue;
  for (std::size_t i = 0; i < kQueueMax; ++i) EXPECT_TRUE(queue.Push([] {}));
  EXPECT_FALSE(queue.Push([] {}));
  queue.Stop();
  EXPECT_FALSE(queue.Push([] {}));
  queue.Run(kNothingThrown);  // returns at once
}

TEST(WorkQueue, BreaksThePromiseOfWorkItDrops) {
  WorkQueue queue;
  auto promise = std::make_shared<std::promise<int>>();
  std::future<int> answer = promise->get_future();
  queue.Push([promise] { promise->set_value(0); });
  promise.reset();
  queue.Stop();
  EXPECT_THROW(answer.get(), std::future_error);
}

TEST(LandingWatch, TellsAtTheBeginningAndWhenAFileIsRenamedIntoPlace) {
  const testing::ScratchFolder folder;
  std::atomic<int> calls{0};
  landing::LandingLooks looks;
  ASSERT_OK_AND(auto watch, LandingWatch::Start({folder / "landing"}, looks, [&] { ++calls; }));
  const auto wait_for = [&](int wanted, std::chrono::milliseconds longest) {
    testing::WaitUntil([&] { return calls >= wanted; }, longest);
    return calls.load();
  };
  EXPECT_EQ(wait_for(1, std::chrono::seconds(2)), 1);
  testing::WriteFile(folder / "landing/.a.tmp", "x");
  std::filesystem::rename(folder / "landing/.a.tmp", folder / "landing/a");
  // Sooner than the look now and then.
  EXPECT_EQ(wait_for(2, std::chrono::milliseconds(1500)), 2);
}

TEST(LandingWatch, SaysSoWhereTheSystemGivesNoMoreWatches) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  landing::LandingLooks looks;
  const Status status = LandingWatch::Start({}, looks, [] {}).status();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH8029");
  EXPECT_EQ(status.message(), "could not watch the landing folders: Too many open files");
  EXPECT_THAT(status.hint(), ::testing::HasSubstr("fs.inotify.max_user_instances"));
}

// What becomes of a command is shown by what comes back, which here is nothing.
struct SilentStreams final : command::Streams {
  void Out(std::string_view) override {}
  void Err(std::string_view) override {}
  bool Cancelled() override { return false; }
};

TEST(DaemonLink, SaysThatTheDaemonWentAwayBeforeItAnswered) {
  const testing::ScratchFolder folder;
  std::filesystem::create_directories(folder / ".weirhouse");
  ASSERT_OK_AND(const int listener, command::ListenAsDaemon(folder.path().string()));
  std::jthread daemon([listener] {
    const int client = accept(listener, nullptr, nullptr);
    char byte = 0;
    EXPECT_EQ(read(client, &byte, 1), 1);  // a command came, and its daemon ends
    close(client);
  });
  SilentStreams streams;
  const Status status =
      command::RunInDaemon(folder.path().string(), command::Invocation(), streams).status();
  daemon.join();
  close(listener);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH8031");
  EXPECT_EQ(status.message(), "the daemon went away before it answered");
  EXPECT_THAT(status.hint(), ::testing::HasSubstr("`wh status` shows what it committed"));
}

TEST(DaemonLink, SaysWhereItsSocketCannotBeMade) {
  const testing::ScratchFolder folder;
  const Status status = command::ListenAsDaemon(folder.path().string()).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH8049");
  EXPECT_EQ(status.message(), "cannot listen on " + folder / ".weirhouse/daemon.sock" +
                                  ": No such file or directory");
  EXPECT_THAT(status.hint(), ::testing::HasSubstr(".weirhouse"));
}

TEST(DaemonLink, ConnectsUnderAFolderDeeperThanASocketAddressHolds) {
  const testing::ScratchFolder folder;
  std::string root = folder / std::string(100, 'd');
  root += "/" + std::string(100, 'e');
  std::filesystem::create_directories(root + "/.weirhouse");
  EXPECT_EQ(command::ConnectToDaemon(root), -1);
  ASSERT_OK_AND(const int listener, command::ListenAsDaemon(root));
  const auto permissions = std::filesystem::status(command::DaemonSocketPath(root)).permissions();
  EXPECT_EQ(permissions, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const int client = command::ConnectToDaemon(root);
  EXPECT_GE(client, 0);
  close(client);
  close(listener);
  EXPECT_EQ(command::ConnectToDaemon(root), -1);  // what a dead daemon left
}
}  // namespace
}  // namespace weirhouse::daemon

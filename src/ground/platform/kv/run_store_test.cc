#include "ground/platform/kv/run_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "ground/base/random.h"
#include "ground/platform/kv/kv_damage.h"
#include "testing/testing.h"

namespace weirhouse::platform {
namespace {
namespace fs = std::filesystem;

std::string BytesOfFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void PutFile(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class RunStoreTest : public ::testing::Test {
 protected:
  std::shared_ptr<RunStore> Open(bool read_only = false) {
    return RunStore::Open(folder(), read_only).value();
  }
  std::string folder() const { return scratch_ / "index"; }
  static Hash128 KeyOf(const RunStore& store, std::uint64_t number) {
    return store.Hash("key")(std::to_string(number));
  }
  static std::optional<std::string> Get(const RunStore& store, std::uint64_t number) {
    std::optional<std::string> value;
    const std::vector<Hash128> keys = {KeyOf(store, number)};
    EXPECT_OK(store.Find(keys, [&](std::size_t, std::string_view payload) {
      value = payload;
      return Status::Ok();
    }));
    return value;
  }
  // Commits `count` keys from `first`, each with `value`.
  static void Put(RunStore& store, std::uint64_t first, std::uint64_t count,
                  const std::string& value, const std::string& state = "s") {
    RunBatch batch;
    for (std::uint64_t i = first; i < first + count; ++i) batch.Put(KeyOf(store, i), value);
    EXPECT_OK(store.Commit(batch, state));
  }
  std::set<std::string> Files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder()))
      names.insert(entry.path().filename().string());
    return names;
  }
  testing::ScratchFolder scratch_;
};

// Random batches with keys that come again, are removed and come back, in random sizes so that runs
// of all classes are merged; reopened now and then.
TEST_F(RunStoreTest, IsAMapUnderAnyBatches) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SeededRandom random(seed);
    fs::remove_all(folder());
    auto store = Open();
    std::map<std::uint64_t, std::string> model;
    for (int step = 0; step < 60; ++step) {
      RunBatch batch;
      const std::uint64_t size = std::uint64_t{1} << random.Below(12);
      for (std::uint64_t i = 0; i < size; ++i) {
        const std::uint64_t key = random.Below(6000);
        if (random.Below(4) == 0) {
          batch.Remove(KeyOf(*store, key));
          model.erase(key);
        } else {
          const std::string value(random.Below(90), static_cast<char>('a' + random.Below(26)));
          batch.Put(KeyOf(*store, key), value);
          model[key] = value;
        }
      }
      ASSERT_OK(store->Commit(batch, fmt::format("step {}", step)));
      if (random.Below(3) == 0) store = Open();
      if (random.Below(25) == 0) {
        ASSERT_OK(store->Clear("nothing"));
        model.clear();
        continue;
      }
      ASSERT_EQ(store->state(), fmt::format("step {}", step));
      ASSERT_LE(store->run_count(), 12U);
      std::vector<Hash128> keys;
      for (std::uint64_t key = 0; key < 6100; key += 1 + random.Below(3))
        keys.push_back(KeyOf(*store, key));
      std::map<Hash128, std::string> found;
      ASSERT_OK(store->Find(keys, [&](std::size_t at, std::string_view payload) {
        EXPECT_TRUE(found.emplace(keys[at], payload).second);
        return Status::Ok();
      }));
      std::map<Hash128, std::string> all;
      for (const auto& [key, value] : model) all[KeyOf(*store, key)] = value;
      for (const Hash128& key : keys) {
        const auto wanted = all.find(key);
        ASSERT_EQ(found.count(key), wanted == all.end() ? 0U : 1U);
        if (wanted != all.end()) ASSERT_EQ(found[key], wanted->second);
      }
      std::map<Hash128, std::string> walked;
      ASSERT_OK(store->ForEach([&](const Hash128& key, std::string_view payload) {
        EXPECT_TRUE(walked.empty() || walked.rbegin()->first < key);
        walked[key] = payload;
        return Status::Ok();
      }));
      ASSERT_EQ(walked, all);
    }
  }
}

TEST_F(RunStoreTest, ManySmallBatchesLeaveFewRunsAndNoOtherFiles) {
  auto store = Open();
  std::size_t most = 0;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    Put(*store, i * 10, 10, "value");
    most = std::max(most, store->run_count());
  }
  EXPECT_LE(most, 14U);
  EXPECT_EQ(Files().size(), store->run_count() + 2);
  EXPECT_EQ(Get(*store, 29'999), "value");
  EXPECT_FALSE(Get(*store, 30'000));
}

TEST_F(RunStoreTest, WhatIsRemovedLeavesNothingOnceAllIsMerged) {
  auto store = Open();
  for (int round = 0; round < 4; ++round) {
    RunBatch batch;
    for (std::uint64_t i = 0; i < 100; ++i)
      round == 3 ? batch.Remove(KeyOf(*store, i)) : batch.Put(KeyOf(*store, i), "x");
    ASSERT_OK(store->Commit(batch, ""));
  }
  EXPECT_TRUE(store->empty());  // four were merged
  EXPECT_THAT(Files(), ::testing::ElementsAre("manifest.0", "manifest.1"));
}

TEST_F(RunStoreTest, TheLastChangeOfAKeyInABatchCounts) {
  auto store = Open();
  RunBatch batch;
  batch.Remove(KeyOf(*store, 1));
  batch.Put(KeyOf(*store, 1), "first");
  batch.Put(KeyOf(*store, 1), "second");
  batch.Put(KeyOf(*store, 2), "gone");
  batch.Remove(KeyOf(*store, 2));
  ASSERT_OK(store->Commit(batch, ""));
  EXPECT_EQ(Get(*store, 1), "second");
  EXPECT_FALSE(Get(*store, 2));
}

TEST_F(RunStoreTest, LargeAndEmptyPayloadsAreKept) {
  auto store = Open();
  Put(*store, 1, 1, "");
  Put(*store, 2, 1, std::string(300'000, 'x'));
  Put(*store, 3, 500, "y");
  store = Open();
  EXPECT_EQ(Get(*store, 1), "");
  EXPECT_EQ(Get(*store, 2), std::string(300'000, 'x'));
  EXPECT_EQ(Get(*store, 77), "y");
}

// Damage of each file is found, or the store stands at an earlier commit and says so.
TEST_F(RunStoreTest, DamageOfAnyFileIsFound) {
  std::map<std::string, int> entries_of = {{"", 0}, {"first", 300}, {"second", 340}};
  {
    auto store = Open();
    Put(*store, 0, 300, "some value that fills blocks", "first");
    Put(*store, 300, 40, "other", "second");
  }
  const fs::path whole = scratch_ / "whole";
  fs::copy(folder(), whole);
  const std::set<std::string> names = Files();
  ASSERT_THAT(names, ::testing::ElementsAre("1.run", "2.run", "manifest.0", "manifest.1"));
  SeededRandom random(11);
  std::map<std::string, int> stood;
  const auto expect_damage = [&](const std::string& what) {
    int entries = 0;
    auto store = RunStore::Open(folder(), false);
    Status status = store.status();
    if (status.ok()) {
      status = (*store)->ForEach([&](const Hash128&, std::string_view) {
        ++entries;
        return Status::Ok();
      });
    }
    if (status.ok()) {
      ++stood[(*store)->state()];
      EXPECT_EQ(entries_of.at((*store)->state()), entries) << what;
      EXPECT_THAT(what, ::testing::HasSubstr("manifest")) << what;
    } else {
      EXPECT_TRUE(status.Is(kDamagedStoreError)) << what << ": " << status.ToString();
      EXPECT_EQ(status.code(), Code::kCorruption) << what;
    }
    fs::remove_all(folder());
    fs::copy(whole, folder());
  };
  for (const std::string& name : names) {
    const fs::path path = folder() + "/" + name;
    const std::string bytes = BytesOfFile(path);
    for (int i = 0; i < 200; ++i) {
      std::string flipped = bytes;
      const std::size_t at = random.Below(flipped.size());
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << random.Below(8)));
      PutFile(path, flipped);
      expect_damage(fmt::format("{} flipped at {}", name, at));
    }
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, bytes.size() / 2, bytes.size() - 1}) {
      PutFile(path, bytes.substr(0, size));
      expect_damage(fmt::format("{} cut to {}", name, size));
    }
    fs::remove(path);
    expect_damage(name + " is missing");
  }
  EXPECT_GT(stood["first"], 0);
  for (const char* name : {"manifest.0", "manifest.1"}) PutFile(folder() + "/" + name, "no");
  expect_damage("both manifests are gone");
}

TEST_F(RunStoreTest, ADamagedBlockIsFoundByALookUpAndByAMerge) {
  auto store = Open();
  Put(*store, 0, 300, "some value that fills blocks");
  const fs::path path = folder() + "/1.run";
  std::string bytes = BytesOfFile(path);
  bytes[100] = static_cast<char>(bytes[100] ^ 1);
  PutFile(path, bytes);
  std::vector<Hash128> keys;
  for (std::uint64_t i = 0; i < 300; ++i) keys.push_back(KeyOf(*store, i));
  EXPECT_TRUE(store->Find(keys, [](std::size_t, std::string_view) { return Status::Ok(); })
                  .Is(kDamagedStoreError));
  Put(*store, 300, 10, "x");
  Put(*store, 400, 10, "x");
  RunBatch batch;
  batch.Put(KeyOf(*store, 999), "x");
  EXPECT_TRUE(store->Commit(batch, "").Is(kDamagedStoreError));
}

// The states that a process leaves which ends between two writes.
TEST_F(RunStoreTest, AfterADeathItStandsAtACommit) {
  {
    auto store = Open();
    Put(*store, 0, 10, "one", "first");
  }
  {
    auto store = Open();
    Put(*store, 0, 10, "two", "second");
  }
  // The run was written, and the manifest in part.
  const std::string second = BytesOfFile(folder() + "/2.run");
  PutFile(folder() + "/manifest.1", BytesOfFile(folder() + "/manifest.1").substr(0, 20));
  {
    auto store = Open();
    ASSERT_EQ(store->state(), "first");
    EXPECT_EQ(Get(*store, 3), "one");
    EXPECT_EQ(Files().count("2.run"), 0U);
    Put(*store, 0, 10, "again", "second");
    EXPECT_EQ(Get(*store, 3), "again");
  }
  // A merge was committed, and what it merged was not removed.
  {
    auto store = Open();
    Put(*store, 10, 10, "x");
    Put(*store, 20, 10, "x", "fourth");
  }
  PutFile(folder() + "/2.run", second);
  auto store = Open();
  EXPECT_EQ(store->state(), "fourth");
  EXPECT_EQ(Get(*store, 3), "again");
  EXPECT_EQ(Files().size(), 3U);
}

TEST_F(RunStoreTest, AReaderChangesNothingAndAnAbsentStoreIsEmpty) {
  auto reader = Open(/*read_only=*/true);
  EXPECT_TRUE(reader->empty());
  EXPECT_FALSE(fs::exists(folder()));
  {
    Put(*Open(), 0, 10, "one");
  }
  reader = Open(/*read_only=*/true);
  EXPECT_EQ(Get(*reader, 3), "one");
  EXPECT_EQ(reader->Commit(RunBatch(), "other").error_code(), "WH7029");
  EXPECT_EQ(reader->Clear("").code(), Code::kPermissionDenied);
}

TEST_F(RunStoreTest, SecretsDifferBetweenStoresAndStayWithThem) {
  auto store = Open();
  const Hash128 key = KeyOf(*store, 1);
  EXPECT_EQ(KeyOf(*Open(), 1), key);
  EXPECT_NE(KeyOf(*RunStore::Open(scratch_ / "other", false).value(), 1), key);
}

TEST_F(RunStoreTest, StoresOfOneFolderAreSharedAndThoseOfDroppedTablesGo) {
  RunStores stores(scratch_ / "all");
  ASSERT_OK_AND(const auto a, stores.Open("processed.a"));
  ASSERT_OK_AND(const auto again, stores.Open("processed.a"));
  EXPECT_EQ(a, again);
  ASSERT_OK(stores.Open("processed.B/..").status());
  ASSERT_OK(stores.Open("..").status());
  ASSERT_OK(stores.KeepOnly({"processed.a", "processed.c"}));
  std::set<std::string> left;
  for (const auto& entry : fs::directory_iterator(scratch_ / "all"))
    left.insert(entry.path().filename().string());
  EXPECT_THAT(left, ::testing::ElementsAre("processed.a"));
  EXPECT_TRUE(fs::exists(scratch_ / "all"));
}
}  // namespace
}  // namespace weirhouse::platform

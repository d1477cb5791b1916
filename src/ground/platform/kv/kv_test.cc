#include "ground/platform/kv/kv.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "ground/base/random.h"
#include "ground/platform/kv/kv_damage.h"
#include "testing/testing.h"

namespace weirhouse::platform {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using weirhouse::testing::ScratchFolder;
using weirhouse::testing::WriteFile;

std::vector<std::string> KeysIn(KvStore& store, std::string_view begin, std::string_view end,
                                std::size_t limit = 1000) {
  std::vector<std::string> keys;
  EXPECT_OK(store.Scan(begin, end, [&](std::string_view key, std::string_view) {
    keys.emplace_back(key);
    return keys.size() < limit;
  }));
  return keys;
}

class KeyValue : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND(store_, KvStore::Open(folder_, {})); }
  void Put(const std::string& key, const std::string& value) {
    auto batch = store_->NewBatch();
    batch->Put(key, value);
    ASSERT_OK(store_->Write(*batch, false));
  }
  ScratchFolder scratch_;
  std::string folder_ = scratch_ / "deep/online";
  std::unique_ptr<KvStore> store_;
};

TEST_F(KeyValue, AStateStaysWhatItWas) {
  Put("a", "1");
  Put("b", "1");
  const std::unique_ptr<KvState> before = store_->Look();
  auto batch = store_->NewBatch();
  batch->Put("a", "2");
  batch->DeleteRange("b", "c");
  batch->Put("c", "2");
  ASSERT_OK(store_->Write(*batch, false));
  ASSERT_OK(store_->Flush());
  ASSERT_OK_AND(const auto value, before->Get("a"));
  EXPECT_THAT(value, Optional(std::string("1")));
  std::vector<std::string> seen;
  ASSERT_OK(before->Scan("a", "z", [&](std::string_view key, std::string_view held) {
    seen.push_back(std::string(key) + "=" + std::string(held));
    return true;
  }));
  EXPECT_THAT(seen, ElementsAre("a=1", "b=1"));
  EXPECT_THAT(KeysIn(*store_, "a", "z"), ElementsAre("a", "c"));
}

TEST_F(KeyValue, GetsWhatWasPut) {
  const std::string key("k\0\xFF", 3);
  Put(key, std::string("v\0", 2));
  Put("empty", "");
  ASSERT_OK_AND(const auto value, store_->Get(key));
  EXPECT_THAT(value, Optional(std::string("v\0", 2)));
  ASSERT_OK_AND(const auto absent, store_->Get("absent"));
  EXPECT_FALSE(absent.has_value());
  ASSERT_OK_AND(const auto several, store_->MultiGet({"absent", key, "empty", key}));
  ASSERT_EQ(several.size(), 4U);
  EXPECT_FALSE(several[0].has_value());
  EXPECT_EQ(several[1], several[3]);
  EXPECT_THAT(several[2], Optional(std::string()));
  ASSERT_OK_AND(const auto none, store_->MultiGet({}));
  EXPECT_THAT(none, IsEmpty());
}

TEST_F(KeyValue, AppliesABatchInItsOrder) {
  Put("a", "1");
  Put("b", "1");
  Put("c", "1");
  auto batch = store_->NewBatch();
  batch->Put("a", "2");
  batch->DeleteRange("a", "c");
  batch->Put("b", "3");
  batch->Delete("c");
  batch->DeleteRange("z", "a");  // an empty range
  EXPECT_EQ(batch->count(), 4);
  ASSERT_OK(store_->Write(*batch, true));
  EXPECT_THAT(KeysIn(*store_, "", "zz"), ElementsAre("b"));
}

TEST_F(KeyValue, ScansARangeInByteOrder) {
  for (const char* key : {"b", "a\xFF", "a", "c", "ab"}) Put(key, "x");
  EXPECT_THAT(KeysIn(*store_, "a", "b"), ElementsAre("a", "ab", "a\xFF"));
  EXPECT_THAT(KeysIn(*store_, "aa", "zz", 2), ElementsAre("ab", "a\xFF"));
  EXPECT_THAT(KeysIn(*store_, "x", "z"), IsEmpty());
}

TEST_F(KeyValue, ClearsEverything) {
  for (int i = 0; i < 1000; ++i) Put("key" + std::to_string(i), "x");
  Put("\xFF\xFF\xFF\xFF", "the last key");
  ASSERT_OK(store_->Clear());
  EXPECT_THAT(KeysIn(*store_, "", "\xFF\xFF\xFF\xFF\xFF"), IsEmpty());
  ASSERT_OK(store_->Clear());
  Put("again", "x");
  EXPECT_THAT(KeysIn(*store_, "", "z"), ElementsAre("again"));
}

TEST_F(KeyValue, KeepsItsKeysWhenReopened) {
  Put("a", "1");
  store_.reset();
  ASSERT_OK_AND(store_, KvStore::Open(folder_, {}));
  EXPECT_THAT(KeysIn(*store_, "", "z"), ElementsAre("a"));
}

TEST_F(KeyValue, CanBeReadWhileAnotherWritesUpToItsLastFlush) {
  Put("a", "1");
  ASSERT_OK(store_->Flush());
  Put("unflushed", "1");
  ASSERT_OK_AND(auto reader, KvStore::Open(folder_, {.read_only = true}));
  EXPECT_THAT(KeysIn(*reader, "", "z"), ElementsAre("a"));
  auto batch = reader->NewBatch();
  batch->Put("b", "2");
  const Status refused = reader->Write(*batch, false);
  EXPECT_EQ(refused.code(), Code::kPermissionDenied);
  EXPECT_EQ(refused.error_code(), "WH7029");
  EXPECT_EQ(refused.message(),
            "could not write to the key-value store: it was opened for reading: " + folder_);
}

// What this process has written so far, whichever thread.
std::int64_t BytesWritten() {
  std::ifstream io("/proc/self/io");
  std::string name;
  std::int64_t value = 0;
  while (io >> name >> value) {
    if (name == "wchar:") return value;
  }
  return 0;
}

TEST_F(KeyValue, ASmallBatchDoesNotWriteTheWholeStoreAgain) {
  SeededRandom random(11);
  const auto put = [&](int count) {
    auto batch = store_->NewBatch();
    for (int i = 0; i < count; ++i) {
      std::string key(16, '\0');
      for (char& c : key) c = static_cast<char>(random.Next() >> 56);
      std::string value(160, '\0');
      for (char& c : value) c = static_cast<char>(random.Next() >> 56);
      batch->Put(key, value);
    }
    ASSERT_OK(store_->Write(*batch, false));
  };
  constexpr int kStoreMb = 48;
  for (int i = 0; i < kStoreMb; ++i) put((1 << 20) / 176);
  ASSERT_OK(store_->Flush());
  store_.reset();  // what is left of compactions belongs to filling it
  ASSERT_OK_AND(store_, KvStore::Open(folder_, {}));
  constexpr int kBatches = 64;
  const std::int64_t before = BytesWritten();
  for (int i = 0; i < kBatches; ++i) {
    put(100);
    ASSERT_OK(store_->Flush());
  }
  store_.reset();
  // The store once in 12 batches is less than a twelfth of it in each.
  const std::int64_t per_batch = (BytesWritten() - before) / kBatches;
  EXPECT_LT(per_batch, (kStoreMb << 20) / 16);
  ASSERT_OK_AND(store_, KvStore::Open(folder_, {}));
}

TEST_F(KeyValue, RefusesASecondWriter) {
  EXPECT_EQ(KvStore::Open(folder_, {}).status().code(), Code::kUnavailable);
}

TEST_F(KeyValue, RefusesToReadWhatIsNotThere) {
  const Status absent = KvStore::Open(scratch_ / "absent", {.read_only = true}).status();
  EXPECT_EQ(absent.code(), Code::kNotFound);
  EXPECT_EQ(absent.error_code(), "WH7028");
  EXPECT_EQ(absent.message(), "key-value store does not exist: " + scratch_ / "absent");
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "absent"));
}

TEST_F(KeyValue, RefusesASecondWriterWithoutCallingItDamage) {
  EXPECT_EQ(KvStore::Open(folder_, {}).status().error_code(), "WH7026");
}

constexpr std::size_t kFlipsEach = 6;

// What every file of a store may have become.
class DamagedStore : public KeyValue {
 protected:
  void SetUp() override {
    KeyValue::SetUp();
    for (int i = 0; i < 2000; ++i) {
      const std::string key = "key" + std::to_string(i);
      Put(key, key + std::string(100, static_cast<char>('a' + i % 26)));
      if (i % 500 == 499) {
        ASSERT_OK(store_->Flush());
      }
    }
    ASSERT_OK_AND(whole_, All(*store_));
    store_.reset();
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      files_[entry.path().filename().string()] = weirhouse::testing::ReadFile(entry.path());
  }
  static Result<std::vector<std::string>> All(KvStore& store) {
    std::vector<std::string> pairs;
    const auto keep = [&](std::string_view key, std::string_view value) {
      pairs.push_back(std::string(key) + "=" + std::string(value));
      return true;
    };
    WEIRHOUSE_TRY_STATUS(store.Scan("", "z", keep));
    std::sort(pairs.begin(), pairs.end());
    return pairs;
  }
  void Restore() {
    ASSERT_OK(RemoveKvStore(folder_));
    std::filesystem::create_directories(folder_);
    for (const auto& [name, bytes] : files_) WriteFile(folder_ + "/" + name, bytes);
  }
  // The store is as it was, or as it was at an earlier moment, or says that it is damaged.
  void ExpectToldOrWhole(bool read_only, const std::string& what) {
    auto store = KvStore::Open(folder_, {.read_only = read_only});
    Status status = store.status();
    if (store.ok()) {
      const auto pairs = All(**store);
      status = pairs.status();
      if (pairs.ok()) {
        EXPECT_TRUE(std::includes(whole_.begin(), whole_.end(), pairs->begin(), pairs->end()))
            << what;
        EXPECT_TRUE(read_only || (*store)->Flush().ok()) << what;
      }
    }
    EXPECT_TRUE(status.ok() || status.Is(kDamagedStoreError) ||
                (read_only && status.code() == Code::kNotFound))
        << what << ": " << status.ToString();
  }
  void Judge(const std::string& what) {
    ExpectToldOrWhole(/*read_only=*/true, what);
    ExpectToldOrWhole(/*read_only=*/false, what);
    ASSERT_OK(RemoveKvStore(folder_));
    ASSERT_OK_AND(const auto anew, KvStore::Open(folder_, {}));
    ASSERT_OK_AND(const auto pairs, All(*anew));
    EXPECT_THAT(pairs, IsEmpty()) << what;
  }
  std::vector<std::string> whole_;
  std::map<std::string, std::string> files_;
};

TEST_F(DamagedStore, NamesTheFileThatIsGoneAndSaysThatNothingIsLost) {
  std::filesystem::remove(folder_ + "/CURRENT");
  const Status status = KvStore::Open(folder_, {}).status();
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_EQ(status.error_code(), "WH7027");
  EXPECT_EQ(status.message(), "the key-value store has lost its file CURRENT: " + folder_);
  EXPECT_THAT(status.hint(), HasSubstr("only a cache; the next writing command rebuilds it"));
}

TEST_F(DamagedStore, IsToldWhateverFileIsRemovedEmptiedOrCutShort) {
  for (const auto& [name, bytes] : files_) {
    for (const std::size_t left : {std::size_t{0}, bytes.size() / 2, bytes.size() - 1}) {
      if (bytes.empty()) continue;
      Restore();
      WriteFile(folder_ + "/" + name, bytes.substr(0, left));
      Judge(name + " cut to " + std::to_string(left));
    }
    Restore();
    std::filesystem::remove(folder_ + "/" + name);
    Judge(name + " removed");
  }
}

// Fills a store where no file may grow beyond `limit`, and closes it.
[[noreturn]] void FillUnderALimit(const std::string& folder, rlim_t limit) {
  signal(SIGXFSZ, SIG_IGN);
  const rlimit bound{limit, limit};
  if (setrlimit(RLIMIT_FSIZE, &bound) != 0) _exit(9);
  Status failed;
  {
    auto store = KvStore::Open(folder, {});
    failed = store.status();
    SeededRandom random(5);
    for (int i = 0; store.ok() && i < 40; ++i) {
      auto batch = (*store)->NewBatch();
      for (int k = 0; k < 200; ++k)
        batch->Put(std::to_string(random.Next()), std::to_string(random.Next()));
      for (const Status& status : {(*store)->Write(*batch, i % 3 == 0), (*store)->Flush()}) {
        if (!status.ok()) failed = status;
      }
    }
  }
  _exit(failed.code() == Code::kUnavailable ? 0 : 1);
}

TEST(KeyValueDeathTest, ADiskThatTakesNoMoreIsAnErrorAndEndsNoProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const ScratchFolder scratch;
  for (const rlim_t limit : std::initializer_list<rlim_t>{10, 100, 1000, 4000, 20000})
    EXPECT_EXIT(FillUnderALimit(scratch / std::to_string(limit), limit),
                ::testing::ExitedWithCode(0), "")
        << limit;
}

TEST_F(DamagedStore, IsToldWhateverBitIsFlipped) {
  SeededRandom random(11);
  for (const auto& [name, bytes] : files_) {
    for (std::size_t i = 0; i < std::min<std::size_t>(bytes.size(), kFlipsEach); ++i) {
      std::string flipped = bytes;
      const std::size_t at = random.Below(bytes.size());
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << random.Below(8)));
      Restore();
      WriteFile(folder_ + "/" + name, flipped);
      Judge(name + " flipped at " + std::to_string(at));
    }
  }
}
}  // namespace
}  // namespace weirhouse::platform

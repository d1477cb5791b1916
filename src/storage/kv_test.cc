#include "storage/kv.h"

#include "testing/testing.h"

namespace weirhouse::storage {
namespace {
using ::testing::ElementsAre;
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
  batch->DeleteRange("z", "a");  // nothing lies in it
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
  EXPECT_EQ(reader->Write(*batch, false).code(), Code::kPermissionDenied);
}

TEST_F(KeyValue, RefusesASecondWriter) {
  EXPECT_EQ(KvStore::Open(folder_, {}).status().code(), Code::kUnavailable);
}

TEST_F(KeyValue, RefusesToReadWhatIsNotThere) {
  EXPECT_EQ(KvStore::Open(scratch_ / "absent", {.read_only = true}).status().code(),
            Code::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "absent"));
}

TEST_F(KeyValue, FindsADamagedStore) {
  Put("a", "1");
  store_.reset();
  WriteFile(folder_ + "/CURRENT", "no manifest\n");
  EXPECT_EQ(KvStore::Open(folder_, {}).status().code(), Code::kCorruption);
}
}  // namespace
}  // namespace weirhouse::storage

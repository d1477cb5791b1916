#include "ground/platform/io/store_conformance.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "ground/platform/io/put_together.h"

namespace weirhouse::platform {
namespace {
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr unsigned kSealed = 0444;
constexpr std::int64_t kAllObjects = 1'000'000;

std::vector<std::string> LocationsOf(const ObjectPage& page) {
  std::vector<std::string> locations;
  for (const FileInfo& object : page.objects) locations.push_back(object.path);
  return locations;
}

// A stream that ends in an error after some bytes.
class BrokenStream final : public ByteStream {
 public:
  Result<std::size_t> Read(char* into, std::size_t room) override {
    if (read_) return Status(Code::kUnavailable, "the sender hung up");
    read_ = true;
    std::fill_n(into, std::min<std::size_t>(room, 3), 'x');
    return std::min<std::size_t>(room, 3);
  }

 private:
  bool read_ = false;
};

Result<std::string> AllOf(ByteStream& stream) {
  std::string bytes;
  std::string piece(7, '\0');
  while (true) {
    WEIRHOUSE_TRY(const std::size_t got, stream.Read(piece.data(), piece.size()));
    if (got == 0) return bytes;
    bytes.append(piece, 0, got);
  }
}

TEST_P(StoreConformance, GivesBackWhatWasWritten) {
  const std::string bytes = std::string("x\0y", 3) + std::string(300'000, 'z');
  ASSERT_OK(store().Write(At("a/b/c"), bytes));
  ASSERT_OK(store().Flush(std::vector<std::string>{At("a/b/c"), At("a/b/c")}));
  EXPECT_EQ(store().Read(At("a/b/c")).value(), bytes);
  EXPECT_EQ(store().ReadRange(At("a/b/c"), 1, 3).value(), std::string("\0yz", 3));
  const FileInfo info = store().Stat(At("a/b/c")).value();
  EXPECT_EQ(info.size_bytes, static_cast<std::int64_t>(bytes.size()));
  EXPECT_FALSE(info.is_folder);
  EXPECT_GT(info.mtime_us, 1'500'000'000'000'000);
  EXPECT_EQ(HashObject(store(), At("a/b/c")).value(), Sha256Of(bytes));
}

TEST_P(StoreConformance, HoldsAnEmptyObject) {
  ASSERT_OK(store().Write(At("empty"), ""));
  EXPECT_EQ(store().Read(At("empty")).value(), "");
  EXPECT_EQ(store().ReadRange(At("empty"), 0, 0).value(), "");
  EXPECT_EQ(store().Stat(At("empty")).value().size_bytes, 0);
}

TEST_P(StoreConformance, NeverWritesOverAnObject) {
  ASSERT_OK(store().Write(At("f"), "first"));
  const Status second = store().Write(At("f"), "second");
  EXPECT_EQ(second.code(), Code::kConflict);
  EXPECT_EQ(second.error_code(), "WH7014");
  EXPECT_THAT(second.message(), HasSubstr("/f"));
  EXPECT_EQ(store().Read(At("f")).value(), "first");
}

TEST_P(StoreConformance, FlushesManyAtOnceAndNothing) {
  std::vector<std::string> locations;
  for (int i = 0; i < 30; ++i) {
    locations.push_back(At("d" + std::to_string(i % 7) + "/f" + std::to_string(i)));
    ASSERT_OK(store().Write(locations.back(), "x"));
  }
  EXPECT_OK(store().Flush(locations));
  EXPECT_OK(store().Flush({}));
}

TEST_P(StoreConformance, PutsOnce) {
  EXPECT_TRUE(store().PutIfAbsent(At("d/f"), "one", kSealed).value());
  EXPECT_FALSE(store().PutIfAbsent(At("d/f"), "two", kSealed).value());
  StreamOfBytes stream("three");
  EXPECT_FALSE(store().PutStreamIfAbsent(At("d/f"), stream, kSealed).value());
  EXPECT_EQ(store().Read(At("d/f")).value(), "one");
}

TEST_P(StoreConformance, PutsAStreamWholeOrNotAtAll) {
  const std::string bytes(700'001, 'q');
  StreamOfBytes stream(bytes);
  EXPECT_TRUE(store().PutStreamIfAbsent(At("whole"), stream, kSealed).value());
  EXPECT_EQ(store().Read(At("whole")).value(), bytes);
  BrokenStream broken;
  const auto put = store().PutStreamIfAbsent(At("broken"), broken, kSealed);
  EXPECT_THAT(put.status().message(), HasSubstr("hung up"));
  EXPECT_EQ(store().Stat(At("broken")).status().code(), Code::kNotFound);
  EXPECT_THAT(LocationsOf(store().List(At(""), "", kAllObjects).value()),
              ElementsAre(Spelled("whole")));
}

TEST_P(StoreConformance, PutsManyTogetherAndTheFirstOfALocationStays) {
  const auto with = [this](const std::string& key, const std::string& bytes) {
    return NewObject{At(key), [bytes]() -> Result<std::unique_ptr<ByteStream>> {
                       struct Own final : ByteStream {
                         explicit Own(std::string held) : bytes(std::move(held)), left(bytes) {}
                         Result<std::size_t> Read(char* into, std::size_t room) override {
                           return left.Read(into, room);
                         }
                         std::string bytes;
                         StreamOfBytes left;
                       };
                       return std::unique_ptr<ByteStream>(std::make_unique<Own>(bytes));
                     }};
  };
  EXPECT_TRUE(store().PutIfAbsent(At("d/there"), "old", kSealed).value());
  // Few of them, and so many that a disk flushes them at once.
  for (const int count : {3, 200}) {
    const std::string folder = "many" + std::to_string(count) + "/";
    std::vector<NewObject> objects = {with("d/there", "new")};
    for (int i = 0; i < count; ++i)
      objects.push_back(with(folder + std::to_string(i), "bytes of " + std::to_string(i)));
    objects.push_back(with(folder + "1", "others"));
    const std::vector<bool> created = PutAllIfAbsent(store(), objects, kSealed).value();
    ASSERT_EQ(created.size(), objects.size());
    for (std::size_t i = 0; i < created.size(); ++i)
      EXPECT_EQ(created[i], i > 0 && i + 1 < created.size()) << i;
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(store().Read(At(folder + std::to_string(i))).value(),
                "bytes of " + std::to_string(i));
    }
    EXPECT_EQ(LocationsOf(store().List(At(folder), "", kAllObjects).value()).size(),
              static_cast<std::size_t>(count));
  }
  EXPECT_EQ(store().Read(At("d/there")).value(), "old");
  EXPECT_TRUE(PutAllIfAbsent(store(), {}, kSealed).value().empty());
}

TEST_P(StoreConformance, OfManyPutsThatFailNoneIsThereByHalf) {
  std::vector<NewObject> objects;
  for (int i = 0; i < 100; ++i) {
    objects.push_back(
        {At("some/" + std::to_string(i)), [i]() -> Result<std::unique_ptr<ByteStream>> {
           if (i == 70) return std::unique_ptr<ByteStream>(new BrokenStream);
           return std::unique_ptr<ByteStream>(new StreamOfBytes("whole"));
         }});
  }
  const auto put = PutAllIfAbsent(store(), objects, kSealed);
  EXPECT_THAT(put.status().message(), HasSubstr("hung up"));
  for (const std::string& there : LocationsOf(store().List(At(""), "", kAllObjects).value()))
    EXPECT_EQ(store().Read(there).value(), "whole") << there;
  EXPECT_EQ(store().Stat(At("some/70")).status().code(), Code::kNotFound);
}

TEST_P(StoreConformance, LetsExactlyOneOfRacingPutsWin) {
  for (int round = 0; round < 10; ++round) {
    const std::string location = At("race/" + std::to_string(round));
    std::atomic<int> ready{0};
    std::atomic<int> won{0};
    std::atomic<int> failed{0};
    std::atomic<char> winner{0};
    std::vector<std::jthread> threads;
    for (const char letter : {'a', 'b', 'c', 'd'}) {
      threads.emplace_back([&, letter] {
        ++ready;
        while (ready < 4) std::this_thread::yield();
        const auto put = store().PutIfAbsent(location, std::string(5000, letter), kSealed);
        if (!put.ok()) {
          ++failed;
        } else if (*put) {
          ++won;
          winner = letter;
        }
      });
    }
    threads.clear();
    ASSERT_EQ(won, 1);
    ASSERT_EQ(failed, 0);
    EXPECT_EQ(store().Read(location).value(), std::string(5000, winner.load()));
  }
}

TEST_P(StoreConformance, ReplacesWhole) {
  ASSERT_OK(store().Replace(At("d/f"), "one"));
  ASSERT_OK(store().Replace(At("d/f"), "two"));
  EXPECT_EQ(store().Read(At("d/f")).value(), "two");
  StreamOfBytes stream("three");
  ASSERT_OK(store().ReplaceByStream(At("d/f"), stream, kSealed));
  EXPECT_EQ(store().Read(At("d/f")).value(), "three");
  BrokenStream broken;
  EXPECT_FALSE(store().ReplaceByStream(At("d/f"), broken, kSealed).ok());
  EXPECT_EQ(store().Read(At("d/f")).value(), "three");
  EXPECT_THAT(LocationsOf(store().List(At(""), "", kAllObjects).value()),
              ElementsAre(Spelled("d/f")));
}

TEST_P(StoreConformance, RefusesRangesBeyondTheEnd) {
  ASSERT_OK(store().Write(At("f"), "abc"));
  for (const auto& [offset, size] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {0, 4}, {4, 0}, {-1, 1}, {0, -1}, {1, INT64_MAX}, {INT64_MAX, INT64_MAX}}) {
    const Status status = store().ReadRange(At("f"), offset, size).status();
    EXPECT_EQ(status.code(), Code::kCorruption) << offset << " " << size;
    EXPECT_EQ(status.error_code(), "WH7017") << offset << " " << size;
    EXPECT_THAT(status.message(), HasSubstr("/f"));
  }
  EXPECT_EQ(store().ReadRange(At("f"), 3, 0).value(), "");
}

TEST_P(StoreConformance, StreamsARange) {
  std::string bytes;
  for (int i = 0; i < 400'000; ++i) bytes += static_cast<char>('a' + i % 26);
  ASSERT_OK(store().Write(At("f"), bytes));
  const auto whole = store().Open(At("f"), 0, static_cast<std::int64_t>(bytes.size()));
  EXPECT_EQ(AllOf(**whole).value(), bytes);
  const auto part = store().Open(At("f"), 30, 100);
  EXPECT_EQ(AllOf(**part).value(), bytes.substr(30, 100));
  const auto none = store().Open(At("f"), 30, 0);
  EXPECT_EQ(AllOf(**none).value(), "");
  auto beyond = store().Open(At("f"), 399'999, 2);
  const Status status = beyond.ok() ? AllOf(**beyond).status() : beyond.status();
  EXPECT_EQ(status.error_code(), "WH7017");
}

TEST_P(StoreConformance, NamesTheLocationOfWhatIsAbsent) {
  for (const Status& status :
       {store().Read(At("absent")).status(), store().ReadRange(At("absent"), 0, 1).status(),
        store().Stat(At("absent")).status()}) {
    EXPECT_EQ(status.code(), Code::kNotFound);
    EXPECT_EQ(status.error_code(), "WH7012");
    EXPECT_THAT(status.message(), HasSubstr("/absent"));
  }
}

TEST_P(StoreConformance, DeletesWhatIsThereAndForgivesWhatIsNot) {
  ASSERT_OK(store().Write(At("d/f"), "x"));
  EXPECT_OK(store().Delete(At("d/f")));
  EXPECT_OK(store().Delete(At("d/f")));
  EXPECT_OK(store().Delete(At("never/was")));
  EXPECT_EQ(store().Stat(At("d/f")).status().code(), Code::kNotFound);
  ASSERT_OK(store().Write(At("d/f"), "again"));  // the location is free
  EXPECT_EQ(store().Read(At("d/f")).value(), "again");
}

TEST_P(StoreConformance, TakesAPlaceThatWasMade) {
  ASSERT_OK(store().MakeFolder(At("table/data")));
  ASSERT_OK(store().MakeFolder(At("table/data")));
  EXPECT_THAT(store().List(At("table/"), "", kAllObjects).value().objects, IsEmpty());
  ASSERT_OK(store().Write(At("table/data/f"), "x"));
}

// Slashes are bytes among others: "a.b" comes before "a/b", "a0" after it.
TEST_P(StoreConformance, ListsByPrefixInTheOrderOfBytes) {
  std::vector<std::string> keys = {
      "a",  "a-",       "a.b",     "a/b", "a/b/c.x", "a/b.x", "a/ü",  "a/\xF0\x9F\x8C\x8A",
      "a0", "a b/c'\"", "b/x/y/z", "B",   "a/z/1",   "a/z.0", "ab/c", "a/%41"};
  keys.erase(keys.begin());  // on a disk "a" cannot be both an object and a prefix of others
  std::erase(keys, "a/b");   // nor "a/b"
  for (const std::string& key : keys) ASSERT_OK(store().Write(At(key), key));
  const auto listed = [&](const std::string& prefix, const std::string& after, std::int64_t limit) {
    return LocationsOf(store().List(At(prefix), after.empty() ? "" : At(after), limit).value());
  };
  const auto expected = [&](const std::string& prefix, const std::string& after) {
    std::vector<std::string> locations;
    for (const std::string& key : keys) {
      if (key.starts_with(prefix) && key > after) locations.push_back(Spelled(key));
    }
    std::sort(locations.begin(), locations.end());
    return locations;
  };
  for (const std::string prefix :
       {"", "a", "a/", "a/b", "a/b/", "a/z", "b/x/y/z", "c", "B", "a "}) {
    EXPECT_THAT(listed(prefix, "", kAllObjects), ElementsAreArray(expected(prefix, ""))) << prefix;
    for (const std::string& after : keys) {
      EXPECT_THAT(listed(prefix, after, kAllObjects), ElementsAreArray(expected(prefix, after)))
          << prefix << " after " << after;
    }
  }
  EXPECT_EQ(store().List(At("a/ü"), "", 1).value().objects.at(0).size_bytes, 4);
}

TEST_P(StoreConformance, ListsInPages) {
  constexpr int kObjects = 257;
  std::vector<std::string> wanted;
  for (int i = 0; i < kObjects; ++i) {
    const std::string key = "p" + std::to_string(i % 5) + "/k" + std::to_string(i);
    ASSERT_OK(store().Write(At(key), ""));
    wanted.push_back(Spelled(key));
  }
  std::sort(wanted.begin(), wanted.end());
  for (const std::int64_t limit : {1, 100, 256, 257, 258}) {
    std::vector<std::string> found;
    std::string after;
    for (bool more = true; more;) {
      const ObjectPage page = store().List(At("p"), after, limit).value();
      ASSERT_LE(static_cast<std::int64_t>(page.objects.size()), limit);
      for (const FileInfo& object : page.objects) found.push_back(object.path);
      more = page.more;
      if (more) after = page.objects.back().path;
    }
    ASSERT_THAT(found, ElementsAreArray(wanted)) << limit;
  }
}

TEST_P(StoreConformance, ListsNothingWhereNothingIs) {
  const ObjectPage none = store().List(At("nowhere/at/all"), "", 10).value();
  EXPECT_THAT(none.objects, IsEmpty());
  EXPECT_FALSE(none.more);
  ASSERT_OK(store().Write(At("d/f"), ""));
  ASSERT_OK(store().Delete(At("d/f")));
  EXPECT_THAT(store().List(At(""), "", 10).value().objects, IsEmpty());
}

TEST_P(StoreConformance, SpellsALocationInOneWay) {
  const std::string spelled = Spelled("d/f");
  EXPECT_EQ(store().Spelling(At("d//f")), spelled);
  EXPECT_EQ(store().Spelling(At("./d/x/../f")), spelled);
  EXPECT_EQ(store().Spelling(spelled), spelled);
  ASSERT_OK(store().Write(At("d/f"), "x"));
  EXPECT_EQ(store().Read(spelled).value(), "x");
}
}  // namespace
}  // namespace weirhouse::platform

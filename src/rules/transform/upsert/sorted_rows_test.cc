// Rows sorted by the beginning of their keys, against keys compared whole.
#include <algorithm>
#include <numeric>
#include <string>
#include <tuple>

#include "ground/base/random.h"
#include "ground/iceberg/type/key_encoding.h"
#include "rules/transform/upsert/upsert_steps.h"
#include "testing/testing.h"

namespace weirhouse::transform {
namespace {
// Keys that share beginnings, end within a prefix or beyond it, and hold zeros.
std::string HostileKey(Random& random) {
  std::string key(random.Below(3) * 8, random.Below(2) == 0 ? '\0' : 'k');
  for (std::uint64_t i = random.Below(6); i > 0; --i) key.push_back("\0\x01\xff"[random.Below(3)]);
  return key;
}

TEST(KeyPrefix, OrdersAsWholeKeysDo) {
  SeededRandom random(5);
  for (int round = 0; round < 100'000; ++round) {
    const std::string a = HostileKey(random);
    const std::string b = HostileKey(random);
    const auto prefixes = iceberg::PrefixOf(a) <=> iceberg::PrefixOf(b);
    if (prefixes != 0) {
      ASSERT_EQ(prefixes < 0, a < b);
    }
  }
}

TEST(SortedRows, AreThoseOfAComparisonOfAllThatIsKnown) {
  SeededRandom random(6);
  for (int round = 0; round < 200; ++round) {
    RowFacts facts;
    std::vector<std::string> keys;
    std::vector<std::string> orders;
    const std::size_t count = 1 + random.Below(200);
    for (std::size_t i = 0; i < count; ++i) {
      keys.push_back(HostileKey(random));
      orders.push_back(std::string(1, static_cast<char>('a' + random.Below(3))));
      facts.contents.push_back(Sha256Of(std::to_string(random.Below(4))));
      facts.records.push_back(static_cast<std::int64_t>(random.Below(50)));
    }
    facts.keys = iceberg::KeyList::Of(keys);
    facts.orders = iceberg::KeyList::Of(orders);
    for (const bool by_arrival : {false, true}) {
      std::vector<std::int64_t> expected(count);
      std::iota(expected.begin(), expected.end(), 0);
      const auto place = [&](std::int64_t row) {
        const auto i = static_cast<std::size_t>(row);
        const std::string_view order = by_arrival ? "" : facts.orders[i];
        const Digest content = by_arrival ? Digest() : facts.contents[i];
        return std::tuple(facts.keys[i], order, content, facts.records[i], facts.contents[i], row);
      };
      std::sort(expected.begin(), expected.end(),
                [&](std::int64_t a, std::int64_t b) { return place(a) < place(b); });
      EXPECT_EQ(SortedRows(facts, {}, by_arrival), expected);
      const RowFacts in_order = FactsAt(facts, expected);
      EXPECT_TRUE(std::is_sorted(in_order.keys.begin(), in_order.keys.end()));
    }
  }
}
}  // namespace
}  // namespace weirhouse::transform

#include "rules/transform/upsert/upsert_steps.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "ground/base/failpoint.h"
#include "ground/iceberg/type/key_encoding.h"

namespace weirhouse::transform {
std::vector<RejectedRow> NullKeys(const arrow::Table& rows,
                                  const std::vector<std::string>& key_columns,
                                  const std::vector<std::int64_t>& records) {
  std::vector<RejectedRow> rejected;
  for (const std::string& name : key_columns) {
    const auto column = rows.GetColumnByName(name);
    if (column->null_count() == 0) continue;
    std::int64_t row = 0;
    for (const auto& chunk : column->chunks()) {
      for (std::int64_t i = 0; i < chunk->length(); ++i, ++row) {
        if (!chunk->IsNull(i)) continue;
        const RecordId record(records[static_cast<std::size_t>(row)]);
        rejected.push_back({record, row, name});
      }
    }
  }
  std::sort(rejected.begin(), rejected.end(), [](const RejectedRow& a, const RejectedRow& b) {
    return std::tie(a.row, a.column) < std::tie(b.row, b.column);
  });
  const auto same_row = [](const RejectedRow& a, const RejectedRow& b) { return a.row == b.row; };
  rejected.erase(std::unique(rejected.begin(), rejected.end(), same_row), rejected.end());
  return rejected;
}

std::vector<std::int64_t> SortedRows(const RowFacts& facts,
                                     const std::vector<RejectedRow>& rejected, bool by_arrival) {
  std::vector<bool> skip(facts.keys.size(), false);
  for (const RejectedRow& row : rejected) skip[static_cast<std::size_t>(row.row)] = true;
  struct Place {
    iceberg::KeyPrefix prefix;
    std::int64_t row = 0;
  };
  std::vector<Place> places;
  places.reserve(facts.keys.size());
  for (std::size_t i = 0; i < facts.keys.size(); ++i) {
    if (!skip[i])
      places.push_back({iceberg::PrefixOf(facts.keys[i]), static_cast<std::int64_t>(i)});
  }
  std::sort(places.begin(), places.end(), [&](const Place& left, const Place& right) {
    if (left.prefix != right.prefix) return left.prefix < right.prefix;
    const auto a = static_cast<std::size_t>(left.row);
    const auto b = static_cast<std::size_t>(right.row);
    if (const int order = facts.keys[a].compare(facts.keys[b]); order != 0) return order < 0;
    if (!by_arrival) {
      if (const int order = facts.orders[a].compare(facts.orders[b]); order != 0) return order < 0;
      if (const auto order = facts.contents[a] <=> facts.contents[b]; order != 0) return order < 0;
    }
    if (facts.records[a] != facts.records[b]) return facts.records[a] < facts.records[b];
    return std::tie(facts.contents[a], a) < std::tie(facts.contents[b], b);
  });
  std::vector<std::int64_t> sorted;
  sorted.reserve(places.size());
  for (const Place& place : places) sorted.push_back(place.row);
  return sorted;
}

RowFacts FactsAt(const RowFacts& facts, std::span<const std::int64_t> rows) {
  RowFacts taken{facts.keys.At(rows), facts.orders.At(rows), {}, {}};
  taken.contents.reserve(rows.size());
  taken.records.reserve(rows.size());
  for (const std::int64_t row : rows) {
    const auto i = static_cast<std::size_t>(row);
    taken.contents.push_back(facts.contents[i]);
    taken.records.push_back(facts.records[i]);
  }
  return taken;
}

Result<KnownRows> LookUp(const RowFacts& facts, bool by_arrival, iceberg::KeyIndex* current,
                         VersionIndex* versions, const SettledKeys& settled) {
  KnownRows known;
  if (current == nullptr || Planted("skip_dedup")) return known;
  std::vector<std::string_view> keys;
  keys.reserve(facts.keys.size());
  for (const std::string_view key : facts.keys) {
    if (keys.empty() || keys.back() != key) keys.push_back(key);
  }
  WEIRHOUSE_TRY(known.current, current->Find(keys));
  for (std::size_t i = 0; !settled.keys.empty() && i < keys.size(); ++i) {
    if (settled.keys.contains(keys[i])) known.current.Remove(i);  // decided as if it were new
  }
  known.versions = versions;
  if (versions == nullptr) return known;
  known.remembers_losers_only = versions->memory() == Memory::kLosers;

  std::vector<Digest> asked;
  std::vector<std::size_t> asked_group;
  std::size_t groups = 0;
  std::size_t key_index = 0;
  for (std::size_t at = 0; at < facts.keys.size(); ++at) {
    const bool new_key = at > 0 && facts.keys[at] != keys[key_index];
    if (new_key) ++key_index;
    const bool same_group =
        at > 0 && !new_key && (by_arrival || facts.orders[at] == facts.orders[at - 1]);
    if (same_group) continue;
    const iceberg::KeyEntry* const entry = known.current[key_index];
    if (entry && (by_arrival || entry->order != facts.orders[at])) {
      const std::string_view order = by_arrival ? std::string_view() : facts.orders[at];
      asked.push_back(VersionGroup(facts.keys[at], order));
      asked_group.push_back(groups);
    }
    ++groups;
  }
  WEIRHOUSE_TRY(auto found, versions->FindBest(asked));
  known.best = iceberg::SparseList<Version>(groups);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (found[i]) known.best.Put(asked_group[i], *std::move(found[i]));
  }
  return known;
}
}  // namespace weirhouse::transform

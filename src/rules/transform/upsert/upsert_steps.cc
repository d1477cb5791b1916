#include "rules/transform/upsert/upsert_steps.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "ground/base/failpoint.h"

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
  std::vector<std::int64_t> sorted;
  sorted.reserve(facts.keys.size());
  for (std::size_t i = 0; i < facts.keys.size(); ++i) {
    if (!skip[i]) sorted.push_back(static_cast<std::int64_t>(i));
  }
  std::sort(sorted.begin(), sorted.end(), [&](std::int64_t left, std::int64_t right) {
    const auto a = static_cast<std::size_t>(left);
    const auto b = static_cast<std::size_t>(right);
    if (const int order = facts.keys[a].compare(facts.keys[b]); order != 0) return order < 0;
    if (!by_arrival) {
      if (const int order = facts.orders[a].compare(facts.orders[b]); order != 0) return order < 0;
      if (const auto order = facts.contents[a] <=> facts.contents[b]; order != 0) return order < 0;
    }
    if (facts.records[a] != facts.records[b]) return facts.records[a] < facts.records[b];
    return std::tie(facts.contents[a], a) < std::tie(facts.contents[b], b);
  });
  return sorted;
}

Result<KnownRows> LookUp(const RowFacts& facts, const std::vector<std::int64_t>& sorted,
                         bool by_arrival, iceberg::KeyIndex* current, VersionIndex* versions,
                         const SettledKeys& settled) {
  KnownRows known;
  if (current == nullptr || Planted("skip_dedup")) return known;
  std::vector<std::string> keys;
  for (std::int64_t row : sorted) {
    const std::string& key = facts.keys[static_cast<std::size_t>(row)];
    if (keys.empty() || keys.back() != key) keys.push_back(key);
  }
  WEIRHOUSE_TRY(known.current, current->Find(keys));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (settled.keys.count(keys[i]) != 0) known.current[i].reset();  // decided as if it were new
  }
  known.versions = versions;
  if (versions == nullptr) return known;
  known.remembers_losers_only = versions->memory() == Memory::kLosers;

  std::vector<Digest> asked;
  std::vector<std::size_t> asked_group;
  std::size_t key_index = 0;
  for (std::size_t at = 0; at < sorted.size(); ++at) {
    const auto row = static_cast<std::size_t>(sorted[at]);
    const auto before = static_cast<std::size_t>(sorted[at == 0 ? 0 : at - 1]);
    const bool new_key = at > 0 && facts.keys[row] != facts.keys[before];
    if (new_key) ++key_index;
    if (at > 0 && !new_key && (by_arrival || facts.orders[row] == facts.orders[before])) continue;
    const auto& entry = known.current[key_index];
    if (entry && (by_arrival || entry->order != facts.orders[row])) {
      const std::string_view order = by_arrival ? std::string_view() : facts.orders[row];
      asked.push_back(VersionGroup(facts.keys[row], order));
      asked_group.push_back(known.best.size());
    }
    known.best.emplace_back();
  }
  WEIRHOUSE_TRY(auto found, versions->FindBest(asked));
  for (std::size_t i = 0; i < asked.size(); ++i) known.best[asked_group[i]] = std::move(found[i]);
  return known;
}
}  // namespace weirhouse::transform

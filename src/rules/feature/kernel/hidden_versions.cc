#include "rules/feature/kernel/hidden_versions.h"

#include <arrow/api.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>
#include <tuple>

#include "ground/base/thread.h"
#include "ground/platform/columnar/typed_array.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/value/arrow_columns.h"

namespace weirhouse::feature {
namespace {
struct HashedKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint32_t piece = 0;
  std::uint32_t row = 0;
  friend auto operator<=>(const HashedKey&, const HashedKey&) = default;
  bool SameKey(const HashedKey& other) const { return high == other.high && low == other.low; }
};

std::uint64_t MixWords(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Two independent lanes of multiply-and-fold, as wyhash and its kin do (Wang Yi, 2019).
void HashInto(std::string_view bytes, HashedKey* key) {
  constexpr std::uint64_t kHigh = 0xa0761d6478bd642f;
  constexpr std::uint64_t kLow = 0xe7037ed1a0b428db;
  std::uint64_t high = 0x8ebc6af09c88c6e3 ^ bytes.size();
  std::uint64_t low = 0x589965cc75374cc3 ^ bytes.size();
  const auto mix = [&](std::uint64_t word) {
    high = MixWords(high ^ word, kHigh) + word;
    low = MixWords(low ^ std::rotl(word, 29), kLow) ^ word;
  };
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    mix(word);
  }
  std::uint64_t word = left;
  std::memcpy(&word, at, left);
  mix(word ^ (left << 56));
  key->high = MixWords(high, kLow ^ low);
  key->low = MixWords(low, kHigh ^ std::rotl(high, 32));
}

template <typename Act>
Status ForEachBytes(const arrow::ChunkedArray& column, const Act& act) {
  std::uint32_t row = 0;
  for (const auto& chunk : column.chunks()) {
    const bool usable = platform::VisitTyped(
        *chunk, [&]<typename Array>(const Array& array)
          requires(platform::BytesArray<Array> || std::same_as<Array, arrow::StringArray>)
        {
          for (std::int64_t i = 0; i < array.length(); ++i) {
            act(row++, array.IsValid(i) ? std::string_view(array.GetView(i)) : std::string_view());
          }
        });
    if (!usable) return ReadBytes(*column.Slice(0, 1), "row_key").status();
  }
  return Status();
}

// The keys that occur more than once among those of one part of all hashes, sorted.
class RepeatedKeys {
 public:
  RepeatedKeys(const FeaturePieces& pieces, int threads) : pieces_(pieces), threads_(threads) {}

  Result<std::vector<HashedKey>> Find(std::size_t part, std::size_t parts, std::size_t expected) {
    keys_.clear();
    keys_.reserve(expected);
    const std::size_t bits = std::bit_ceil(std::max<std::size_t>(expected, 1024) * 16);
    mask_ = bits - 1;
    seen_.assign(bits / 64, 0);
    again_.assign(bits / 64, 0);
    std::mutex mutex;
    WEIRHOUSE_TRY_STATUS(
        ForEachInParallel(pieces_.count(), static_cast<std::size_t>(threads_),
                          [&](std::size_t p) { return ReadPiece(p, part, parts, &mutex); }));
    std::erase_if(keys_, [&](const HashedKey& key) {
      const std::uint64_t bit = key.low & mask_;
      return (again_[bit / 64] >> (bit % 64) & 1) == 0;
    });
    std::sort(keys_.begin(), keys_.end());
    std::vector<HashedKey> repeated;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const bool before = i > 0 && keys_[i].SameKey(keys_[i - 1]);
      const bool after = i + 1 < keys_.size() && keys_[i].SameKey(keys_[i + 1]);
      if (before || after) repeated.push_back(keys_[i]);
    }
    return repeated;
  }

 private:
  Status ReadPiece(std::size_t piece, std::size_t part, std::size_t parts, std::mutex* mutex) {
    WEIRHOUSE_TRY(const auto rows, pieces_.Read(piece, {"row_key"}));
    std::vector<HashedKey> mine;
    mine.reserve(static_cast<std::size_t>(rows->num_rows()));
    WEIRHOUSE_TRY_STATUS(
        ForEachBytes(*rows->column(0), [&](std::uint32_t row, std::string_view key) {
          HashedKey hashed;
          HashInto(key, &hashed);
          if (parts > 1 && hashed.high % parts != part) return;
          hashed.piece = static_cast<std::uint32_t>(piece);
          hashed.row = row;
          mine.push_back(hashed);
        }));
    const std::lock_guard lock(*mutex);
    for (const HashedKey& key : mine) {
      const std::uint64_t bit = key.low & mask_;
      const std::uint64_t flag = std::uint64_t{1} << (bit % 64);
      if ((seen_[bit / 64] & flag) != 0) again_[bit / 64] |= flag;
      seen_[bit / 64] |= flag;
    }
    keys_.insert(keys_.end(), mine.begin(), mine.end());
    return Status();
  }

  const FeaturePieces& pieces_;
  int threads_;
  std::vector<HashedKey> keys_;
  // A bit for each value of a hash's lower part: it was seen, and seen again. Few unique keys pass.
  std::vector<std::uint64_t> seen_;
  std::vector<std::uint64_t> again_;
  std::uint64_t mask_ = 0;
};

struct KeyVersion {
  std::size_t key = 0;  // a number for each distinct key
  std::uint32_t piece = 0;
  std::uint32_t row = 0;
  std::int64_t known_time = 0;
  std::int64_t event_time = 0;
};

// Calls `take(rows, first, last)` for each piece that versions [first, last) lie in, which must be
// sorted by piece.
template <typename Take>
Status ForEachPieceOf(const FeaturePieces& pieces, const std::vector<KeyVersion*>& versions,
                      const std::vector<std::string>& columns, const Take& take) {
  for (std::size_t first = 0, last = 0; first < versions.size(); first = last) {
    for (last = first; last < versions.size() && versions[last]->piece == versions[first]->piece;)
      ++last;
    WEIRHOUSE_TRY(const auto rows, pieces.Read(versions[first]->piece, columns));
    WEIRHOUSE_TRY_STATUS(take(*rows, first, last));
  }
  return Status();
}

std::vector<KeyVersion*> ByPlace(std::vector<KeyVersion*> versions) {
  std::sort(versions.begin(), versions.end(), [](const KeyVersion* a, const KeyVersion* b) {
    return std::tie(a->piece, a->row) < std::tie(b->piece, b->row);
  });
  return versions;
}

Status TakeTimesOf(const FeaturePieces& pieces, const std::vector<KeyVersion*>& versions) {
  return ForEachPieceOf(
      pieces, versions, {"known_time", "event_time"},
      [&](const arrow::Table& rows, std::size_t first, std::size_t last) -> Status {
        WEIRHOUSE_TRY(const IntegerView known, KnownTimesOf(rows));
        WEIRHOUSE_TRY(const IntegerView event, IntegerView::Of(*rows.column(1), "event_time"));
        for (std::size_t i = first; i < last; ++i) {
          KeyVersion& version = *versions[i];
          version.known_time = std::min(known.data()[version.row], kLatest);
          version.event_time = event.IsValid(version.row) ? event.data()[version.row] : kTimeless;
        }
        return Status();
      });
}

// Sorts the versions of each key by (known time, digest, event time). Digests are read where known
// times are equal.
Status SortVersions(const FeaturePieces& pieces, std::vector<KeyVersion>* versions) {
  std::sort(versions->begin(), versions->end(), [](const KeyVersion& a, const KeyVersion& b) {
    return std::tie(a.key, a.known_time, a.piece, a.row) <
           std::tie(b.key, b.known_time, b.piece, b.row);
  });
  const auto equal = [](const KeyVersion& a, const KeyVersion& b) {
    return a.key == b.key && a.known_time == b.known_time;
  };
  std::vector<KeyVersion*> tied;
  for (std::size_t i = 0; i < versions->size(); ++i) {
    const bool before = i > 0 && equal((*versions)[i], (*versions)[i - 1]);
    const bool after = i + 1 < versions->size() && equal((*versions)[i], (*versions)[i + 1]);
    if (before || after) tied.push_back(&(*versions)[i]);
  }
  if (tied.empty()) return Status();
  std::vector<std::string> digests(versions->size());
  tied = ByPlace(std::move(tied));
  WEIRHOUSE_TRY_STATUS(ForEachPieceOf(
      pieces, tied, {"row_digest"},
      [&](const arrow::Table& rows, std::size_t first, std::size_t last) -> Status {
        WEIRHOUSE_TRY(const auto cells, ReadBytes(*rows.column(0), "row_digest"));
        for (std::size_t i = first; i < last; ++i) {
          digests[static_cast<std::size_t>(tied[i] - versions->data())] = cells[tied[i]->row];
        }
        return Status();
      }));
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < versions->size(); ++i) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    const KeyVersion& a = (*versions)[left];
    const KeyVersion& b = (*versions)[right];
    return std::tie(a.key, a.known_time, digests[left], a.event_time, a.piece, a.row) <
           std::tie(b.key, b.known_time, digests[right], b.event_time, b.piece, b.row);
  });
  std::vector<KeyVersion> sorted;
  sorted.reserve(order.size());
  for (const std::size_t i : order) sorted.push_back((*versions)[i]);
  *versions = std::move(sorted);
  return Status();
}

Status HideOf(const FeaturePieces& pieces, const std::vector<HashedKey>& repeated,
              std::vector<std::vector<HiddenVersion>>* hidden) {
  std::vector<KeyVersion> versions;
  versions.reserve(repeated.size());
  std::size_t number = 0;
  for (std::size_t i = 0; i < repeated.size(); ++i) {
    if (i > 0 && !repeated[i].SameKey(repeated[i - 1])) ++number;
    versions.push_back({number, repeated[i].piece, repeated[i].row});
  }
  std::vector<KeyVersion*> places;
  for (KeyVersion& version : versions) places.push_back(&version);
  WEIRHOUSE_TRY_STATUS(TakeTimesOf(pieces, ByPlace(std::move(places))));
  WEIRHOUSE_TRY_STATUS(SortVersions(pieces, &versions));
  for (std::size_t i = 0; i + 1 < versions.size(); ++i) {
    if (versions[i].key != versions[i + 1].key) continue;
    (*hidden)[versions[i].piece].push_back({versions[i].row, versions[i + 1].known_time});
  }
  return Status();
}
}  // namespace

Result<std::vector<std::vector<HiddenVersion>>> FindHidden(const FeaturePieces& pieces, int threads,
                                                           std::size_t keys_held) {
  std::vector<std::vector<HiddenVersion>> hidden(pieces.count());
  if (pieces.unique_keys()) return hidden;
  std::size_t rows = 0;
  for (std::size_t p = 0; p < pieces.count(); ++p)
    rows += static_cast<std::size_t>(pieces.rows_max(p));
  const std::size_t parts = rows / std::max<std::size_t>(keys_held, 1) + 1;
  for (std::size_t part = 0; part < parts; ++part) {
    std::vector<HashedKey> repeated;
    {
      RepeatedKeys keys(pieces, threads);
      WEIRHOUSE_TRY(repeated, keys.Find(part, parts, rows / parts + rows / parts / 16));
    }
    WEIRHOUSE_TRY_STATUS(HideOf(pieces, repeated, &hidden));
  }
  for (std::vector<HiddenVersion>& piece : hidden) {
    std::sort(piece.begin(), piece.end(),
              [](const HiddenVersion& a, const HiddenVersion& b) { return a.row < b.row; });
  }
  return hidden;
}

Result<IntegerView> KnownTimesOf(const arrow::Table& piece) {
  WEIRHOUSE_TRY(const auto column, RequireColumn(piece, "known_time", "the feature table"));
  WEIRHOUSE_TRY(IntegerView known, IntegerView::Of(*column, "known_time"));
  if (!known.has_nulls()) return known;
  return Status(Code::kCorruption, "the feature table has a row without digest or known time")
      .WithError("WH4015")
      .WithHint("rebuild the view");
}
}  // namespace weirhouse::feature

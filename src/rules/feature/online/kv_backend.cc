#include "rules/feature/online/kv_backend.h"

#include <array>
#include <atomic>
#include <utility>

#include "rules/feature/online/online_layout.h"

namespace weirhouse::feature {
namespace {
constexpr std::int64_t kCopiedAtOnce = 16'384;
constexpr std::array<char, 3> kKindsOfPlace = {kRowKind, kVersionKind, kGapKind};
// Where the layout without generations kept its rows, version lists and markers.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kEarlierLayout = {
    {{"M", "N"}, {"R", "S"}, {"V", "W"}}};

void DropPrefix(platform::KvBatch& batch, const std::string& prefix) {
  batch.DeleteRange(prefix, AfterPrefix(prefix));
}

class KvWrites final : public OnlineWrites {
 public:
  explicit KvWrites(std::unique_ptr<platform::KvBatch> batch) : batch_(std::move(batch)) {}
  void PutRow(const ViewPlace& place, const OnlineRowKey& key, std::string_view value) override {
    batch_->Put(RowKeyOf(place, key), value);
  }
  void DeleteRow(const ViewPlace& place, const OnlineRowKey& key) override {
    batch_->Delete(RowKeyOf(place, key));
  }
  void PutVersions(const ViewPlace& place, std::string_view row_key,
                   std::string_view value) override {
    batch_->Put(VersionListKey(place, row_key), value);
  }
  void DeleteVersions(const ViewPlace& place, std::string_view row_key) override {
    batch_->Delete(VersionListKey(place, row_key));
  }
  void PutGap(const ViewPlace& place, std::string_view entity) override {
    batch_->Put(GapKey(place, entity), "");
  }
  void PutMarker(const std::string& view_id, std::string_view value) override {
    batch_->Put(ViewPrefix(kMarkerKind, view_id), value);
  }
  void DeleteMarker(const std::string& view_id) override {
    batch_->Delete(ViewPrefix(kMarkerKind, view_id));
  }
  void DropGeneration(const ViewPlace& place) override {
    for (const char kind : kKindsOfPlace) DropPrefix(*batch_, PlacePrefix(kind, place));
  }
  void DropView(const std::string& view_id) override {
    for (const char kind : kKindsOfPlace) DropPrefix(*batch_, ViewPrefix(kind, view_id));
  }
  std::int64_t count() const override { return batch_->count(); }
  platform::KvBatch& batch() { return *batch_; }

 private:
  std::unique_ptr<platform::KvBatch> batch_;
};

// Scans rows of `place` (of a store or of one state of it) as parsed keys.
template <typename Store>
Status ScanRows(Store& store, const ViewPlace& place, const std::string& begin,
                const std::string& end, const VisitOnlineRow& visit) {
  const std::size_t prefix_size = PlacePrefix(kRowKind, place).size();
  Status problem;
  WEIRHOUSE_TRY_STATUS(store.Scan(begin, end, [&](std::string_view key, std::string_view value) {
    const Result<OnlineRowKey> parts = ParseRowKey(key, prefix_size);
    if (parts.ok()) return visit(*parts, value);
    problem = parts.status();
    return false;
  }));
  return problem;
}

class KvMoment final : public OnlineMoment {
 public:
  explicit KvMoment(std::unique_ptr<platform::KvState> state) : state_(std::move(state)) {}
  Result<std::optional<std::string>> Marker(const std::string& view_id) const override {
    return state_->Get(ViewPrefix(kMarkerKind, view_id));
  }
  Result<bool> HasGap(const ViewPlace& place, std::string_view entity) const override {
    WEIRHOUSE_TRY(const auto gap, state_->Get(GapKey(place, entity)));
    return gap.has_value();
  }
  Status RowsUpTo(const ViewPlace& place, std::string_view entity, std::int64_t at,
                  const VisitOnlineRow& visit) const override {
    const std::string prefix = EntityPrefix(place, entity);
    return ScanRows(*state_, place, NewestAt(prefix, at), AfterPrefix(prefix), visit);
  }
  Status RowsAfter(const ViewPlace& place, std::string_view entity, std::int64_t at,
                   const VisitOnlineRow& visit) const override {
    const std::string prefix = EntityPrefix(place, entity);
    return ScanRows(*state_, place, prefix, NewestAt(prefix, at), visit);
  }

 private:
  static std::string NewestAt(std::string prefix, std::int64_t at) {
    AppendNewestFirst(at, &prefix);
    return prefix;
  }
  std::unique_ptr<platform::KvState> state_;
};

class KvBackend final : public OnlineBackend {
 public:
  explicit KvBackend(platform::KvStore& store) : store_(store) {}

  std::unique_ptr<OnlineWrites> NewWrites() override {
    return std::make_unique<KvWrites>(store_.NewBatch());
  }
  Status Write(OnlineWrites& writes, bool sync) override {
    platform::KvBatch& batch = static_cast<KvWrites&>(writes).batch();
    if (earlier_layout_.exchange(false)) {  // none of its keys has today's form
      for (const auto& [first, end] : kEarlierLayout) batch.DeleteRange(first, end);
    }
    return store_.Write(batch, sync);
  }

  Result<std::map<std::string, std::string>> Markers() override {
    std::map<std::string, std::string> markers;
    Status problem;
    const std::string begin(1, kMarkerKind);
    constexpr std::size_t kBeforeViewId = 3;
    WEIRHOUSE_TRY_STATUS(
        store_.Scan(begin, AfterPrefix(begin), [&](std::string_view key, std::string_view value) {
          if (key.size() < kBeforeViewId) {
            problem = UnreadableRow("marker");
            return false;
          }
          markers[std::string(key.substr(kBeforeViewId))] = value;
          return true;
        }));
    WEIRHOUSE_TRY_STATUS(problem);
    for (const auto& [first, end] : kEarlierLayout) {
      WEIRHOUSE_TRY_STATUS(store_.Scan(first, end, [&](std::string_view, std::string_view) {
        earlier_layout_ = true;
        return false;
      }));
    }
    return markers;
  }
  Result<std::vector<std::optional<std::string>>> Versions(
      const ViewPlace& place, const std::vector<std::string_view>& row_keys) override {
    std::vector<std::string> keys;
    keys.reserve(row_keys.size());
    for (const std::string_view row_key : row_keys) keys.push_back(VersionListKey(place, row_key));
    return store_.MultiGet(keys);
  }
  Result<std::optional<std::string>> Row(const ViewPlace& place, const OnlineRowKey& key) override {
    return store_.Get(RowKeyOf(place, key));
  }
  Status EachRow(const ViewPlace& place, const VisitOnlineRow& visit) override {
    const std::string prefix = PlacePrefix(kRowKind, place);
    return ScanRows(store_, place, prefix, AfterPrefix(prefix), visit);
  }
  Status EachVersions(
      const ViewPlace& place,
      const std::function<bool(std::string_view, std::string_view)>& visit) override {
    const std::string prefix = PlacePrefix(kVersionKind, place);
    return store_.Scan(prefix, AfterPrefix(prefix),
                       [&](std::string_view key, std::string_view value) {
                         return visit(key.substr(prefix.size()), value);
                       });
  }
  Status Copy(const ViewPlace& from, const ViewPlace& to) override {
    std::unique_ptr<platform::KvBatch> batch = store_.NewBatch();
    for (const char kind : kKindsOfPlace) DropPrefix(*batch, PlacePrefix(kind, to));
    Status problem;
    for (const char kind : kKindsOfPlace) {
      const std::string old = PlacePrefix(kind, from);
      const std::string fresh = PlacePrefix(kind, to);
      const auto copy = [&](std::string_view key, std::string_view value) {
        batch->Put(fresh + std::string(key.substr(old.size())), value);
        if (batch->count() < kCopiedAtOnce) return true;
        problem = store_.Write(*batch, false);
        batch = store_.NewBatch();
        return problem.ok();
      };
      WEIRHOUSE_TRY_STATUS(store_.Scan(old, AfterPrefix(old), copy));
      WEIRHOUSE_TRY_STATUS(problem);
    }
    return store_.Write(*batch, false);
  }
  std::unique_ptr<OnlineMoment> Look() override {
    return std::make_unique<KvMoment>(store_.Look());
  }

 private:
  platform::KvStore& store_;
  std::atomic<bool> earlier_layout_{false};  // keys of an earlier layout may exist
};
}  // namespace

std::unique_ptr<OnlineBackend> MakeKvBackend(platform::KvStore& store) {
  return std::make_unique<KvBackend>(store);
}
}  // namespace weirhouse::feature

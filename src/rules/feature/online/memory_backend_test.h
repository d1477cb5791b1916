// A backend in maps, for tests: what backend.h asks for and no more, so that the suite is one that
// a second driver can pass.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "rules/feature/online/backend.h"

namespace weirhouse::feature {

// What outlives a backend that is closed and opened again.
class MemoryRows {
 public:
  enum class Moments : std::uint8_t {
    kKept,  // as RocksDB has them
    kGone,  // as Redis has them: a read after a Write answers kConflict
  };
  explicit MemoryRows(Moments moments = Moments::kKept) : moments_(moments) {}

 private:
  friend class MemoryWrites;
  friend class MemoryMoment;
  friend class MemoryBackend;
  // Newest first.
  using RowOrder = std::tuple<std::string, std::int64_t, std::int64_t, std::string, std::string>;
  struct Generation {
    std::map<RowOrder, std::string> rows;
    std::map<std::string, std::string, std::less<>> versions;
    std::set<std::string, std::less<>> gaps;
  };
  struct Contents {
    std::map<std::string, std::string> markers;
    std::map<std::pair<std::string, std::uint32_t>, Generation> generations;
    const Generation& At(const ViewPlace& place) const {
      static const Generation none;
      const auto found = generations.find({place.view_id, place.generation});
      return found == generations.end() ? none : found->second;
    }
    Generation& For(const ViewPlace& place) {
      return generations[{place.view_id, place.generation}];
    }
  };
  static RowOrder OrderOf(const OnlineRowKey& key) {
    return {std::string(key.entity), ~key.event_time, ~key.known_time, std::string(key.row_key),
            std::string(key.digest)};
  }
  static OnlineRowKey KeyOf(const RowOrder& order) {
    return {std::get<0>(order), ~std::get<1>(order), ~std::get<2>(order), std::get<3>(order),
            std::get<4>(order)};
  }
  std::shared_ptr<const Contents> Now() const {
    const std::lock_guard lock(mutex_);
    return contents_;
  }

  const Moments moments_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Contents> contents_ = std::make_shared<const Contents>();
};

class MemoryWrites final : public OnlineWrites {
 public:
  void PutRow(const ViewPlace& place, const OnlineRowKey& key, std::string_view value) override {
    Add([=, order = MemoryRows::OrderOf(key), bytes = std::string(value)](auto& contents) {
      contents.For(place).rows[order] = bytes;
    });
  }
  void DeleteRow(const ViewPlace& place, const OnlineRowKey& key) override {
    Add([=, order = MemoryRows::OrderOf(key)](auto& contents) {
      contents.For(place).rows.erase(order);
    });
  }
  void PutVersions(const ViewPlace& place, std::string_view row_key,
                   std::string_view value) override {
    Add([=, key = std::string(row_key), bytes = std::string(value)](auto& contents) {
      contents.For(place).versions[key] = bytes;
    });
  }
  void DeleteVersions(const ViewPlace& place, std::string_view row_key) override {
    Add([=, key = std::string(row_key)](auto& contents) {
      contents.For(place).versions.erase(key);
    });
  }
  void PutGap(const ViewPlace& place, std::string_view entity) override {
    Add([=, key = std::string(entity)](auto& contents) { contents.For(place).gaps.insert(key); });
  }
  void PutMarker(const std::string& view_id, std::string_view value) override {
    Add([=, bytes = std::string(value)](auto& contents) { contents.markers[view_id] = bytes; });
  }
  void DeleteMarker(const std::string& view_id) override {
    Add([=](auto& contents) { contents.markers.erase(view_id); });
  }
  void DropGeneration(const ViewPlace& place) override {
    Add([=](auto& contents) { contents.generations.erase({place.view_id, place.generation}); });
  }
  void DropView(const std::string& view_id) override {
    Add([=](auto& contents) {
      std::erase_if(contents.generations,
                    [&](const auto& entry) { return entry.first.first == view_id; });
    });
  }
  std::int64_t count() const override { return static_cast<std::int64_t>(steps_.size()); }

 private:
  friend class MemoryBackend;
  using Step = std::function<void(MemoryRows::Contents&)>;
  void Add(Step step) { steps_.push_back(std::move(step)); }
  std::vector<Step> steps_;
};

class MemoryMoment final : public OnlineMoment {
 public:
  explicit MemoryMoment(const MemoryRows& rows) : rows_(rows), then_(rows.Now()) {}
  Result<std::optional<std::string>> Marker(const std::string& view_id) const override {
    WEIRHOUSE_TRY_STATUS(Stands());
    const auto found = then_->markers.find(view_id);
    if (found == then_->markers.end()) return std::optional<std::string>();
    return std::optional(found->second);
  }
  Result<bool> HasGap(const ViewPlace& place, std::string_view entity) const override {
    WEIRHOUSE_TRY_STATUS(Stands());
    return then_->At(place).gaps.contains(entity);
  }
  Status RowsUpTo(const ViewPlace& place, std::string_view entity, std::int64_t at,
                  const VisitOnlineRow& visit) const override {
    return Rows(place, entity, [&](std::int64_t time) { return time <= at; }, visit);
  }
  Status RowsAfter(const ViewPlace& place, std::string_view entity, std::int64_t at,
                   const VisitOnlineRow& visit) const override {
    return Rows(place, entity, [&](std::int64_t time) { return time > at; }, visit);
  }

 private:
  template <typename Wanted>
  Status Rows(const ViewPlace& place, std::string_view entity, Wanted wanted,
              const VisitOnlineRow& visit) const {
    WEIRHOUSE_TRY_STATUS(Stands());
    for (const auto& [order, value] : then_->At(place).rows) {
      const OnlineRowKey key = MemoryRows::KeyOf(order);
      if (key.entity == entity && wanted(key.event_time) && !visit(key, value)) break;
    }
    return Status();
  }
  Status Stands() const {
    if (rows_.moments_ == MemoryRows::Moments::kKept || rows_.Now() == then_) return Status();
    return Status(Code::kConflict, "the online store has moved on");
  }
  const MemoryRows& rows_;
  const std::shared_ptr<const MemoryRows::Contents> then_;
};

// `rows` must outlive it. Cost: each Write copies all of them.
class MemoryBackend final : public OnlineBackend {
 public:
  explicit MemoryBackend(MemoryRows& rows) : rows_(rows) {}
  std::unique_ptr<OnlineWrites> NewWrites() override { return std::make_unique<MemoryWrites>(); }
  Status Write(OnlineWrites& writes, bool) override {
    auto contents = std::make_shared<MemoryRows::Contents>(*rows_.Now());
    for (const auto& step : static_cast<MemoryWrites&>(writes).steps_) step(*contents);
    const std::lock_guard lock(rows_.mutex_);
    rows_.contents_ = std::move(contents);
    return Status();
  }
  Result<std::map<std::string, std::string>> Markers() override { return rows_.Now()->markers; }
  Result<std::vector<std::optional<std::string>>> Versions(
      const ViewPlace& place, const std::vector<std::string_view>& row_keys) override {
    const auto now = rows_.Now();
    std::vector<std::optional<std::string>> lists;
    for (const std::string_view key : row_keys) {
      const auto& versions = now->At(place).versions;
      const auto found = versions.find(key);
      lists.push_back(found == versions.end() ? std::nullopt : std::optional(found->second));
    }
    return lists;
  }
  Result<std::optional<std::string>> Row(const ViewPlace& place, const OnlineRowKey& key) override {
    const auto now = rows_.Now();
    const auto& rows = now->At(place).rows;
    const auto found = rows.find(MemoryRows::OrderOf(key));
    return found == rows.end() ? std::nullopt : std::optional(found->second);
  }
  Status EachRow(const ViewPlace& place, const VisitOnlineRow& visit) override {
    const auto now = rows_.Now();
    for (const auto& [order, value] : now->At(place).rows) {
      if (!visit(MemoryRows::KeyOf(order), value)) break;
    }
    return Status();
  }
  Status EachVersions(
      const ViewPlace& place,
      const std::function<bool(std::string_view, std::string_view)>& visit) override {
    const auto now = rows_.Now();
    for (const auto& [key, value] : now->At(place).versions) {
      if (!visit(key, value)) break;
    }
    return Status();
  }
  Status Copy(const ViewPlace& from, const ViewPlace& to) override {
    auto contents = std::make_shared<MemoryRows::Contents>(*rows_.Now());
    contents->For(to) = contents->At(from);
    const std::lock_guard lock(rows_.mutex_);
    rows_.contents_ = std::move(contents);
    return Status();
  }
  std::unique_ptr<OnlineMoment> Look() override { return std::make_unique<MemoryMoment>(rows_); }

 private:
  MemoryRows& rows_;
};
}  // namespace weirhouse::feature

// Names and texts that never change once written, shared by all copies: a table's metadata is
// copied at each commit, and the summaries of its snapshots are most of it.
#pragma once

#include <atomic>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace weirhouse::iceberg {

// Reads like the map it holds. A write to a copy that others share makes the copy its own first.
class SharedTextMap {
 public:
  using Map = std::map<std::string, std::string>;

  SharedTextMap() = default;
  SharedTextMap(Map map) : map_(std::make_shared<Map>(std::move(map))) {}
  SharedTextMap(std::initializer_list<Map::value_type> entries) : SharedTextMap(Map(entries)) {}

  const Map& map() const {
    static const Map kEmpty;
    return map_ == nullptr ? kEmpty : *map_;
  }
  operator const Map&() const { return map(); }

  Map::const_iterator begin() const { return map().begin(); }
  Map::const_iterator end() const { return map().end(); }
  Map::const_iterator find(const std::string& key) const { return map().find(key); }
  const std::string& at(const std::string& key) const { return map().at(key); }
  std::size_t count(const std::string& key) const { return map().count(key); }
  bool contains(const std::string& key) const { return map().contains(key); }
  std::size_t size() const { return map().size(); }
  bool empty() const { return map().empty(); }

  std::string& operator[](const std::string& key) {
    if (map_ == nullptr || map_.use_count() != 1) map_ = std::make_shared<Map>(map());
    // Whoever shared it last has read all it wanted to.
    std::atomic_thread_fence(std::memory_order_acquire);
    return (*map_)[key];
  }

  friend bool operator==(const SharedTextMap& a, const SharedTextMap& b) {
    return a.map_ == b.map_ || a.map() == b.map();
  }

 private:
  std::shared_ptr<Map> map_;
};
}  // namespace weirhouse::iceberg

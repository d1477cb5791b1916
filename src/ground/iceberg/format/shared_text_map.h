// An immutable map of text shared by all its copies: a table's metadata is copied at each commit,
// and the summaries of its snapshots are most of it.
#pragma once

#include <atomic>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace weirhouse::iceberg {

// Reads like std::map. A write to a shared copy first makes a copy of its own. Threads: different
// copies may be used on different threads.
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
    // Synchronises with the last reader of the shared map.
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

// An immutable map of text shared by all its copies: a table's metadata is copied at each commit,
// and the summaries of its snapshots are most of it.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace weirhouse::iceberg {

// Reads like std::map. What is to be in it is put into a Map first. Threads: any number may read.
class SharedTextMap {
 public:
  using Map = std::map<std::string, std::string>;

  SharedTextMap() = default;
  SharedTextMap(Map map) : map_(std::make_shared<const Map>(std::move(map))) {}
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

  friend bool operator==(const SharedTextMap& a, const SharedTextMap& b) {
    return a.map_ == b.map_ || a.map() == b.map();
  }

 private:
  std::shared_ptr<const Map> map_;
};
}  // namespace weirhouse::iceberg

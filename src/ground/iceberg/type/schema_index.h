// An index of a schema's columns by id and name, including those inside structs, lists and maps.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

struct IndexedColumn {
  int id = 0;
  std::string name;  // "a.b", "list.element", "map.key", "map.value"
  Type type;
  bool required = false;
  bool only_in_structs = true;     // no ancestor is a list or a map
  bool ancestors_required = true;  // none of them is optional
  std::string initial_default = {};
};

// Copies what it needs, so the schema need not outlive it. A malformed nested type has no columns
// inside.
class SchemaIndex {
 public:
  explicit SchemaIndex(const Schema& schema);

  const IndexedColumn* ById(int id) const;
  const IndexedColumn* ByName(std::string_view name) const;
  int greatest_id() const;  // 0 if there is none
  const std::vector<IndexedColumn>& columns() const { return columns_; }
  bool has_duplicates() const { return has_duplicates_; }  // of an id

 private:
  void Add(IndexedColumn column);
  std::vector<IndexedColumn> columns_;
  std::map<int, std::size_t> by_id_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  bool has_duplicates_ = false;
};

// The first format version whose tables may have a column of this primitive type.
int FirstVersionOf(const Type& type);
// Whether the schemas are equal apart from the schema's id and the order of its identifier fields.
bool SameSchema(const Schema& a, const Schema& b);
// The transform in lower case, its number without leading zeros, if the specification defines it;
// else empty.
std::string KnownTransform(std::string_view transform);
// Whether a known transform takes columns of `type`.
bool CanTransform(std::string_view transform, const Type& type);
}  // namespace weirhouse::iceberg

// The columns of a schema by id and name, those inside structs, lists and maps included.
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

// Built once for a schema, which need not outlive it. A nested type that cannot be taken apart
// has no columns inside.
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
// Equal but for the schema's id and the order of its identifier fields.
bool SameSchema(const Schema& a, const Schema& b);
// A transform in lower case and its number without zeros in front, if it is one of the
// specification's; otherwise empty.
std::string KnownTransform(std::string_view transform);
// Whether a known transform takes columns of `type`.
bool CanTransform(std::string_view transform, const Type& type);
}  // namespace weirhouse::iceberg

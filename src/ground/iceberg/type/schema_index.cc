#include "ground/iceberg/type/schema_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

IndexedColumn ColumnOf(const Field& field) {
  IndexedColumn column;
  column.id = field.id;
  column.name = field.name;
  column.type = field.type;
  column.required = field.required;
  column.initial_default = field.initial_default;
  return column;
}

// The columns directly inside the nested type of `parent`.
std::vector<IndexedColumn> ColumnsInside(const IndexedColumn& parent) {
  std::vector<IndexedColumn> columns;
  for (const Field& field : parent.type.fields()) {
    IndexedColumn column = ColumnOf(field);
    column.name = fmt::format("{}.{}", parent.name, field.name);
    column.only_in_structs = parent.only_in_structs && parent.type.kind() == TypeKind::kStruct;
    column.ancestors_required = parent.ancestors_required && parent.required;
    columns.push_back(std::move(column));
  }
  return columns;
}

std::string_view WithoutBrackets(std::string_view text, std::string_view name) {
  if (text.size() < name.size() + 3 || text.substr(0, name.size() + 1) != fmt::format("{}[", name))
    return {};
  return text.back() == ']' ? text.substr(name.size() + 1, text.size() - name.size() - 2)
                            : std::string_view{};
}

bool OneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

}  // namespace

SchemaIndex::SchemaIndex(const Schema& schema) {
  std::vector<IndexedColumn> open;
  for (auto it = schema.fields.rbegin(); it != schema.fields.rend(); ++it) {
    open.push_back(ColumnOf(*it));
  }
  while (!open.empty()) {
    IndexedColumn column = std::move(open.back());
    open.pop_back();
    if (column.type.is_nested()) {
      std::vector<IndexedColumn> inside = ColumnsInside(column);
      std::move(inside.rbegin(), inside.rend(), std::back_inserter(open));
    }
    Add(std::move(column));
  }
}

void SchemaIndex::Add(IndexedColumn column) {
  const std::size_t at = columns_.size();
  has_duplicates_ = !by_id_.emplace(column.id, at).second || has_duplicates_;
  by_name_.emplace(column.name, at);
  columns_.push_back(std::move(column));
}

const IndexedColumn* SchemaIndex::ById(int id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &columns_[it->second];
}

const IndexedColumn* SchemaIndex::ByName(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &columns_[it->second];
}

int SchemaIndex::greatest_id() const {
  return by_id_.empty() ? 0 : std::max(0, by_id_.rbegin()->first);
}

int FirstVersionOf(const Type& type) {
  return type.IsOneOf({TypeKind::kTimestampNs, TypeKind::kTimestampTzNs, TypeKind::kUnknown,
                       TypeKind::kVariant, TypeKind::kGeometry, TypeKind::kGeography})
             ? 3
             : 1;
}

bool SameSchema(const Schema& a, const Schema& b) {
  const std::set<int> a_ids(a.identifier_field_ids.begin(), a.identifier_field_ids.end());
  const std::set<int> b_ids(b.identifier_field_ids.begin(), b.identifier_field_ids.end());
  return a.fields == b.fields && a_ids == b_ids;
}

std::string KnownTransform(std::string_view transform) {
  const std::string lower = LowerCase(transform);
  if (OneOf(lower, {"identity", "year", "month", "day", "hour", "void"})) return lower;
  for (const std::string_view name : {"bucket", "truncate"}) {
    const std::string_view width = WithoutBrackets(lower, name);
    if (width.empty() || width.size() > 9) continue;
    if (width.find_first_not_of("0123456789") != std::string_view::npos) continue;
    const std::size_t first = width.find_first_not_of('0');
    if (first == std::string_view::npos) continue;
    return fmt::format("{}[{}]", name, width.substr(first));
  }
  return "";
}

bool CanTransform(std::string_view transform, const Type& type) {
  if (transform == "void") return true;
  if (type.is_nested()) return false;
  const bool is_decimal = type.kind() == TypeKind::kDecimal;
  const bool is_time = IsTimestamp(type);
  if (transform == "identity") {
    return !type.IsOneOf(
        {TypeKind::kVariant, TypeKind::kUnknown, TypeKind::kGeometry, TypeKind::kGeography});
  }
  if (transform == "hour") return is_time;
  if (OneOf(transform, {"year", "month", "day"})) {
    return is_time || type.kind() == TypeKind::kDate;
  }
  if (transform.substr(0, 8) == "truncate") {
    return is_decimal ||
           type.IsOneOf({TypeKind::kInt, TypeKind::kLong, TypeKind::kString, TypeKind::kBinary});
  }
  return is_decimal || is_time ||
         type.IsOneOf({TypeKind::kFixed, TypeKind::kInt, TypeKind::kLong, TypeKind::kDate,
                       TypeKind::kTime, TypeKind::kString, TypeKind::kUuid, TypeKind::kBinary});
}
}  // namespace weirhouse::iceberg

#include "ground/iceberg/type/type.h"

#include <utility>

#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

struct Type::Inside {
  std::string parameters = {};
  std::vector<Field> fields = {};
  std::string other_members = {};
};

Type Type::Decimal(int precision, int scale) {
  Type type(TypeKind::kDecimal);
  type.size_ = precision;
  type.scale_ = scale;
  return type;
}

Type Type::Fixed(int length) {
  Type type(TypeKind::kFixed);
  type.size_ = length;
  return type;
}

Type Type::Spatial(TypeKind kind, std::string parameters) {
  Type type(kind);
  type.inside_ = std::make_shared<const Inside>(Inside{std::move(parameters), {}, {}});
  return type;
}

Type Type::Nested(TypeKind kind, std::vector<Field> fields) {
  Type type(kind);
  type.inside_ = std::make_shared<const Inside>(Inside{{}, std::move(fields), {}});
  return type;
}

Type Type::Struct(std::vector<Field> fields) {
  return Nested(TypeKind::kStruct, std::move(fields));
}

Type Type::List(Field element) {
  element.name = "element";
  return Nested(TypeKind::kList, {std::move(element)});
}

Type Type::Map(Field key, Field value) {
  key.name = "key";
  key.required = true;
  value.name = "value";
  return Nested(TypeKind::kMap, {std::move(key), std::move(value)});
}

const std::string& Type::parameters() const {
  static const std::string none;
  return inside_ == nullptr ? none : inside_->parameters;
}

const std::vector<Field>& Type::fields() const {
  static const std::vector<Field> none;
  return inside_ == nullptr ? none : inside_->fields;
}

const std::string& Type::other_members() const {
  static const std::string none;
  return inside_ == nullptr ? none : inside_->other_members;
}

Type Type::WithOtherMembers(std::string other_members) const {
  if (other_members.empty()) return *this;
  Type type = *this;
  type.inside_ =
      std::make_shared<const Inside>(Inside{parameters(), fields(), std::move(other_members)});
  return type;
}

bool operator==(const Type& a, const Type& b) {
  if (a.kind_ != b.kind_ || a.size_ != b.size_ || a.scale_ != b.scale_) return false;
  if (a.inside_ == b.inside_) return true;
  return a.parameters() == b.parameters() && a.fields() == b.fields();
}
}  // namespace weirhouse::iceberg

// The types of columns (Apache Iceberg table spec, "Schemas and Data Types") as values. type_json.h
// reads and writes them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace weirhouse::iceberg {

struct Field;

enum class TypeKind : std::uint8_t {
  kUnknown,  // format version 3: nulls alone
  kBoolean,
  kInt,
  kLong,
  kFloat,
  kDouble,
  kDecimal,  // of a precision and a scale
  kDate,
  kTime,
  kTimestamp,
  kTimestampTz,
  kString,
  kUuid,
  kFixed,  // of a length in bytes
  kBinary,
  // Format version 3.
  kTimestampNs,
  kTimestampTzNs,
  kVariant,
  kGeometry,   // with parameters that we do not interpret, or none
  kGeography,  // likewise
  // Nested types.
  kStruct,
  kList,  // one field, "element"
  kMap,   // two, "key" and "value"
};

// Immutable; copies share the fields of a nested type. Threads: any.
class Type {
 public:
  Type() = default;
  Type(TypeKind kind) : kind_(kind) {}  // NOLINT: implicit; of one that takes no parameters
  static Type Decimal(int precision, int scale);
  static Type Fixed(int length);
  // "srid:4326" of "geometry(srid:4326)".
  static Type Spatial(TypeKind kind, std::string parameters);
  static Type Struct(std::vector<Field> fields);
  // Sets the fields' names; a key is always required.
  static Type List(Field element);
  static Type Map(Field key, Field value);

  TypeKind kind() const { return kind_; }
  bool IsOneOf(std::initializer_list<TypeKind> kinds) const {
    return std::find(kinds.begin(), kinds.end(), kind_) != kinds.end();
  }
  bool is_nested() const { return kind_ >= TypeKind::kStruct; }
  int precision() const { return kind_ == TypeKind::kDecimal ? size_ : 0; }
  int scale() const { return scale_; }
  int length() const { return kind_ == TypeKind::kFixed ? size_ : 0; }
  const std::string& parameters() const;
  const std::vector<Field>& fields() const;
  // The other members of a nested type, as Field::other_members.
  const std::string& other_members() const;
  Type WithOtherMembers(std::string other_members) const;

  friend bool operator==(const Type& a, const Type& b);

 private:
  struct Inside;
  static Type Nested(TypeKind kind, std::vector<Field> fields);

  TypeKind kind_ = TypeKind::kUnknown;
  int size_ = 0;  // digits or bytes
  int scale_ = 0;
  std::shared_ptr<const Inside> inside_;
};

// "decimal(9,2)"; for a nested type its JSON with sorted keys.
std::string NameOf(const Type& type);
}  // namespace weirhouse::iceberg

#include "ground/platform/columnar/parquet_conform.h"

#include <arrow/api.h>
#include <arrow/compute/cast.h>
#include <arrow/extension_type.h>
#include <arrow/util/key_value_metadata.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace weirhouse::platform {
namespace {

std::optional<int> FieldIdOf(const arrow::Field& field) {
  if (field.metadata() == nullptr) return std::nullopt;
  const auto value = field.metadata()->Get("PARQUET:field_id");
  if (!value.ok()) return std::nullopt;
  int id = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), id);
  if (error != std::errc() || end != value->data() + value->size() || id < 0) return std::nullopt;
  return id;
}

bool HasZone(const arrow::DataType& type) {
  return !static_cast<const arrow::TimestampType&>(type).timezone().empty();
}

// Iceberg's promotions, and other spellings of the same type.
bool MayBecome(const arrow::DataType& from, const arrow::DataType& to) {
  if (from.Equals(to)) return true;
  switch (from.id()) {
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
      return to.id() == arrow::Type::INT32 || to.id() == arrow::Type::INT64;
    case arrow::Type::INT32:
    case arrow::Type::UINT32:
      return to.id() == arrow::Type::INT64;
    case arrow::Type::FLOAT:
      return to.id() == arrow::Type::DOUBLE;
    case arrow::Type::DATE32:
      return to.id() == arrow::Type::TIMESTAMP && !HasZone(to);
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128: {
      if (to.id() != arrow::Type::DECIMAL128) return false;
      const auto& narrow = static_cast<const arrow::DecimalType&>(from);
      const auto& wide = static_cast<const arrow::DecimalType&>(to);
      return narrow.scale() == wide.scale() && narrow.precision() <= wide.precision();
    }
    case arrow::Type::TIMESTAMP:
      return to.id() == arrow::Type::TIMESTAMP && HasZone(from) == HasZone(to);
    default:
      return PlainType(from.GetSharedPtr())->Equals(to);
  }
}

std::shared_ptr<arrow::Array> WithoutExtension(std::shared_ptr<arrow::Array> array) {
  while (array->type_id() == arrow::Type::EXTENSION) {
    array = static_cast<const arrow::ExtensionArray&>(*array).storage();
  }
  return array;
}
}  // namespace

Status CorruptParquet(const std::string& path, std::string_view why) {
  return Status(Code::kCorruption, fmt::format("could not read Parquet: {}: {}", why, path))
      .WithError("WH7032")
      .WithHint("`wh verify --deep` names every file whose bytes changed");
}

std::shared_ptr<arrow::DataType> PlainType(const std::shared_ptr<arrow::DataType>& type) {
  switch (type->id()) {
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
      return arrow::utf8();
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW:
      return arrow::binary();
    case arrow::Type::DICTIONARY:
      return PlainType(static_cast<const arrow::DictionaryType&>(*type).value_type());
    case arrow::Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(*type);
      return timestamp.timezone().empty() ? arrow::timestamp(arrow::TimeUnit::MICRO)
                                          : arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    }
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return arrow::time64(arrow::TimeUnit::MICRO);
    default:
      return type;
  }
}

int FieldConformer::Match(const arrow::FieldVector& stored, const arrow::Field& wanted) const {
  const std::optional<int> id = FieldIdOf(wanted);
  const bool has_ids = std::any_of(stored.begin(), stored.end(),
                                   [](const auto& field) { return FieldIdOf(*field).has_value(); });
  const std::vector<std::string>* names = nullptr;
  if (!has_ids && id && !options_.names.empty()) {
    const auto it = options_.names.find(*id);
    // the mapping is complete, so the file lacks the field
    if (it == options_.names.end()) return -1;
    names = &it->second;
  }
  const auto found = std::find_if(stored.begin(), stored.end(), [&](const auto& field) {
    if (has_ids && id) return FieldIdOf(*field) == id;
    if (names == nullptr) return field->name() == wanted.name();
    return std::find(names->begin(), names->end(), field->name()) != names->end();
  });
  return found == stored.end() ? -1 : static_cast<int>(found - stored.begin());
}

Result<std::shared_ptr<arrow::ChunkedArray>> FieldConformer::Conform(
    const std::shared_ptr<arrow::ChunkedArray>& column, const arrow::Field& stored,
    const arrow::Field& wanted) const {
  // Equal names do not make inner fields the same ones: their ids, which are metadata, do.
  const bool nested = arrow::is_nested(wanted.type()->id());
  if (column->type()->Equals(*wanted.type(), /*check_metadata=*/nested)) return column;
  arrow::ArrayVector chunks;
  for (const auto& chunk : column->chunks()) {
    WEIRHOUSE_TRY(std::shared_ptr<arrow::Array> conformed, ConformArray(chunk, stored, wanted));
    chunks.push_back(std::move(conformed));
  }
  return std::make_shared<arrow::ChunkedArray>(std::move(chunks), wanted.type());
}

Result<std::shared_ptr<arrow::Array>> FieldConformer::Absent(const arrow::Field& wanted,
                                                             std::int64_t count) const {
  if (const std::optional<int> id = FieldIdOf(wanted)) {
    const auto it = options_.defaults.find(*id);
    if (it != options_.defaults.end()) {
      auto filled = arrow::MakeArrayFromScalar(*it->second, count);
      if (!filled.ok()) return CorruptParquet(path_, filled.status().message());
      return *std::move(filled);
    }
  }
  auto nulls = arrow::MakeArrayOfNull(wanted.type(), count);
  if (!nulls.ok()) return CorruptParquet(path_, nulls.status().message());
  return *std::move(nulls);
}

Status FieldConformer::Differs(const arrow::DataType& stored, const arrow::Field& wanted) const {
  return CorruptParquet(
      path_, fmt::format("column \"{}\" has type {}, but the table has {}", wanted.name(),
                         stored.ToString(), wanted.type()->ToString()));
}

Result<std::shared_ptr<arrow::Array>> FieldConformer::ConformArray(
    std::shared_ptr<arrow::Array> array, const arrow::Field& stored,
    const arrow::Field& wanted) const {
  if (arrow::is_nested(wanted.type()->id())) {
    return ConformInner(array, *stored.type(), wanted);
  }
  array = WithoutExtension(std::move(array));
  if (array->type()->Equals(*wanted.type())) return array;
  if (!MayBecome(*array->type(), *wanted.type())) return Differs(*array->type(), wanted);
  // A safe cast: it fails if it would lose data.
  auto cast = arrow::compute::Cast(arrow::Datum(array), wanted.type());
  if (!cast.ok()) {
    return CorruptParquet(path_,
                          fmt::format("column \"{}\": {}", wanted.name(), cast.status().message()));
  }
  return cast->make_array();
}

// Children of a struct are as long as its offset and length together; so are those that are added.
Result<std::shared_ptr<arrow::ArrayData>> FieldConformer::ConformStruct(
    const arrow::ArrayData& data, const arrow::FieldVector& stored,
    const arrow::DataType& wanted) const {
  std::vector<std::shared_ptr<arrow::ArrayData>> children;
  for (const auto& field : wanted.fields()) {
    const int match = Match(stored, *field);
    std::shared_ptr<arrow::Array> child;
    if (match < 0) {
      WEIRHOUSE_TRY(child, Absent(*field, data.offset + data.length));
    } else {
      const auto place = static_cast<std::size_t>(match);
      WEIRHOUSE_TRY(child,
                    ConformArray(arrow::MakeArray(data.child_data[place]), *stored[place], *field));
    }
    children.push_back(child->data());
  }
  return arrow::ArrayData::Make(wanted.GetSharedPtr(), data.length, {data.buffers[0]},
                                std::move(children), data.GetNullCount(), data.offset);
}

Result<std::shared_ptr<arrow::Array>> FieldConformer::ConformInner(
    const std::shared_ptr<arrow::Array>& array, const arrow::DataType& stored,
    const arrow::Field& wanted) const {
  const arrow::DataType& type = *wanted.type();
  if (stored.id() == arrow::Type::LARGE_LIST && type.id() == arrow::Type::LIST) {
    const auto list = arrow::list(stored.field(0));
    auto cast = arrow::compute::Cast(arrow::Datum(array), list);
    if (!cast.ok()) return CorruptParquet(path_, cast.status().message());
    return ConformInner(cast->make_array(), *list, wanted);
  }
  if (stored.id() != type.id() || array->type_id() != type.id()) return Differs(stored, wanted);
  const arrow::ArrayData& data = *array->data();
  if (type.id() == arrow::Type::STRUCT) {
    WEIRHOUSE_TRY(std::shared_ptr<arrow::ArrayData> made,
                  ConformStruct(data, stored.fields(), type));
    return arrow::MakeArray(made);
  }
  std::shared_ptr<arrow::ArrayData> values;
  if (type.id() == arrow::Type::MAP) {
    // Keys and values have fixed places, whatever their names and ids.
    const arrow::ArrayData& entries = *data.child_data[0];
    const auto& pair = *stored.field(0)->type();
    const auto& wanted_pair = *type.field(0)->type();
    values = entries.Copy();
    values->type = type.field(0)->type();
    for (int i = 0; i < 2; ++i) {
      const auto place = static_cast<std::size_t>(i);
      WEIRHOUSE_TRY(const std::shared_ptr<arrow::Array> inner,
                    ConformArray(arrow::MakeArray(entries.child_data[place]), *pair.field(i),
                                 *wanted_pair.field(i)));
      values->child_data[place] = inner->data();
    }
  } else if (type.id() == arrow::Type::LIST) {
    WEIRHOUSE_TRY(
        const std::shared_ptr<arrow::Array> inner,
        ConformArray(arrow::MakeArray(data.child_data[0]), *stored.field(0), *type.field(0)));
    values = inner->data();
  } else {
    return Differs(stored, wanted);
  }
  auto made = data.Copy();
  made->type = wanted.type();
  made->child_data = {std::move(values)};
  return arrow::MakeArray(made);
}
}  // namespace weirhouse::platform

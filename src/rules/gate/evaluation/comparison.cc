#include "rules/gate/evaluation/comparison.h"

#include <array>
#include <cctype>
#include <concepts>
#include <utility>

#include "ground/base/ascii.h"
#include "ground/platform/columnar/typed_array.h"

namespace weirhouse::gate {
namespace {
using Order = Comparison::Order;

bool IsOfName(char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; }

void SkipSpaces(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n')) text.remove_prefix(1);
}

// A bare name that SQL reads as a column: no key word that stands for a value.
std::string ReadName(std::string_view& text) {
  SkipSpaces(text);
  std::size_t size = 0;
  while (size < text.size() && IsOfName(text[size])) ++size;
  std::string name(text.substr(0, size));
  text.remove_prefix(size);
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) != 0) return "";
  constexpr std::array kValues = {"true",         "false", "null",   "user",
                                  "session_user", "rowid", "default"};
  for (const char* value : kValues) {
    if (SameButForCase(name, value)) return "";
  }
  for (const std::string_view begin : {"current_", "local"}) {
    if (name.size() >= begin.size() && SameButForCase(name.substr(0, begin.size()), begin))
      return "";
  }
  return name;
}

std::optional<Order> ReadOrder(std::string_view& text) {
  constexpr std::array<std::pair<std::string_view, Order>, 8> kSigns = {{{"<=", Order::kAtMost},
                                                                         {">=", Order::kAtLeast},
                                                                         {"<>", Order::kUnequal},
                                                                         {"!=", Order::kUnequal},
                                                                         {"==", Order::kEqual},
                                                                         {"<", Order::kLess},
                                                                         {">", Order::kGreater},
                                                                         {"=", Order::kEqual}}};
  SkipSpaces(text);
  for (const auto& [sign, order] : kSigns) {
    if (!text.starts_with(sign)) continue;
    text.remove_prefix(sign.size());
    return order;
  }
  return std::nullopt;
}

// What is ordered here as the engine orders it.
template <typename Array>
concept Ordered =
    platform::IntegerArray<Array> || platform::RealArray<Array> ||
    platform::OneOf<Array, arrow::Date32Array, arrow::TimestampArray, arrow::StringArray>;

bool IsOrdered(const arrow::DataType& type) {
  bool ordered = false;
  platform::VisitArrayClass(
      type, [&]<typename Array>(platform::ArrayClass<Array>) { ordered = Ordered<Array>; });
  return ordered;
}

std::shared_ptr<arrow::Field> OnlyField(const arrow::Schema& schema, const std::string& name) {
  std::shared_ptr<arrow::Field> found;
  for (const auto& field : schema.fields()) {
    if (!SameButForCase(field->name(), name)) continue;
    if (found != nullptr || field->name() != name) return nullptr;
    found = field;
  }
  return found;
}

template <typename Value>
int SignOf(const Value& a, const Value& b) {
  if constexpr (std::floating_point<Value>) {
    if (a != a || b != b) return static_cast<int>(a != a) - static_cast<int>(b != b);
  }
  return a < b ? -1 : static_cast<int>(b < a);
}

bool Holds(Order order, int sign) {
  switch (order) {
    case Order::kLess:
      return sign < 0;
    case Order::kAtMost:
      return sign <= 0;
    case Order::kGreater:
      return sign > 0;
    case Order::kAtLeast:
      return sign >= 0;
    case Order::kEqual:
      return sign == 0;
    case Order::kUnequal:
      break;
  }
  return sign != 0;
}

std::shared_ptr<arrow::Array> OneChunk(const arrow::ChunkedArray& column) {
  if (column.num_chunks() == 1) return column.chunk(0);
  auto whole = arrow::Concatenate(column.chunks());
  return whole.ok() ? *whole : nullptr;
}
}  // namespace

std::optional<Comparison> ReadComparison(std::string_view expression, const arrow::Schema& schema) {
  Comparison read;
  read.left = ReadName(expression);
  const auto order = ReadOrder(expression);
  read.right = ReadName(expression);
  SkipSpaces(expression);
  if (read.left.empty() || !order || read.right.empty() || !expression.empty()) return std::nullopt;
  read.order = *order;
  const auto left = OnlyField(schema, read.left);
  const auto right = OnlyField(schema, read.right);
  if (left == nullptr || right == nullptr || !left->type()->Equals(right->type()) ||
      !IsOrdered(*left->type())) {
    return std::nullopt;
  }
  return read;
}

std::shared_ptr<arrow::Array> Compare(const Comparison& comparison, const arrow::Table& rows) {
  const auto left_column = rows.GetColumnByName(comparison.left);
  const auto right_column = rows.GetColumnByName(comparison.right);
  if (left_column == nullptr || right_column == nullptr ||
      !left_column->type()->Equals(right_column->type())) {
    return nullptr;
  }
  arrow::BooleanBuilder answers;
  if (!answers.Reserve(rows.num_rows()).ok()) return nullptr;
  std::shared_ptr<arrow::Array> left;
  std::shared_ptr<arrow::Array> right;
  if (rows.num_rows() > 0) {
    left = OneChunk(*left_column);
    right = OneChunk(*right_column);
    if (left == nullptr || right == nullptr) return nullptr;
    const bool known = platform::VisitTyped(
        *left, [&]<typename Array>(const Array& a)
          requires Ordered<Array>
        {
          const auto& b = static_cast<const Array&>(*right);
          const bool whole = a.null_count() == 0 && b.null_count() == 0;
          for (std::int64_t row = 0; row < a.length(); ++row) {
            if (!whole && (a.IsNull(row) || b.IsNull(row))) {
              answers.UnsafeAppendNull();
            } else {
              answers.UnsafeAppend(Holds(
                  comparison.order, SignOf(platform::ValueAt(a, row), platform::ValueAt(b, row))));
            }
          }
        });
    if (!known) return nullptr;
  }
  std::shared_ptr<arrow::Array> array;
  return answers.Finish(&array).ok() ? array : nullptr;
}
}  // namespace weirhouse::gate

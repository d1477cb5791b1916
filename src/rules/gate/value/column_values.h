// Walking the values of an Arrow column by type. Includes Arrow, so only
// for .cc files.
#pragma once

#include <arrow/api.h>
#include <arrow/util/decimal.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/platform/columnar/typed_array.h"
#include "rules/gate/value/family.h"

namespace weirhouse::gate {

// "table lacks the column …" as a kInternal status, or the column.
Result<std::shared_ptr<arrow::ChunkedArray>> ColumnOf(const arrow::Table& rows,
                                                      const std::string& name);

// What a column holds: of a dictionary the type of its values.
const arrow::DataType& ValueType(const arrow::DataType& type);
// Calls each(text, count) for the texts of a dictionary array that occur.
void VisitDictionaryCounts(const arrow::Array& chunk,
                           const std::function<void(std::string_view, std::int64_t)>& each);

namespace internal {
Status UnknownType(const arrow::DataType& type);
}  // namespace internal

// The index of each row into the texts of a dictionary array, by the width that it has. A row whose
// text is null is null.
template <typename OnNull, typename OnIndex>
void VisitIndices(const arrow::DictionaryArray& array, OnNull on_null, OnIndex on_index) {
  const arrow::Array& texts = *array.dictionary();
  const bool whole = texts.null_count() == 0;
  platform::VisitTyped(*array.indices(), [&]<typename Indices>(const Indices& indices)
                         requires platform::IntegerArray<Indices>
                       {
                         platform::VisitRows(indices, on_null, [&](std::int64_t row) {
                           const auto index = static_cast<std::int64_t>(indices.Value(row));
                           if (whole || texts.IsValid(index)) {
                             on_index(row, index);
                           } else {
                             on_null(row);
                           }
                         });
                       });
}
// Calls use(texts) with the texts of a dictionary array.
template <typename Use>
void WithTexts(const arrow::DictionaryArray& array, Use use) {
  platform::VisitTyped(*array.dictionary(), [&]<typename Texts>(const Texts& texts)
                         requires platform::TextArray<Texts>
                       { use(texts); });
}

// platform::VisitValues, of dictionaries of texts too; WH3005 for types that no check knows.
template <typename OnNull, typename OnValue>
Status VisitColumn(const arrow::ChunkedArray& column, OnNull on_null, OnValue on_value) {
  if (column.type()->id() == arrow::Type::DICTIONARY) {
    std::int64_t first = 0;
    for (const auto& chunk : column.chunks()) {
      const auto& array = static_cast<const arrow::DictionaryArray&>(*chunk);
      WithTexts(array, [&](const auto& texts) {
        VisitIndices(
            array, [&](std::int64_t row) { on_null(first + row); },
            [&](std::int64_t row, std::int64_t index) {
              on_value(first + row, std::string_view(texts.GetView(index)));
            });
      });
      first += chunk->length();
    }
    return Status();
  }
  if (platform::VisitValues(column, on_null, on_value)) return Status();
  return internal::UnknownType(*column.type());
}
}  // namespace weirhouse::gate

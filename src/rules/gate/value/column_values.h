// Walking the values of an Arrow column by type. Includes Arrow, so only
// for .cc files.
#pragma once

#include <arrow/api.h>
#include <arrow/util/decimal.h>

#include <cstdint>
#include <memory>
#include <string>

#include "ground/base/status.h"
#include "ground/platform/columnar/typed_array.h"
#include "rules/gate/value/family.h"

namespace weirhouse::gate {

// "table lacks the column …" as a kInternal status, or the column.
Result<std::shared_ptr<arrow::ChunkedArray>> ColumnOf(const arrow::Table& rows,
                                                      const std::string& name);

namespace internal {
Status UnknownType(const arrow::DataType& type);
}  // namespace internal

// platform::VisitValues; WH3005 for types that no check knows.
template <typename OnNull, typename OnValue>
Status VisitColumn(const arrow::ChunkedArray& column, OnNull on_null, OnValue on_value) {
  if (platform::VisitValues(column, on_null, on_value)) return Status();
  return internal::UnknownType(*column.type());
}
}  // namespace weirhouse::gate

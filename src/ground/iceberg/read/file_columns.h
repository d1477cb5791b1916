// How a schema's columns are found in data files that others wrote, and what stands in for those
// that are not there.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/type/type_json.h"
#include "ground/platform/columnar/parquet.h"

namespace weirhouse::iceberg {

// A default (spec, "JSON single-value serialization") as a value of the Arrow type of `field`. A
// struct's default is {} or null, a list's or map's null. Errors: kCorruption (WH7050).
Result<std::shared_ptr<arrow::Scalar>> ScalarOfDefault(const std::string& json, const Field& field);

// Reads `wanted`: by field id, by the table property schema.name-mapping.default in files without
// ids; what a file lacks has its initial default, else null.
Result<platform::ParquetReadOptions> ReadOptionsOf(const Schema& wanted,
                                                   const TableMetadata& table);
}  // namespace weirhouse::iceberg

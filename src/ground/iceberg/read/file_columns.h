// Maps a schema's columns to those of data files written by other engines, and supplies defaults
// for columns that a file lacks.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/type/type_json.h"
#include "ground/platform/columnar/parquet.h"

namespace weirhouse::iceberg {

// Converts a default (Apache Iceberg table spec, appendix D, "JSON single-value serialization") to
// a value of the Arrow type of `field`. A struct's default is {} or null, a list's or map's null.
// Errors: kCorruption (WH7050).
Result<std::shared_ptr<arrow::Scalar>> ParseDefault(const std::string& json, const Field& field);

// The options to read `wanted`: columns are matched by field id, or, in files without ids, by the
// table property schema.name-mapping.default. A column that the file lacks gets its initial
// default, else null.
Result<platform::ParquetReadOptions> MakeReadOptions(const Schema& wanted,
                                                     const TableMetadata& table);
}  // namespace weirhouse::iceberg

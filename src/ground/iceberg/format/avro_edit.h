// Avro files with some values changed, and everything else as their writer had it: schema, header,
// order, fields that we do not know.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/iceberg/format/avro.h"

namespace weirhouse::iceberg {

// What becomes of one top-level record. Values are asked for in the order of the file's schema.
struct AvroEdit {
  // Called before the values of each record.
  std::function<Status(const AvroValue& record)> begin;
  // The text or bytes that the field with this id gets instead of `value`. `key`: where the field
  // is the value of a map's entry, that entry's key, else -1.
  std::function<std::string(int field_id, std::int64_t key, std::string_view value)> text;
  std::function<std::int64_t(int field_id, std::int64_t value)> number;
};

// The file with its values changed. Equal input gives equal bytes. Errors: kCorruption (WH7052), and
// those of `begin`.
Result<std::string> EditAvro(std::string_view file, const AvroEdit& edit);
}  // namespace weirhouse::iceberg

// Rewrites Avro files with some values changed and everything else as its writer wrote it: schema,
// header, order, unknown fields.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/iceberg/format/avro.h"

namespace weirhouse::iceberg {

// The changes to one top-level record. Values are visited in the order of the file's schema.
struct AvroEdit {
  // Called before the values of each record.
  std::function<Status(const AvroValue& record)> begin;
  // Returns the new text or bytes of the field with this id. `key`: if the field is the value of a
  // map entry, that entry's key, else -1.
  std::function<std::string(int field_id, std::int64_t key, std::string_view value)> text;
  std::function<std::int64_t(int field_id, std::int64_t value)> number;
};

// The rewritten file. Equal input gives equal bytes. Errors: kCorruption (WH7052), and those of
// `begin`.
Result<std::string> EditAvro(std::string_view file, const AvroEdit& edit);
}  // namespace weirhouse::iceberg

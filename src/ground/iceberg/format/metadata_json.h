// Writes the JSON of metadata.json directly into a string: building a DOM for 100 snapshots would
// cost more than the whole commit may.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

void AppendJsonText(std::string& out, std::string_view text);  // quoted and escaped
void AppendJsonInt(std::string& out, std::int64_t value);
void AppendSchemaJson(std::string& out, const Schema& schema);
// Only the array of fields, as a manifest's header holds it.
void AppendSpecFieldsJson(std::string& out, const PartitionSpec& spec);
}  // namespace weirhouse::iceberg

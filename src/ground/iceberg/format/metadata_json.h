// JSON text as metadata.json wants it, written straight into a string: a DOM of 100 snapshots costs
// more than the whole commit may.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

void AppendJsonText(std::string& out, std::string_view text);  // quoted and escaped
void AppendJsonInt(std::string& out, std::int64_t value);
void AppendSchemaJson(std::string& out, const Schema& schema);
// The array of fields alone: what a manifest's header holds.
void AppendSpecFieldsJson(std::string& out, const PartitionSpec& spec);
}  // namespace weirhouse::iceberg

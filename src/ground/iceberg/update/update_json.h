// Parses the requests of REST clients that create and change tables into values (update.h). Pure;
// threads: any. The parsed values hold copies, so the JSON need not outlive them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/update/update.h"

namespace weirhouse::iceberg {

// The array "updates" of a CommitTableRequest. Actions are matched in any case; the member names of
// older clients are accepted too.
//   kInvalidInput  unknown or malformed (WH7067), naming the update and its place: `update 3 (add-schema):
//                  "schema.fields[0].id" is missing`
Result<std::vector<Update>> ParseUpdates(const nlohmann::json& updates);

// A CreateTableRequest: {schema, location?, partition-spec?, write-order?, properties?}. `name` is for the
// message alone.
//   kInvalidInput  malformed (WH7067), with its place
Result<WantedTable> ParseWantedTable(const nlohmann::json& request, const std::string& name);
}  // namespace weirhouse::iceberg

// The place of a record in the file it arrived in.
#pragma once

#include <string>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// "orders/2024-01-01.jsonl:7"; "orders/7" if its object can no longer be cut into records; empty if
// no object has it. Cost: reads the object up to the record.
Result<std::string> PlaceOfRecord(Workspace& workspace, RecordId record);
}  // namespace weirhouse::work

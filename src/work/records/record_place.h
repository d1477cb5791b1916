// Where a record stands in the file it came in.
#pragma once

#include <string>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// "orders/2024-01-01.jsonl:7"; "orders/7" where its object cannot be cut any more; empty if no
// object has it. Cost: reads the object up to the record.
Result<std::string> PlaceOfRecord(Workspace& workspace, RecordId record);
}  // namespace weirhouse::work

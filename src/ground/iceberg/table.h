// Iceberg tables: the only reader (versions 1 to 3) and the only writer (version 2) inside. All of
// its parts at once, for those who read and write tables; the parts themselves include one another.
//
// A table's state is an immutable metadata.json. Writing stages files nobody can see and a new
// metadata.json; the caller hands the pointer change to catalog::Commit. Nothing here touches the
// catalog.
#pragma once

#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/read/history.h"
#include "ground/iceberg/read/row_digest.h"
#include "ground/iceberg/read/scan.h"
#include "ground/iceberg/write/compaction.h"
#include "ground/iceberg/write/stage.h"

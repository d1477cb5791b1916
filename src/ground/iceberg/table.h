// Iceberg tables: the only reader (format versions 1 to 3) and the only writer (version 2) of the
// product. Includes all parts, for code that both reads and writes tables; the parts include each
// other directly.
//
// A table's state is an immutable metadata.json. A write stages files that no reader can see and a
// new metadata.json; the caller passes the pointer change to catalog::Commit. Nothing here accesses
// the catalog.
#pragma once

#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/read/history.h"
#include "ground/iceberg/read/row_digest.h"
#include "ground/iceberg/read/scan.h"
#include "ground/iceberg/write/compaction.h"
#include "ground/iceberg/write/stage.h"

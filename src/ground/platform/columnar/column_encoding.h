// How a column of a Parquet file is stored, chosen by a sample of its cells.
#pragma once

#include <arrow/type_fwd.h>

namespace weirhouse::platform {

struct ColumnEncoding {
  bool dictionary = true;
  bool delta = false;      // DELTA_BINARY_PACKED, of integers and times without a dictionary
  bool compressed = true;  // false: compressing saves too little to be worth its time
};
// A dictionary of values that hardly repeat is built, hashed and given up for each column chunk,
// and digests and measured doubles do not shrink: both are half of the time of writing such a file.
// Small columns keep a dictionary. Equal cells give equal answers. Threads: any. Cost: about a
// thousand cells.
ColumnEncoding ChooseEncoding(const arrow::ChunkedArray& column);
}  // namespace weirhouse::platform

#include "ground/base/resource/free_memory.h"

#include <arrow/memory_pool.h>
#include <malloc.h>

namespace weirhouse {

void ReturnFreeMemory() {
  arrow::default_memory_pool()->ReleaseUnused();
  malloc_trim(0);
}
}  // namespace weirhouse

// Returns unused memory from the allocator to the system.
#pragma once

namespace weirhouse {

// Call it after a large piece of work: the allocator of small objects keeps freed memory that other
// allocators cannot use. Cost: milliseconds. Threads: any.
void ReturnFreeMemory();
}  // namespace weirhouse

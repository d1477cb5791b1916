// Memory that nobody uses any more, and that allocators keep for the next who asks.
#pragma once

namespace weirhouse {

// Gives it back to the system. For the ends of large pieces of work: what many small objects took
// is kept by the allocator of small objects, where other allocators cannot have it. Cost:
// milliseconds.
void ReturnFreeMemory();
}  // namespace weirhouse

// The heap of a process that works on columns.
#pragma once

namespace weirhouse::platform {

// Columns and what is made of them share malloc's heap, which keeps up to 32 MiB that a batch frees
// for the next one. With Arrow's own heap beside it, both of which give memory back at once, a
// twelfth of a large batch's time was zeroed pages. At most two arenas: each reserves 64 MiB of
// addresses, which batches lack under a limit on the address space. Call it once, before Arrow is
// used and before there are threads. A pool that ARROW_DEFAULT_MEMORY_POOL names is kept.
void ShareOneHeap();
}  // namespace weirhouse::platform

// The online store's rows in RocksDB. Bytes: see online_layout.h.
#pragma once

#include <memory>

#include "ground/platform/kv/kv.h"
#include "rules/feature/online/backend.h"

namespace weirhouse::feature {

// `store` must outlive it. Its moments are snapshots and never answer kConflict. Cost: about a
// microsecond to read a row, 15 µs to write one.
std::unique_ptr<OnlineBackend> MakeKvBackend(platform::KvStore& store);
}  // namespace weirhouse::feature

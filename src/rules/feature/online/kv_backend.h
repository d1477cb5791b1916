// The online store's rows in RocksDB. Bytes: see online_layout.h.
#pragma once

#include <memory>

#include "ground/platform/kv/kv.h"
#include "rules/feature/online/backend.h"

namespace weirhouse::feature {

// `store` must outlive it. Its moments are snapshots and never answer kConflict. Cost: a row read
// about a microsecond, a Write 15 us for each row.
std::unique_ptr<OnlineBackend> MakeKvBackend(platform::KvStore& store);
}  // namespace weirhouse::feature

// Detects and removes a damaged key-value store, which is then filled anew.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::platform {

// Returned by KvStore::Open and by every read and write: the store's own files are missing or
// contradict themselves (kCorruption).
inline constexpr Reason kDamagedStoreError{"WH7027"};
// Removes a store, whatever is left of it. No process may have it open for writing.
Status RemoveKvStore(const std::string& folder);
}  // namespace weirhouse::platform

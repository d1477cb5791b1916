// What tells that a key-value store has to be removed and filled anew.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::platform {

// Of KvStore::Open and of every read and write: the store's own files are missing or contradict
// themselves (kCorruption).
inline constexpr Reason kDamagedStoreError{"WH7027"};
// Removes a store that nobody has open for writing, whatever is left of it.
Status RemoveKvStore(const std::string& folder);
}  // namespace weirhouse::platform

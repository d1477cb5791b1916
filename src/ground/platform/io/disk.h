// Former names of the object store, until their users are moved.
#pragma once

#include "ground/platform/io/faulty_store.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::platform {
using Disk = ObjectStore;
using FaultyDisk = FaultyStore;
inline ObjectStore& LocalDisk() { return LocalStore(); }
}  // namespace weirhouse::platform

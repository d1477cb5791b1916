// The machine's own disk as an object store, and operations that only a disk has.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::platform {

// Files by absolute paths and "file:" URIs. A crash leaves each write wholly done or not at all,
// and a call that makes a file durable has fsynced it before it returns. Honours the failpoints'
// simulated power loss: files written and not yet flushed are emptied before the process ends.
// Threads: any. Lives as long as the process.
ObjectStore& LocalStore();

// The direct entries of a local folder, sorted by name: files and folders, links followed.
// kNotFound if the folder does not exist. For the project's own files; list the lake through its
// store.
Result<std::vector<FileInfo>> ListFolder(const std::string& folder);

// The median time in seconds of `count` fsyncs of 4 KiB in `folder`, which `wh doctor` shows.
Result<double> MeasureFsyncSeconds(const std::string& folder, int count = 50);
}  // namespace weirhouse::platform

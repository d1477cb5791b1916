// The machine's own disk: as an object store, and what only a disk has.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::platform {

// Files, by absolute paths and "file:" URIs. A crash leaves all or nothing of each, and it is fsynced
// before anyone is told. Honours the failpoints' simulated power loss: files written and not yet
// flushed are cut to nothing before the process ends.
ObjectStore& LocalStore();

// Direct entries of a folder of this machine, sorted by name: files and folders, links followed.
// kNotFound if the folder is absent. For the project's own files; the lake is listed by its store.
Result<std::vector<FileInfo>> ListFolder(const std::string& folder);

// Median seconds of `count` fsyncs of 4 KiB in `folder`; what durations are read beside (`wh
// doctor`).
Result<double> MeasureFsyncSeconds(const std::string& folder, int count = 50);
}  // namespace weirhouse::platform

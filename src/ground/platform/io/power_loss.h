// Tracks what a power cut would lose: files not yet fsynced, and names whose folder was not yet
// fsynced. Compiled to nothing in a released build.
#pragma once

#include <string>

namespace weirhouse::platform {

#ifdef WEIRHOUSE_FAILPOINTS
enum class Unsynced {
  kBytes,  // a power cut leaves the file empty
  kName,   // a power cut leaves no such file
};
// Threads: any.
void MarkUnsynced(const std::string& path, Unsynced what);
void MarkSynced(const std::string& path);
void MarkBytesSynced(const std::string& path);  // its name may still be lost
void MarkNameSynced(const std::string& path);   // does nothing to a file whose bytes are unsynced
// Changes the files as a power cut might: the worst case that POSIX allows.
void LoseUnsynced();
#else
enum class Unsynced { kBytes, kName };
inline void MarkUnsynced(const std::string& /*path*/, Unsynced /*what*/) {}
inline void MarkSynced(const std::string& /*path*/) {}
inline void MarkBytesSynced(const std::string& /*path*/) {}
inline void MarkNameSynced(const std::string& /*path*/) {}
#endif
}  // namespace weirhouse::platform

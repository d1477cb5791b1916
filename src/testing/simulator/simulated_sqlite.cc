#include "testing/simulator/simulated_sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <map>
#include <new>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::simulator {
namespace {
// One write or cut of a file, so that it can be undone.
struct Change {
  sqlite3_int64 offset = 0;
  std::string before;  // of the bytes from `offset` on, as far as there were any
  std::string after;   // empty: the file was cut to `offset`
  sqlite3_int64 size_before = 0;
  bool synced = false;
};
struct FileLog {
  std::vector<Change> changes;  // since the last reliable fsync
  std::size_t doubtful = 0;     // the number of first changes that existed when an fsync failed
  bool in_burst = false;        // written to since the last fsync
};
struct World {
  sqlite3_vfs* real = nullptr;
  sqlite3_vfs own{};
  Faults* faults = nullptr;
  Plant plant = Plant::kNone;
  std::map<std::string, FileLog> logs;
};
World& TheWorld() {
  static World* const world = new World;  // SQLite keeps a pointer to it
  return *world;
}

// SQLite allocates this many bytes and passes them to Open; the file of the real VFS follows.
struct SimulatedFile {
  sqlite3_file base;
  FileLog* log;  // null: a file that is not tracked
  bool is_log;   // the write-ahead log
};
sqlite3_file* RealOf(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<SimulatedFile*>(file) + 1);
}
SimulatedFile* Own(sqlite3_file* file) { return reinterpret_cast<SimulatedFile*>(file); }

Fate CallOf(sqlite3_file* file) {
  Faults* const faults = TheWorld().faults;
  return faults == nullptr || Own(file)->log == nullptr ? Fate::kGoes : faults->Call();
}
// The number of pages in a transaction depends on the widths of numbers that the seed does not
// decide (inodes). So all writes up to an fsync count as one call; at a power loss before the fsync
// any of them may be lost.
Fate CallOfWrite(sqlite3_file* file) {
  Faults* const faults = TheWorld().faults;
  FileLog* const log = Own(file)->log;
  if (faults == nullptr || log == nullptr) return Fate::kGoes;
  if (faults->refuses_all()) return Fate::kRefused;
  if (log->in_burst) return Fate::kGoes;
  log->in_burst = true;
  return faults->Call();
}
sqlite3_int64 SizeOfReal(sqlite3_file* real) {
  sqlite3_int64 size = 0;
  return real->pMethods->xFileSize(real, &size) == SQLITE_OK ? size : 0;
}
// Of a file of `size` bytes.
std::string BytesAt(sqlite3_file* real, sqlite3_int64 size, sqlite3_int64 offset,
                    sqlite3_int64 wanted) {
  const sqlite3_int64 there = size - offset;
  if (there <= 0 || wanted <= 0) return {};
  std::string bytes(static_cast<std::size_t>(wanted < there ? wanted : there), '\0');
  const int rc = real->pMethods->xRead(real, bytes.data(), static_cast<int>(bytes.size()), offset);
  WEIRHOUSE_CHECK(rc == SQLITE_OK);
  return bytes;
}

int Close(sqlite3_file* file) { return RealOf(file)->pMethods->xClose(RealOf(file)); }
int Read(sqlite3_file* file, void* into, int size, sqlite3_int64 offset) {
  return RealOf(file)->pMethods->xRead(RealOf(file), into, size, offset);
}
int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  sqlite3_file* const real = RealOf(file);
  const Fate fate = CallOfWrite(file);
  if (fate == Fate::kRefused) return SQLITE_IOERR_WRITE;
  if (fate == Fate::kDoneRefused) {  // writes a part of it
    size = static_cast<int>(TheWorld().faults->random().Below(static_cast<std::uint64_t>(size)));
    if (size == 0) return SQLITE_IOERR_WRITE;
  }
  if (FileLog* const log = Own(file)->log) {
    Change change;
    change.offset = offset;
    change.size_before = SizeOfReal(real);
    change.before = BytesAt(real, change.size_before, offset, size);
    change.after.assign(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
    log->changes.push_back(std::move(change));
  }
  const int rc = real->pMethods->xWrite(real, bytes, size, offset);
  return fate == Fate::kGoes ? rc : SQLITE_IOERR_WRITE;
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  sqlite3_file* const real = RealOf(file);
  const Fate fate = CallOf(file);
  if (fate == Fate::kRefused) return SQLITE_IOERR_TRUNCATE;
  if (FileLog* const log = Own(file)->log) {
    Change change;
    change.offset = size;
    change.size_before = SizeOfReal(real);
    change.before = BytesAt(real, change.size_before, size, change.size_before - size);
    log->changes.push_back(std::move(change));
  }
  const int rc = real->pMethods->xTruncate(real, size);
  return fate == Fate::kGoes ? rc : SQLITE_IOERR_TRUNCATE;
}
int Sync(sqlite3_file* file, int flags) {
  const Fate fate = CallOf(file);
  FileLog* const log = Own(file)->log;
  if (log != nullptr) log->in_burst = false;
  if (fate == Fate::kRefused) {
    if (log != nullptr) log->doubtful = log->changes.size();
    return SQLITE_IOERR_FSYNC;
  }
  const bool planted = TheWorld().plant == Plant::kCommitNotSynced && Own(file)->is_log;
  if (log != nullptr && !planted) {
    for (std::size_t i = log->doubtful; i < log->changes.size(); ++i) log->changes[i].synced = true;
    if (log->doubtful == 0) log->changes.clear();
  }
  if (fate == Fate::kDoneRefused) return SQLITE_IOERR_FSYNC;
  return RealOf(file)->pMethods->xSync(RealOf(file), flags);
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return RealOf(file)->pMethods->xFileSize(RealOf(file), size);
}
int Lock(sqlite3_file* file, int level) {
  return RealOf(file)->pMethods->xLock(RealOf(file), level);
}
int Unlock(sqlite3_file* file, int level) {
  return RealOf(file)->pMethods->xUnlock(RealOf(file), level);
}
int CheckReservedLock(sqlite3_file* file, int* held) {
  return RealOf(file)->pMethods->xCheckReservedLock(RealOf(file), held);
}
int FileControl(sqlite3_file* file, int what, void* argument) {
  return RealOf(file)->pMethods->xFileControl(RealOf(file), what, argument);
}
int SectorSize(sqlite3_file* file) { return RealOf(file)->pMethods->xSectorSize(RealOf(file)); }
int DeviceCharacteristics(sqlite3_file* file) {
  return RealOf(file)->pMethods->xDeviceCharacteristics(RealOf(file));
}
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
  return RealOf(file)->pMethods->xShmMap(RealOf(file), page, size, extend, memory);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return RealOf(file)->pMethods->xShmLock(RealOf(file), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) { RealOf(file)->pMethods->xShmBarrier(RealOf(file)); }
int ShmUnmap(sqlite3_file* file, int remove) {
  return RealOf(file)->pMethods->xShmUnmap(RealOf(file), remove);
}
// Version 2, without the mapped reads of version 3.
const sqlite3_io_methods kMethods = {2,
                                     Close,
                                     Read,
                                     Write,
                                     Truncate,
                                     Sync,
                                     FileSize,
                                     Lock,
                                     Unlock,
                                     CheckReservedLock,
                                     FileControl,
                                     SectorSize,
                                     DeviceCharacteristics,
                                     ShmMap,
                                     ShmLock,
                                     ShmBarrier,
                                     ShmUnmap,
                                     nullptr,
                                     nullptr};

int Open(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  World& world = TheWorld();
  const bool watched = name != nullptr && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0;
  if (watched && world.faults != nullptr && world.faults->dead()) {
    file->pMethods = nullptr;
    return SQLITE_CANTOPEN;
  }
  const int rc = world.real->xOpen(world.real, name, RealOf(file), flags, out_flags);
  file->pMethods = rc == SQLITE_OK ? &kMethods : nullptr;
  Own(file)->log = watched && world.faults != nullptr ? &world.logs[name] : nullptr;
  Own(file)->is_log = (flags & SQLITE_OPEN_WAL) != 0;
  if (rc != SQLITE_OK && RealOf(file)->pMethods != nullptr)
    RealOf(file)->pMethods->xClose(RealOf(file));
  return rc;
}
int Delete(sqlite3_vfs* /*vfs*/, const char* name, int sync_folder) {
  World& world = TheWorld();
  if (world.faults != nullptr && world.faults->Call() != Fate::kGoes) return SQLITE_IOERR_DELETE;
  const auto log = world.logs.find(name);
  if (log != world.logs.end()) log->second = FileLog();
  return world.real->xDelete(world.real, name, sync_folder);
}

void PutAt(int fd, const std::string& bytes, sqlite3_int64 offset) {
  if (bytes.empty()) return;
  const ssize_t put = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  WEIRHOUSE_CHECK(put == static_cast<ssize_t>(bytes.size()));
}
void CutFile(int fd, sqlite3_int64 size) {
  const int rc = ftruncate(fd, static_cast<off_t>(size));
  WEIRHOUSE_CHECK(rc == 0);
}
void LoseIn(const std::string& path, const FileLog& log, Random& random) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return;  // it was removed
  for (auto change = log.changes.rbegin(); change != log.changes.rend(); ++change) {
    PutAt(fd, change->before, change->offset);
    CutFile(fd, change->size_before);
  }
  // Keeps all writes after the last fsync, none, or any part.
  const std::uint64_t mood = random.Below(3);
  for (const Change& change : log.changes) {
    const bool kept = change.synced || mood == 0 || (mood == 1 && random.Below(2) == 0);
    if (!kept) continue;
    if (change.after.empty()) {
      CutFile(fd, change.offset);
    } else {
      PutAt(fd, change.after, change.offset);
    }
  }
  close(fd);
}
}  // namespace

void BeginSqliteLife(Faults& faults, Plant plant) {
  World& world = TheWorld();
  if (world.real == nullptr) {
    world.real = sqlite3_vfs_find(nullptr);
    WEIRHOUSE_CHECK(world.real != nullptr);
    world.own = *world.real;
    world.own.pNext = nullptr;
    world.own.zName = "simulated";
    world.own.szOsFile = static_cast<int>(sizeof(SimulatedFile)) + world.real->szOsFile;
    world.own.xOpen = Open;
    world.own.xDelete = Delete;
    const int rc = sqlite3_vfs_register(&world.own, /*makeDflt=*/1);
    WEIRHOUSE_CHECK(rc == SQLITE_OK);
  }
  world.faults = &faults;
  world.plant = plant;
  world.logs.clear();
}
void EndSqliteLife() {
  TheWorld().faults = nullptr;
  TheWorld().plant = Plant::kNone;
}
void LosePowerOfSqlite(Random& random) {
  World& world = TheWorld();
  for (auto& [path, log] : world.logs) {
    LoseIn(path, log, random);
    log = FileLog();
  }
}
const char* PlainSqlite() {
  const World& world = TheWorld();
  return world.real == nullptr ? nullptr : world.real->zName;
}
}  // namespace weirhouse::simulator

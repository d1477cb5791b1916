#include "testing/simulator/simulated_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "ground/platform/io/local_store.h"

namespace weirhouse::simulator {
namespace {
Status Refused(std::string_view what, const std::string& path) {
  return Status(Code::kUnavailable,
                fmt::format("could not {}: the simulator refused it: {}", what, path));
}
std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }
bool IsFile(const std::string& path) {
  struct stat found{};
  return lstat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode);
}
void CutTo(const std::string& path, std::uint64_t size) {
  if (truncate(path.c_str(), static_cast<off_t>(size)) != 0) return;  // gone: nothing to lose
}
void AddAByte(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);  // as root, whatever its mode
  if (fd < 0) return;
  if (write(fd, "\n", 1) != 1) CutTo(path, 0);
  close(fd);
}
std::uint64_t SizeOf(const std::string& path) {
  struct stat found{};
  return lstat(path.c_str(), &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
}
}  // namespace

template <typename Act>
auto SimulatedDisk::Call(std::string_view what, const std::string& path, const Act& act)
    -> decltype(act()) {
  const Fate fate = faults_.Call();
  if (fate == Fate::kRefused) return Refused(what, path);
  auto result = act();
  if (fate == Fate::kDoneRefused) return Refused(what, path);
  return result;
}

void SimulatedDisk::SetTime(const std::string& path) const {
  const std::int64_t us = Micros(clock_.Now());
  timespec time{};
  time.tv_sec = us / 1'000'000;
  time.tv_nsec = us % 1'000'000 * 1000;
  const timespec times[2] = {time, time};
  if (utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return;  // it is gone
}

Status SimulatedDisk::Write(const std::string& path, std::string_view bytes) {
  const Fate fate = faults_.Call();
  if (fate == Fate::kRefused) return Refused("write", path);
  // An interrupted write leaves a part of the bytes.
  if (fate == Fate::kDoneRefused) bytes = bytes.substr(0, faults_.random().Below(bytes.size() + 1));
  const Status written = platform::LocalStore().Write(path, bytes);
  if (written.ok()) {
    unsynced_[path] = {true, true};
    SetTime(path);
  }
  return fate == Fate::kGoes ? written : Refused("write", path);
}

Status SimulatedDisk::Flush(std::span<const std::string> paths) {
  const std::string first = paths.empty() ? "no files" : paths.front();
  const Fate fate = faults_.Call();
  if (fate == Fate::kRefused) return Refused("sync", first);
  if (plant_ == Plant::kFilesNotSynced) return Status::Ok();
  for (const std::string& path : paths) {
    if (!IsFile(path)) return platform::LocalStore().Stat(path).status();
    // An interrupted flush has synced some of the files.
    if (fate == Fate::kDoneRefused && faults_.random().Below(2) == 0) continue;
    unsynced_.erase(path);
    const std::string folder = ParentOf(path);
    std::erase_if(removed_, [&](const Removed& one) { return ParentOf(one.path) == folder; });
  }
  return fate == Fate::kGoes ? Status::Ok() : Refused("sync", first);
}

Status SimulatedDisk::Replace(const std::string& path, std::string_view bytes) {
  return Call("replace", path, [&] {
    Status done = platform::LocalStore().Replace(path, bytes);
    if (done.ok()) {
      unsynced_.erase(path);
      SetTime(path);
    }
    return done;
  });
}

Result<bool> SimulatedDisk::PutIfAbsent(const std::string& path, std::string_view bytes,
                                        unsigned mode) {
  return Call("put", path, [&] {
    Result<bool> done = platform::LocalStore().PutIfAbsent(path, bytes, mode);
    if (!done.ok()) return done;
    if (*done) SetTime(path);
    if (plant_ == Plant::kRawRewritten && *done && path.find("/raw/") != std::string::npos &&
        faults_.random().Below(3) == 0) {
      AddAByte(path);
    }
    // PutIfAbsent promises that an existing object is durable.
    if (plant_ == Plant::kObjectsNotSynced) {
      if (*done) unsynced_[path] = {true, false};
    } else {
      unsynced_.erase(path);
    }
    return done;
  });
}

Result<std::string> SimulatedDisk::Read(const std::string& path) {
  return Call("read", path, [&] { return platform::LocalStore().Read(path); });
}
Result<std::string> SimulatedDisk::ReadRange(const std::string& path, std::int64_t offset,
                                             std::int64_t size_bytes) {
  return Call("read a range", path,
              [&] { return platform::LocalStore().ReadRange(path, offset, size_bytes); });
}
Result<platform::FileInfo> SimulatedDisk::Stat(const std::string& path) {
  return Call("stat", path, [&] { return platform::LocalStore().Stat(path); });
}
Result<platform::ObjectPage> SimulatedDisk::List(const std::string& prefix,
                                                 const std::string& after, std::int64_t limit) {
  return Call("list", prefix, [&] { return platform::LocalStore().List(prefix, after, limit); });
}
Status SimulatedDisk::MakeFolder(const std::string& path) {
  return Call("make the folder", path, [&] { return platform::LocalStore().MakeFolder(path); });
}

Status SimulatedDisk::Delete(const std::string& path) {
  return Call("remove", path, [&] {
    if (IsFile(path) && !unsynced_.contains(path)) {
      Removed removed{path, fmt::format("{}/{}", grave_, graves_++)};
      if (link(path.c_str(), removed.kept_as.c_str()) == 0) removed_.push_back(std::move(removed));
    }
    Status done = platform::LocalStore().Delete(path);
    if (done.ok()) unsynced_.erase(path);
    return done;
  });
}

void SimulatedDisk::LosePower(Random& random) {
  for (const auto& [path, unsynced] : unsynced_) {
    if (!IsFile(path)) continue;
    const std::uint64_t chance = random.Below(4);
    if (unsynced.name && chance == 0) {
      if (unlink(path.c_str()) != 0) continue;
    } else if (unsynced.bytes && chance == 1) {
      CutTo(path, 0);
    } else if (unsynced.bytes && chance == 2) {
      CutTo(path, random.Below(SizeOf(path) + 1));
    }
  }
  unsynced_.clear();
  for (const Removed& removed : removed_) {
    const bool back = random.Below(2) == 0 && !IsFile(removed.path);
    if (back && link(removed.kept_as.c_str(), removed.path.c_str()) != 0) continue;  // no folder
  }
  removed_.clear();
}
}  // namespace weirhouse::simulator

// The disk of a simulated life: it keeps the promises of platform::ObjectStore and no more.
//
// Files are in a memory file system (/dev/shm). The disk tracks which of them, and which of their
// names, were never fsynced; at a power loss chance decides which of those remain, as in RocksDB's
// FaultInjectionTestFS. File times come from the life's clock.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/time.h"
#include "ground/platform/io/object_store.h"
#include "testing/simulator/faults.h"
#include "testing/simulator/plant.h"

namespace weirhouse::simulator {

// Threads: one.
class SimulatedDisk : public platform::ObjectStore {
 public:
  // `grave`: a folder for removed files, which may reappear.
  SimulatedDisk(Faults& faults, Clock& clock, std::string grave, Plant plant)
      : faults_(faults), clock_(clock), grave_(std::move(grave)), plant_(plant) {}

  Status Write(const std::string& path, std::string_view bytes) override;
  Status Flush(std::span<const std::string> paths) override;
  Status Replace(const std::string& path, std::string_view bytes) override;
  Result<bool> PutIfAbsent(const std::string& path, std::string_view bytes, unsigned mode) override;
  Result<std::string> Read(const std::string& path) override;
  Result<std::string> ReadRange(const std::string& path, std::int64_t offset,
                                std::int64_t size_bytes) override;
  Result<platform::FileInfo> Stat(const std::string& path) override;
  Result<platform::ObjectPage> List(const std::string& prefix, const std::string& after,
                                    std::int64_t limit) override;
  Status MakeFolder(const std::string& path) override;
  Status Delete(const std::string& path) override;

  // Loses data that was not fsynced: each file keeps its bytes, a part of them or none, or loses
  // its name; removed files may reappear. Everything left is durable.
  void LosePower(Random& random);

 private:
  struct Unsynced {
    bool bytes = false;
    bool name = false;
  };
  struct Removed {
    std::string path;
    std::string kept_as;
  };
  template <typename Act>
  auto Call(std::string_view what, const std::string& path, const Act& act) -> decltype(act());
  void SetTime(const std::string& path) const;

  Faults& faults_;
  Clock& clock_;
  const std::string grave_;
  const Plant plant_;
  std::map<std::string, Unsynced> unsynced_;
  std::vector<Removed> removed_;
  std::int64_t graves_ = 0;
};
}  // namespace weirhouse::simulator

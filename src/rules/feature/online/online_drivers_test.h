// The backends that the tests of this folder run over.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rules/feature/online/kv_backend.h"
#include "rules/feature/online/memory_backend_test.h"
#include "rules/feature/online/online_place_test.h"
#include "testing/testing.h"

namespace weirhouse::feature {

// A backend that owns its store.
class RocksPlace final : public OnlinePlace {
 public:
  std::unique_ptr<OnlineBackend> Open() override {
    kv_.reset();
    auto kv = platform::KvStore::Open(folder_ / "online", {});
    EXPECT_OK(kv);
    kv_ = std::move(kv).value();
    return MakeKvBackend(*kv_);
  }

 private:
  testing::ScratchFolder folder_;
  std::unique_ptr<platform::KvStore> kv_;
};

class MemoryPlace final : public OnlinePlace {
 public:
  explicit MemoryPlace(MemoryRows::Moments moments) : rows_(moments) {}
  std::unique_ptr<OnlineBackend> Open() override { return std::make_unique<MemoryBackend>(rows_); }

 private:
  MemoryRows rows_;
};

inline std::vector<OnlineDriver> OnlineDrivers() {
  return {{"RocksDb", [] { return std::make_unique<RocksPlace>(); }},
          {"Memory", [] { return std::make_unique<MemoryPlace>(MemoryRows::Moments::kKept); }},
          {"MemoryWithoutSnapshots",
           [] { return std::make_unique<MemoryPlace>(MemoryRows::Moments::kGone); },
           /*keeps_moments=*/false}};
}
inline std::string DriverName(const ::testing::TestParamInfo<OnlineDriver>& driver) {
  return driver.param.name;
}
}  // namespace weirhouse::feature

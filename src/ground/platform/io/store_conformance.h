// What every driver of an object store must do. A driver adds one line to store_driver_test.cc.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "ground/platform/io/object_store.h"
#include "testing/testing.h"

namespace weirhouse::platform {

// An empty place in a store, for one test.
class StorePlace {
 public:
  virtual ~StorePlace() = default;
  virtual ObjectStore& store() = 0;
  // Where the test may write: a location that ends without a slash, as a caller may spell it.
  virtual std::string root() const = 0;
};

struct StoreDriver {
  std::string name;
  std::function<std::unique_ptr<StorePlace>()> make_place;
};

class StoreConformance : public ::testing::TestWithParam<StoreDriver> {
 protected:
  void SetUp() override { place_ = GetParam().make_place(); }
  ObjectStore& store() { return place_->store(); }
  std::string At(const std::string& key) const { return place_->root() + "/" + key; }
  // How the store itself spells At(key).
  std::string Spelled(const std::string& key) { return store().Spelling(At(key)); }

  std::unique_ptr<StorePlace> place_;
};
}  // namespace weirhouse::platform

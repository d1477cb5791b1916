// The drivers that pass the conformance suite: one line each.
#include "ground/platform/io/faulty_store.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/io/moved_store.h"
#include "ground/platform/io/store_conformance.h"

namespace weirhouse::platform {
namespace {

class LocalPlace : public StorePlace {
 public:
  ObjectStore& store() override { return LocalStore(); }
  std::string root() const override { return scratch_ / "lake"; }

 protected:
  testing::ScratchFolder scratch_;
};

class UriPlace final : public LocalPlace {
 public:
  std::string root() const override { return "file://" + LocalPlace::root(); }
};

// Every location is requested under the former place, where nothing is left.
class MovedPlace final : public LocalPlace {
 public:
  ObjectStore& store() override { return moved_; }
  std::string root() const override { return scratch_ / "former/lake"; }

 private:
  MovedStore moved_{LocalStore(), {scratch_ / "former/lake"}, scratch_ / "lake"};
};

// A wrapper passes on everything while it does not fail.
class FaultyPlace final : public LocalPlace {
 public:
  ObjectStore& store() override { return faulty_; }

 private:
  FaultyStore faulty_{LocalStore(), 1'000'000, Code::kUnavailable};
};

template <typename Place>
StoreDriver Driver(const char* name) {
  return {name, [] { return std::make_unique<Place>(); }};
}
INSTANTIATE_TEST_SUITE_P(Drivers, StoreConformance,
                         ::testing::Values(Driver<LocalPlace>("local"), Driver<UriPlace>("uri"),
                                           Driver<MovedPlace>("moved"),
                                           Driver<FaultyPlace>("faulty")),
                         [](const auto& driver) { return driver.param.name; });
}  // namespace
}  // namespace weirhouse::platform

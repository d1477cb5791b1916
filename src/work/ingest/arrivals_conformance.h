// What every driver of arrivals must do. A driver adds one line to arrivals_conformance_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "testing/projects/shop_fixture.h"
#include "work/ingest/arrival.h"

namespace weirhouse::work {

// A sender, and what it sends to: orders of the shop's source "order".
class ArrivalsPlace {
 public:
  virtual ~ArrivalsPlace() = default;
  virtual void Send(const std::string& name, const std::string& bytes) = 0;
  // What has come and is not acknowledged. Valid until the next look.
  virtual std::unique_ptr<Arrivals> Look(Workspace& workspace) = 0;
  // Whether the sender, or what holds it for the sender, still has it.
  virtual bool Holds(const std::string& name) = 0;
};

struct ArrivalsDriver {
  std::string name;
  // `root`: of the project.
  std::function<std::unique_ptr<ArrivalsPlace>(const std::string& root)> make_place;
};
}  // namespace weirhouse::work

#include "ground/catalog/record.h"

namespace weirhouse::catalog {

std::string_view RunStateName(RunState state) {
  switch (state) {
    case RunState::kPlanned:
      return "planned";
    case RunState::kCommitted:
      return "committed";
    case RunState::kHalted:
      return "halted";
    case RunState::kDiscarded:
      return "discarded";
    case RunState::kFailed:
      return "failed";
  }
  return "unknown";
}
}  // namespace weirhouse::catalog

#include "testing/testing.h"

namespace weirhouse::testing {

std::string SourceFolder() { return WEIRHOUSE_SOURCE_DIR; }

}  // namespace weirhouse::testing

// The versions of a feature table that later ones hide, found without holding the table.
#pragma once

#include <cstdint>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/kernel/feature_pieces.h"

namespace weirhouse::feature {

struct HiddenVersion {
  std::uint32_t row = 0;       // of its piece
  std::int64_t hidden_at = 0;  // the known time of the next version of its key
};

// By piece, ascending in row: the collapse (kernel.h), for the rows that have a later version.
// Reads nothing if the table says that its keys are unique. Else it reads the keys of all pieces,
// and of those with several versions their times. Keys are compared by 128 bits of hash. Memory: 24
// bytes for each of up to `keys_held` rows and 32 for each version of a key with several; a larger
// table is read once for each `keys_held` rows.
Result<std::vector<std::vector<HiddenVersion>>> FindHidden(const FeaturePieces& pieces, int threads,
                                                           std::size_t keys_held = std::size_t{12}
                                                                                   << 20);

// Known times as the kernel compares them. Error WH4015 if a row has none.
Result<IntegerView> KnownTimesOf(const arrow::Table& piece);
}  // namespace weirhouse::feature

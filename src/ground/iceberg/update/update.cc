#include "ground/iceberg/update/update.h"

#include <fmt/format.h>

namespace weirhouse::iceberg {
namespace {

// In the order of Update.
constexpr std::string_view kActions[] = {"assign-uuid",
                                         "upgrade-format-version",
                                         "set-location",
                                         "set-properties",
                                         "remove-properties",
                                         "add-schema",
                                         "set-current-schema",
                                         "remove-schemas",
                                         "add-spec",
                                         "set-default-spec",
                                         "remove-partition-specs",
                                         "add-sort-order",
                                         "set-default-sort-order",
                                         "add-snapshot",
                                         "set-snapshot-ref",
                                         "remove-snapshot-ref",
                                         "remove-snapshots",
                                         "set-statistics",
                                         "remove-statistics",
                                         "set-partition-statistics",
                                         "remove-partition-statistics",
                                         "add-encryption-key",
                                         "remove-encryption-key"};
static_assert(std::size(kActions) == std::variant_size_v<Update>);
}  // namespace

Status NotEncryptedHere(const RequestPlace& place) {
  return Status(Code::kInvalidInput,
                fmt::format("{}: encryption of tables is not supported", place.context))
      .WithError("WH7068")
      .WithHint("encrypt the disk that holds the warehouse");
}

std::string_view ActionOf(const Update& update) { return kActions[update.index()]; }
}  // namespace weirhouse::iceberg

// Checks a client's requirements on a table: metadata_update.h.
#include <fmt/format.h>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/iceberg/update/metadata_update.h"

namespace weirhouse::iceberg {
namespace {

// Why a requirement does not hold, with the wording that Java's clients and their tests expect;
// empty if it holds.
class WhyUnmet {
 public:
  explicit WhyUnmet(const TableMetadata& table) : table_(table) {}

  std::string operator()(const AssertCreate&) const { return "table already exists"; }
  std::string operator()(const AssertTableUuid& wanted) const {
    if (LowerCase(wanted.uuid) == LowerCase(table_.uuid)) return "";
    return fmt::format("UUID does not match: expected {}, the table's is {}", wanted.uuid,
                       table_.uuid);
  }
  std::string operator()(const AssertRefSnapshotId& wanted) const {
    const auto it = table_.refs.find(wanted.ref);
    if (it == table_.refs.end()) {
      if (!wanted.snapshot) return "";
      return fmt::format("branch or tag {} is missing, expected {}", wanted.ref,
                         wanted.snapshot->value());
    }
    const SnapshotRef& ref = it->second;
    if (!wanted.snapshot)
      return fmt::format("{} {} was created concurrently", ref.type, wanted.ref);
    if (*wanted.snapshot == ref.snapshot) return "";
    return fmt::format("{} {} has changed: expected id {}, it is at {}", ref.type, wanted.ref,
                       wanted.snapshot->value(), ref.snapshot.value());
  }
  std::string operator()(const AssertLastAssignedFieldId& wanted) const {
    return WhyOther("last assigned field id", wanted.id, table_.last_column_id);
  }
  std::string operator()(const AssertCurrentSchemaId& wanted) const {
    return WhyOther("current schema", wanted.id, table_.current_schema_id);
  }
  std::string operator()(const AssertLastAssignedPartitionId& wanted) const {
    return WhyOther("last assigned partition id", wanted.id, table_.last_partition_id);
  }
  std::string operator()(const AssertDefaultSpecId& wanted) const {
    return WhyOther("default partition spec", wanted.id, table_.default_spec_id);
  }
  std::string operator()(const AssertDefaultSortOrderId& wanted) const {
    return WhyOther("default sort order", wanted.id, table_.default_sort_order_id);
  }

 private:
  static std::string WhyOther(std::string_view what, int wanted, int standing) {
    if (wanted == standing) return "";
    return fmt::format("{} changed: expected id {}, it is {}", what, wanted, standing);
  }

  const TableMetadata& table_;
};
}  // namespace

Status CheckRequirements(const TableMetadata* current, std::span<const Requirement> requirements) {
  for (const Requirement& requirement : requirements) {
    std::string why;
    if (current != nullptr) {
      why = std::visit(WhyUnmet(*current), requirement);
    } else if (!std::holds_alternative<AssertCreate>(requirement)) {
      why = "table does not exist";
    }
    if (why.empty()) continue;
    return Status(Code::kConflict, Clipped(fmt::format("Requirement failed: {}", why)))
        .WithError("WH7066")
        .WithHint("load the table again and repeat the change on its new state");
  }
  return Status();
}
}  // namespace weirhouse::iceberg

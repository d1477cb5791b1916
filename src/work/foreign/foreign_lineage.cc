#include "work/foreign/foreign_lineage.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "ground/base/text.h"

namespace weirhouse::work {
namespace {
using iceberg::Snapshot;
using iceberg::TableMetadata;

std::int64_t SummaryNumber(const Snapshot& snapshot, const std::string& key) {
  const auto found = snapshot.summary.find(key);
  if (found == snapshot.summary.end()) return 0;
  const std::string& text = found->second;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

std::string OperationOf(const Snapshot& snapshot) {
  const auto found = snapshot.summary.find("operation");
  return found == snapshot.summary.end() ? "append" : found->second;
}

// Ids from `head` back to its oldest known ancestor. A cyclic chain ends where it closes.
std::vector<SnapshotId> AncestorsOf(const TableMetadata& table, const Snapshot* head) {
  std::vector<SnapshotId> ids;
  std::set<SnapshotId> seen;
  while (head != nullptr && seen.insert(head->id).second) {
    ids.push_back(head->id);
    head = head->parent ? table.FindSnapshot(*head->parent) : nullptr;
  }
  return ids;
}

catalog::SnapshotRecord RecordOf(const TableMetadata& table, const Snapshot& snapshot,
                                 const std::string& ref) {
  catalog::SnapshotRecord record;
  record.table = table.name;
  record.snapshot = snapshot.id;
  record.sequence_number = snapshot.sequence_number;
  record.ref = ref;
  record.operation = OperationOf(snapshot);
  record.added_rows = SummaryNumber(snapshot, "added-records");
  record.deleted_rows = SummaryNumber(snapshot, "deleted-records") +
                        SummaryNumber(snapshot, "added-position-deletes");
  record.total_rows = SummaryNumber(snapshot, "total-records");
  return record;
}

std::int64_t RowsAdded(const iceberg::SnapshotChange& change) {
  std::int64_t rows = 0;
  for (const iceberg::DataFile& file : change.added_data) rows += file.row_count;
  return rows;
}

// The summary is a claim; if the ref gained only one snapshot, the evidence is used instead.
void CountByEvidence(const iceberg::SnapshotChange& change, bool alone,
                     catalog::SnapshotRecord& head) {
  head.total_rows = change.rows_after;
  if (!alone) return;
  head.added_rows = RowsAdded(change);
  head.deleted_rows =
      std::max<std::int64_t>(0, change.rows_before + head.added_rows - change.rows_after);
}
}  // namespace

std::vector<catalog::SnapshotRecord> SnapshotsGained(const TableMetadata* before,
                                                     const TableMetadata& after,
                                                     const policy::Judgement& judgement) {
  std::vector<catalog::SnapshotRecord> records;
  for (const policy::JudgedRef& moved : judgement.refs) {
    if (moved.after == nullptr) continue;
    // A new branch begins where main was; main's rows are already recorded.
    const Snapshot* from = moved.before;
    if (from == nullptr && moved.ref != "main" && before != nullptr) {
      from = before->current_snapshot();
    }
    std::set<SnapshotId> known;
    if (before != nullptr) {
      for (const SnapshotId id : AncestorsOf(*before, from)) known.insert(id);
    }
    std::vector<SnapshotId> gained = AncestorsOf(after, moved.after);
    std::erase_if(gained, [&](SnapshotId id) { return known.contains(id); });
    if (gained.empty()) gained.push_back(moved.after->id);
    std::reverse(gained.begin(), gained.end());
    for (const SnapshotId id : gained) {
      records.push_back(RecordOf(after, *after.FindSnapshot(id), moved.ref));
    }
    CountByEvidence(moved.change, gained.size() == 1, records.back());
  }
  return records;
}

nlohmann::json DescribeChange(const policy::Judgement& judgement,
                              std::span<const iceberg::Update> updates) {
  nlohmann::json refs = nlohmann::json::object();
  for (const policy::JudgedRef& moved : judgement.refs) {
    nlohmann::json one = nlohmann::json::object();
    if (moved.before != nullptr) one["from"] = moved.before->id.value();
    if (moved.after != nullptr) {
      one["to"] = moved.after->id.value();
      one["operation"] = OperationOf(*moved.after);
      one["rows_added"] = RowsAdded(moved.change);
      one["rows_before"] = moved.change.rows_before;
      one["rows_after"] = moved.change.rows_after;
      const auto inputs = moved.after->summary.find(kInputsSummaryKey);
      if (inputs != moved.after->summary.end()) one["inputs"] = inputs->second;
    }
    refs[moved.ref] = std::move(one);
  }
  std::set<std::string> actions;
  for (const iceberg::Update& update : updates) actions.emplace(iceberg::ActionOf(update));
  return {{"refs", std::move(refs)},
          {"schema_changed", judgement.schema_changed},
          {"files", judgement.files.size()},
          {"updates", actions}};
}

Result<std::vector<catalog::NodeRef>> InputsOf(Workspace& workspace, const TableMetadata* before,
                                               const policy::Judgement& judgement) {
  catalog::Catalog& catalog = workspace.catalog();
  std::set<std::string> keys;  // of snapshot nodes
  const auto add_current = [&](const std::string& name) -> Status {
    WEIRHOUSE_TRY(const auto pointer, catalog.FindTable(name));
    if (!pointer) return Status();
    WEIRHOUSE_TRY(const auto snapshot, catalog.SnapshotAsOf(name, pointer->seq));
    if (snapshot) keys.insert(fmt::format("{}@{}", name, snapshot->seq.value()));
    return Status();
  };
  for (const policy::JudgedRef& moved : judgement.refs) {
    if (moved.after == nullptr) continue;
    if (before != nullptr && moved.before != nullptr && !moved.change.only_adds_data()) {
      WEIRHOUSE_TRY_STATUS(add_current(before->name));
    }
    const auto told = moved.after->summary.find(kInputsSummaryKey);
    if (told == moved.after->summary.end()) continue;
    for (const std::string_view part : Split(told->second, ',')) {
      const std::string input(Trim(part));
      if (keys.size() >= kInputsMax) break;
      if (input.find('@') != std::string::npos) {
        keys.insert(input);
      } else {
        WEIRHOUSE_TRY_STATUS(add_current(input));
      }
    }
  }
  std::vector<catalog::NodeRef> inputs;
  for (const std::string& key : keys) {
    catalog::NodeRef snapshot{catalog::NodeKind::kSnapshot, key};
    WEIRHOUSE_TRY(const auto node, catalog.FindNode(snapshot));
    if (node) inputs.push_back(std::move(snapshot));
  }
  return inputs;
}

std::int64_t RowsAddedToMain(const policy::Judgement& judgement) {
  std::int64_t rows = 0;
  for (const policy::JudgedRef& moved : judgement.refs) {
    if (moved.ref == "main") rows += RowsAdded(moved.change);
  }
  return rows;
}

bool MovesMain(const policy::Judgement& judgement) {
  return std::any_of(judgement.refs.begin(), judgement.refs.end(),
                     [](const policy::JudgedRef& moved) { return moved.ref == "main"; });
}
}  // namespace weirhouse::work

#include "engine/keyless.h"

#include <arrow/api.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "engine/arrow_rows.h"
#include "engine/halt.h"
#include "engine/scratch.h"
#include "table/stage_many.h"
#include "table/table.h"

namespace weirhouse::engine {
namespace {
using nlohmann::json;
using RowsPtr = std::shared_ptr<arrow::Table>;

// One row without a key: of which record, and the reason it is told with.
using Keyless = std::pair<std::string, RecordId>;

// How often each joins (more than 0) or leaves.
struct Balance {
  std::map<Keyless, std::int64_t> counts;
  std::map<Keyless, RejectedRecord> rows;  // of those that join

  void Join(const RejectedRecord& row) {
    if (row.record.value() < 0) return;  // of no one record
    Keyless one(ViolationOf(row).Reason(), row.record);
    ++counts[one];
    rows.emplace(std::move(one), row);
  }
};

std::string QuarantineOf(const std::string& source) { return "quarantine." + source; }

// Calls `row(reason, record, index)` for each row of `rows` that stands for a record.
template <typename Row>
void EachRecord(const arrow::Table& rows, const Row& row) {
  const auto reasons = rows.GetColumnByName("reason");
  const auto records = rows.GetColumnByName(std::string(table::kRecordColumn));
  std::int64_t index = 0;
  int chunk = 0;
  std::int64_t at = 0;  // in that chunk of records
  for (const auto& part : reasons->chunks()) {
    const auto& texts = static_cast<const arrow::StringArray&>(*part);
    for (std::int64_t i = 0; i < texts.length(); ++i, ++index, ++at) {
      while (at == records->chunk(chunk)->length()) {
        ++chunk;
        at = 0;
      }
      const auto& ids = static_cast<const arrow::Int64Array&>(*records->chunk(chunk));
      if (ids.IsValid(at)) row(texts.GetView(i), RecordId(ids.Value(at)), index);
    }
  }
}

// The objects of records, each looked up once.
class ObjectFinder {
 public:
  explicit ObjectFinder(catalog::Catalog& catalog) : catalog_(&catalog) {}

  // Null if no object has it.
  Result<const catalog::ObjectRecord*> Of(RecordId record) {
    auto after = known_.upper_bound(record.value());
    if (after != known_.begin()) {
      const catalog::ObjectRecord& before = std::prev(after)->second;
      if (record.value() < before.first_record_id.value() + before.record_count) return &before;
    }
    WEIRHOUSE_TRY(const auto found, catalog_->ObjectOfRecord(record));
    if (!found) return nullptr;
    return &known_.emplace(found->first_record_id.value(), *found).first->second;
  }

 private:
  catalog::Catalog* catalog_;
  std::map<std::int64_t, catalog::ObjectRecord> known_;  // by first record
};

// Takes what stands in quarantine of the tables `names` off `balance`.
Status TakeStanding(Workspace& workspace, const std::set<std::string>& names, Balance& balance) {
  for (const Source& source : workspace.project().sources) {
    const std::string name = QuarantineOf(source.name);
    WEIRHOUSE_TRY(const auto existing, workspace.FindTable(name));
    if (!existing) continue;
    WEIRHOUSE_TRY(const RowsPtr rows, workspace.ReadTable(name, {"reason", "_record"}));
    EachRecord(*rows, [&](std::string_view reason, RecordId record, std::int64_t) {
      constexpr std::string_view kOf = ", part of the key of ";
      const std::size_t of = reason.rfind(kOf);
      if (!reason.starts_with("WH2112 ") || of == std::string_view::npos) return;
      if (names.count(std::string(reason.substr(of + kOf.size()))) == 0) return;
      --balance.counts[{std::string(reason), record}];
    });
  }
  return Status();
}

// Whether a person left out the batch, or the object, that `record` came with: what stands in
// quarantine of it stays.
class LeftOut {
 public:
  static Result<LeftOut> Make(Workspace& workspace) {
    LeftOut left_out(workspace.catalog());
    WEIRHOUSE_TRY(left_out.commits_, DiscardedCommits(workspace));
    WEIRHOUSE_TRY(left_out.objects_, DiscardedObjects(workspace));
    return left_out;
  }
  Result<bool> Holds(RecordId record) {
    if (commits_.empty() && objects_.empty()) return false;
    WEIRHOUSE_TRY(const catalog::ObjectRecord* object, finder_.Of(record));
    return object != nullptr &&
           (commits_.count(object->seq) != 0 || objects_.count(object->id) != 0);
  }

 private:
  explicit LeftOut(catalog::Catalog& catalog) : finder_(catalog) {}
  ObjectFinder finder_;
  std::set<CommitSeq> commits_;
  std::set<ObjectId> objects_;
};

// Of `rows` with places, those that `left` names, each as often as it does, and the row for the
// whole of `object` (may be null).
std::vector<table::RowPosition> PlacesOf(const arrow::Table& rows, const QuarantineChange& change) {
  std::map<Keyless, std::int64_t> left;
  for (const auto& [reason, records] : change.left) {
    for (const RecordId record : records) ++left[{reason, record}];
  }
  std::vector<std::int64_t> chosen;
  EachRecord(rows, [&](std::string_view reason, RecordId record, std::int64_t index) {
    const auto found = left.find({std::string(reason), record});
    if (found == left.end() || found->second == 0) return;
    --found->second;
    chosen.push_back(index);
  });
  const auto cell = [&](const char* column, std::int64_t row) {
    return rows.GetColumnByName(column)->GetScalar(row).ValueOrDie();
  };
  if (change.whole != nullptr) {
    const std::string digest = change.whole->digest.ToHex();
    for (std::int64_t row = 0; row < rows.num_rows(); ++row) {
      if (!cell("ordinal", row)->is_valid && cell("object_digest", row)->ToString() == digest &&
          cell("object", row)->ToString() == change.whole->name)
        chosen.push_back(row);
    }
  }
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  std::vector<table::RowPosition> places;
  places.reserve(chosen.size());
  for (const std::int64_t row : chosen) {
    places.push_back({cell("_file", row)->ToString(),
                      std::static_pointer_cast<arrow::Int64Scalar>(cell("_pos", row))->value});
  }
  return places;
}
}  // namespace

json ToJson(const KeylessChange& change) {
  json joined = json::array();
  for (const RejectedRecord& row : change.joined)
    joined.push_back(
        {row.record.value(), row.error_code, row.table, row.column, row.expression, row.found});
  json left = json::object();
  for (const auto& [reason, records] : change.left) {
    json& ids = left[reason] = json::array();
    for (const RecordId record : records) ids.push_back(record.value());
  }
  return {{"joined", std::move(joined)}, {"left", std::move(left)}};
}

KeylessChange KeylessFromJson(const json& stored) {
  KeylessChange change;
  for (const json& row : stored.at("joined")) {
    change.joined.push_back({RecordId(row.at(0).get<std::int64_t>()), row.at(1), row.at(2),
                             row.at(3), row.at(4), row.at(5)});
  }
  for (const auto& [reason, records] : stored.at("left").items()) {
    for (const json& record : records)
      change.left[reason].push_back(RecordId(record.get<std::int64_t>()));
  }
  return change;
}

Result<KeylessChange> KeylessChangeOf(Workspace& workspace,
                                      const std::vector<std::unique_ptr<TableWork>>& work) {
  Balance balance;
  std::set<std::string> whole;
  for (const auto& one : work) {
    for (const RejectedRecord& row : one->rejected()) balance.Join(row);
    for (const RejectedRecord& row : one->taken_back())
      --balance.counts[{ViolationOf(row).Reason(), row.record}];
    // One that stays as it is, because its SQL failed, says nothing.
    const std::string& name = one->transform().definition.name();
    if (one->is_full() && one->Covers(name) && one->transform().row_wise) whole.insert(name);
  }
  if (!whole.empty()) WEIRHOUSE_TRY_STATUS(TakeStanding(workspace, whole, balance));
  std::optional<LeftOut> left_out;
  KeylessChange change;
  for (const auto& [one, count] : balance.counts) {
    const auto& [reason, record] = one;
    for (std::int64_t i = 0; i < count; ++i) change.joined.push_back(balance.rows.at(one));
    if (count >= 0) continue;
    if (!left_out) {
      WEIRHOUSE_TRY(left_out, LeftOut::Make(workspace));
    }
    WEIRHOUSE_TRY(const bool stays, left_out->Holds(record));
    if (!stays)
      change.left[reason].insert(change.left[reason].end(), static_cast<std::size_t>(-count),
                                 record);
  }
  return change;
}

Status AddKeyless(Workspace& workspace, const KeylessChange& change, QuarantineChanges& changes) {
  ObjectFinder finder(workspace.catalog());
  std::map<std::string, std::map<ObjectId, catalog::ObjectRecord>> objects;  // by source
  for (const RejectedRecord& row : change.joined) {
    WEIRHOUSE_TRY(const catalog::ObjectRecord* object, finder.Of(row.record));
    if (object != nullptr) objects[object->source].emplace(object->id, *object);
  }
  for (const auto& [source, held] : objects) {
    if (workspace.project().FindSource(source) == nullptr) continue;  // no longer defined
    SourceRecords records;
    records.source = source;
    for (const auto& [id, object] : held) records.objects.push_back(object);
    WEIRHOUSE_TRY(const RowsPtr rows, QuarantineRejected(workspace, records, change.joined));
    if (rows == nullptr) continue;
    RowsPtr& joined = changes[source].joined;
    if (joined == nullptr) {
      joined = rows;
    } else {
      WEIRHOUSE_TRY(joined, Concatenate({joined, rows}));
    }
  }
  for (const auto& [reason, ids] : change.left) {
    for (const RecordId record : ids) {
      WEIRHOUSE_TRY(const catalog::ObjectRecord* object, finder.Of(record));
      if (object != nullptr) changes[object->source].left[reason].push_back(record);
    }
  }
  return Status();
}

Status StageQuarantine(Workspace& workspace, Publication& publication,
                       const QuarantineChanges& changes) {
  for (const auto& [source, change] : changes) {
    const std::string name = QuarantineOf(source);
    WEIRHOUSE_TRY(const table::TablePtr base,
                  TableOrNew(workspace, name, *QuarantineSchema(), {}, {}));
    std::vector<table::RowPosition> places;
    if (!change.left.empty() || change.whole != nullptr) {
      table::ScanOptions options;
      options.columns = {"reason", "_record"};
      if (change.whole != nullptr)
        options.columns.insert(options.columns.end(), {"object", "object_digest", "ordinal"});
      options.with_file_position = true;
      WEIRHOUSE_TRY(const table::Scan scan, table::Scan::Plan(workspace.disk(), base, options));
      WEIRHOUSE_TRY(const RowsPtr parts, scan.ReadAll());
      WEIRHOUSE_TRY(const RowsPtr rows, Concatenate({parts}));
      places = PlacesOf(*rows, change);
    }
    if (places.empty() && change.joined == nullptr) continue;
    table::StagedWrite write(workspace.disk(), base, workspace.random(), publication.StageAs());
    if (!places.empty()) WEIRHOUSE_TRY_STATUS(write.DeleteRows(places));
    if (change.joined != nullptr)
      WEIRHOUSE_TRY_STATUS(
          table::AppendMany(write, *base, *change.joined, {}, ScratchOf(workspace)));
    WEIRHOUSE_TRY(const table::StagedTable staged, write.Finish());
    publication.Add(staged);
  }
  return Status();
}

namespace {
// Records of one source that join its quarantine, and those that arrived with them. Threads: one.
class Tally {
 public:
  Tally(Workspace& workspace, std::string source, const SourceRecords* batch)
      : workspace_(workspace),
        finder_(workspace.catalog()),
        source_(std::move(source)),
        batch_(batch) {
    if (batch == nullptr) return;
    for (const catalog::ObjectRecord& object : batch->objects)
      objects_of_batch_.emplace(object.first_record_id, &object);
  }

  Status Add(const arrow::Table& joined) {
    const auto whole = joined.CombineChunks();
    if (!whole.ok()) return Status(Code::kInternal, whole.status().ToString());
    const auto column = [&](const char* name) { return (*whole)->GetColumnByName(name)->chunk(0); };
    const auto& ids = static_cast<const arrow::Int64Array&>(*column("_record"));
    const auto& ordinals = static_cast<const arrow::Int64Array&>(*column("ordinal"));
    const auto& objects = static_cast<const arrow::StringArray&>(*column("object"));
    const auto& digests = static_cast<const arrow::StringArray&>(*column("object_digest"));
    for (std::int64_t row = 0; row < joined.num_rows(); ++row) {
      if (ordinals.IsValid(row) && ids.IsValid(row)) {
        WEIRHOUSE_TRY_STATUS(AddRecord(RecordId(ids.Value(row))));
      } else if (objects_.emplace(objects.GetView(row), digests.GetView(row)).second) {
        whole_ += RecordsOf(objects.GetView(row), digests.GetView(row));
      }
    }
    return Status();
  }

  std::int64_t quarantined() const { return whole_ + static_cast<std::int64_t>(records_.size()); }
  Result<std::int64_t> Arrived() const {
    std::int64_t arrived = batch_ == nullptr ? 0 : batch_->record_count;
    for (const CommitSeq seq : earlier_) {
      catalog::ObjectFilter filter;
      filter.source = source_;
      filter.seq = seq;
      WEIRHOUSE_TRY(const auto objects, workspace_.catalog().Objects(filter));
      for (const catalog::ObjectRecord& object : objects) arrived += object.record_count;
    }
    return arrived;
  }

 private:
  Status AddRecord(RecordId record) {
    if (!records_.insert(record).second) return Status();
    const auto after = objects_of_batch_.upper_bound(record);
    if (after != objects_of_batch_.begin()) {
      const catalog::ObjectRecord& object = *std::prev(after)->second;
      if (record.value() < object.first_record_id.value() + object.record_count) return Status();
    }
    WEIRHOUSE_TRY(const catalog::ObjectRecord* object, finder_.Of(record));
    if (object != nullptr) earlier_.insert(object->seq);
    return Status();
  }
  // Of an object that is in quarantine as a whole; one that cannot be read at all counts as one.
  std::int64_t RecordsOf(std::string_view name, std::string_view digest) const {
    for (const auto& [first, object] : objects_of_batch_) {
      if (object->name == name && object->digest.ToHex() == digest)
        return std::max<std::int64_t>(object->record_count, 1);
    }
    return 1;
  }

  Workspace& workspace_;
  ObjectFinder finder_;
  const std::string source_;
  const SourceRecords* batch_;  // null: none of it came with this batch
  std::multimap<RecordId, const catalog::ObjectRecord*> objects_of_batch_;  // by first record
  std::set<RecordId> records_;
  std::set<std::pair<std::string, std::string>> objects_;  // whole ones, by name and digest
  std::int64_t whole_ = 0;                                 // their records
  std::set<CommitSeq> earlier_;                            // that brought others
};
}  // namespace

Status TellQuarantined(Workspace& workspace, const QuarantineChanges& changes,
                       const std::map<std::string, SourceRecords>& sources,
                       catalog::CommitRequest& request) {
  for (const auto& [source, change] : changes) {
    if (change.joined == nullptr || change.joined->num_rows() == 0) continue;
    const auto batch = sources.find(source);
    Tally tally(workspace, source, batch == sources.end() ? nullptr : &batch->second);
    WEIRHOUSE_TRY_STATUS(tally.Add(*change.joined));
    WEIRHOUSE_TRY(const std::int64_t arrived, tally.Arrived());
    catalog::OutboxEvent event;
    event.type = "weirhouse.record.quarantined";
    event.subject = source;
    event.data = {{"source", source},
                  {"batch", request.batch},
                  {"records", arrived},
                  {"quarantined", tally.quarantined()}};
    request.events.push_back(std::move(event));
  }
  return Status();
}
}  // namespace weirhouse::engine

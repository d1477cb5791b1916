#include "work/pipeline/batch/keyless.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_map>

#include "ground/base/text.h"
#include "ground/iceberg/table.h"
#include "ground/iceberg/write/stage_many.h"
#include "work/pipeline/batch/chain_work.h"
#include "work/pipeline/batch/halt.h"
#include "work/project/event/event_type.h"
#include "work/records/record_place.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/scratch.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
using RowsPtr = std::shared_ptr<arrow::Table>;

constexpr std::string_view kFailsAt = " fails at ";
constexpr std::string_view kOf = " of ";

// A row that is kept out: its reason without the place, and its record.
using Keyless = std::pair<std::string, RecordId>;

// How often each row joins (positive) or leaves (negative).
struct Balance {
  std::map<Keyless, std::int64_t> counts;
  std::map<Keyless, RejectedRecord> rows;  // the rows that join

  void Join(const RejectedRecord& row) {
    if (row.record.value() < 0) return;  // it comes from no single record
    Keyless one(WithoutPlace(MakeViolation(row).Reason()), row.record);
    ++counts[one];
    rows.emplace(std::move(one), row);
  }
};

std::string QuarantineOf(const std::string& source) { return "quarantine." + source; }

// Calls `row(reason, record, index)` for each row of `rows` that stands for a record.
template <typename Row>
void EachRecord(const arrow::Table& rows, const Row& row) {
  const auto reasons = rows.GetColumnByName("reason");
  const auto records = rows.GetColumnByName(std::string(iceberg::kRecordColumn));
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

// Finds the objects of records, each looked up once.
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

// Skips files of a quarantine whose reasons all sort before the reasons of tables or after them.
iceberg::ScanOptions KeptOutRows() {
  iceberg::ScanOptions options;
  options.columns = {"reason", "_record"};
  options.ranges = {{"reason", "WH2112 ", "WH4015!"}};
  return options;
}

// Subtracts from `balance` what is in quarantine for the tables `names`.
Status TakeStanding(Workspace& workspace, const std::set<std::string>& names, Balance& balance) {
  for (const Source& source : workspace.project().sources) {
    WEIRHOUSE_TRY(const auto existing, workspace.FindTable(QuarantineOf(source.name)));
    if (!existing || (*existing)->current_snapshot() == nullptr) continue;
    WEIRHOUSE_TRY(const iceberg::Scan scan,
                  iceberg::Scan::Plan(workspace.store(), *existing, KeptOutRows()));
    WEIRHOUSE_TRY(const RowsPtr rows, scan.ReadAll());
    EachRecord(*rows, [&](std::string_view reason, RecordId record, std::int64_t) {
      if (names.count(KeptOutBy(reason)) != 0) --balance.counts[{WithoutPlace(reason), record}];
    });
  }
  return Status();
}

// Whether a person discarded the batch, or the object, that `record` came with: its rows stay in
// quarantine.
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

// The places of those rows of `rows` that `left` names, each as often as it does, and of the row
// for the whole of `object` (may be null).
std::vector<iceberg::RowPosition> PlacesOf(const arrow::Table& rows,
                                           const QuarantineChange& change) {
  std::map<Keyless, std::int64_t> left;
  for (const auto& [reason, records] : change.left) {
    for (const RecordId record : records) ++left[{reason, record}];
  }
  std::vector<std::int64_t> chosen;
  EachRecord(rows, [&](std::string_view reason, RecordId record, std::int64_t index) {
    const auto found = left.find({WithoutPlace(reason), record});
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
  std::vector<iceberg::RowPosition> places;
  places.reserve(chosen.size());
  for (const std::int64_t row : chosen) {
    places.push_back({cell("_file", row)->ToString(),
                      std::static_pointer_cast<arrow::Int64Scalar>(cell("_pos", row))->value});
  }
  return places;
}
}  // namespace

std::string KeptOutBy(std::string_view reason) {
  using contract::ViolationKind;
  constexpr ViolationKind kOfTables[] = {ViolationKind::kMissingKey, ViolationKind::kSqlFails,
                                         ViolationKind::kFeatureSqlFails,
                                         ViolationKind::kMissingTime};
  const std::string_view code = reason.substr(0, reason.find(' '));
  const bool told = std::any_of(std::begin(kOfTables), std::end(kOfTables),
                                [&](ViolationKind kind) { return code == contract::CodeOf(kind); });
  const std::size_t of = reason.rfind(kOf);
  return !told || of == std::string_view::npos ? "" : std::string(reason.substr(of + kOf.size()));
}

std::string WithoutPlace(std::string_view reason) {
  const std::size_t at = reason.rfind(kFailsAt);
  if (at == std::string_view::npos || KeptOutBy(reason).empty()) return std::string(reason);
  return fmt::format("{} fails,{}", reason.substr(0, at), reason.substr(reason.rfind(kOf)));
}

json ToJson(const KeylessChange& change) {
  json joined = json::array();
  for (const RejectedRecord& row : change.joined)
    joined.push_back({row.record.value(), contract::CodeOf(row.kind), row.table, row.column,
                      row.expression, row.found});
  json left = json::object();
  for (const auto& [reason, records] : change.left) {
    json& ids = left[reason] = json::array();
    for (const RecordId record : records) ids.push_back(record.value());
  }
  return {{"joined", std::move(joined)}, {"left", std::move(left)}};
}

Result<KeylessChange> KeylessFromJson(const json& stored) {
  KeylessChange change;
  for (const json& row : stored.at("joined")) {
    const auto kind = contract::ViolationOfCode(row.at(1).get<std::string>());
    if (!kind) return Status(Code::kCorruption, "a record is kept out for an unknown reason");
    change.joined.push_back({RecordId(row.at(0).get<std::int64_t>()), *kind, row.at(2), row.at(3),
                             row.at(4), row.at(5)});
  }
  for (const auto& [reason, records] : stored.at("left").items()) {
    for (const json& record : records)
      change.left[reason].push_back(RecordId(record.get<std::int64_t>()));
  }
  return change;
}

namespace {
// What each table of a batch keeps out. A table that stays as it is, because its SQL failed, is
// skipped.
std::vector<KeptOut> KeptOutOf(const std::vector<std::unique_ptr<TableWork>>& work) {
  std::vector<KeptOut> kept_out;
  for (const auto& one : work) {
    const std::string& name = one->transform().definition.name();
    kept_out.push_back(
        {name, one->rejected(), one->taken_back(), one->is_full() && one->Covers(name)});
  }
  return kept_out;
}
}  // namespace

Result<KeylessChange> ComputeKeylessChange(Workspace& workspace,
                                           const std::vector<std::unique_ptr<TableWork>>& work) {
  return ComputeKeylessChange(workspace, KeptOutOf(work));
}

Result<KeylessChange> ComputeKeylessChange(Workspace& workspace,
                                           const std::vector<KeptOut>& kept_out) {
  Balance balance;
  std::set<std::string> whole;
  for (const KeptOut& one : kept_out) {
    for (const RejectedRecord& row : one.rejected) balance.Join(row);
    for (const RejectedRecord& row : one.taken_back) {
      if (row.record.value() >= 0)
        --balance.counts[{WithoutPlace(MakeViolation(row).Reason()), row.record}];
    }
    if (one.whole) whole.insert(one.table);
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

Result<bool> KeepsOut(Workspace& workspace, const std::string& table) {
  WEIRHOUSE_TRY(const auto noted, catalog::setting::KeptOut(table).In(workspace.catalog()));
  return noted.value_or(false);
}

Status NoteKeptOut(Workspace& workspace, const std::vector<KeptOut>& kept_out, bool anew,
                   catalog::CommitRequest& request) {
  for (const KeptOut& one : kept_out) {
    const bool any = std::any_of(one.rejected.begin(), one.rejected.end(), [](const auto& row) {
      return row.kind != contract::ViolationKind::kMissingKey && row.record.value() >= 0;
    });
    if (!any && !anew) continue;
    WEIRHOUSE_TRY(const bool noted, KeepsOut(workspace, one.table));
    const auto kept = catalog::setting::KeptOut(one.table);
    if (any != noted) request.settings.push_back(any ? kept.To(true) : kept.Removed());
  }
  return Status();
}

Status NoteKeptOut(Workspace& workspace, const std::vector<std::unique_ptr<TableWork>>& work,
                   bool anew, catalog::CommitRequest& request) {
  // Rows over records never leave; tables that ran as a whole are compared with the quarantine.
  std::vector<KeptOut> kept_out;
  for (const auto& one : work) {
    if (IsChained(one->transform()))
      kept_out.push_back({one->transform().definition.name(), one->rejected(), {}, false});
  }
  return NoteKeptOut(workspace, kept_out, anew, request);
}

QuarantinePlaces PlacesOf(const QuarantineChanges& changes) {
  QuarantinePlaces places;
  for (const auto& [source, change] : changes) {
    if (change.joined == nullptr) continue;
    const auto cell = [&](const char* column, std::int64_t row) {
      return change.joined->GetColumnByName(column)->GetScalar(row).ValueOrDie();
    };
    EachRecord(*change.joined, [&](std::string_view reason, RecordId, std::int64_t row) {
      if (!reason.starts_with("WH2") && !reason.starts_with("WH4"))
        return;  // it is reported with its field
      const auto [place, first] = places.try_emplace(std::string(reason));
      if (!first) return;
      const auto line = cell("line", row);
      place->second = fmt::format("{}/{}", source, cell("object", row)->ToString());
      if (line->is_valid) place->second += ":" + line->ToString();
    });
  }
  return places;
}

Result<std::vector<QuarantineReason>> ReasonsOf(Workspace& workspace, const KeylessChange& change,
                                                const QuarantinePlaces& places) {
  ObjectFinder finder(workspace.catalog());
  std::map<std::pair<std::string, std::string>, QuarantineReason> reasons;  // by source and reason
  for (const RejectedRecord& row : change.joined) {
    WEIRHOUSE_TRY(const catalog::ObjectRecord* object, finder.Of(row.record));
    if (object == nullptr) continue;
    const std::string text = MakeViolation(row).Reason();
    QuarantineReason& reason = reasons[{object->source, text}];
    if (reason.records++ > 0) continue;
    reason.source = object->source;
    reason.reason = text;
    reason.found = row.found;
    if (const auto place = places.find(text); place != places.end()) {
      reason.first = place->second;
    } else {
      WEIRHOUSE_TRY(reason.first, PlaceOfRecord(workspace, row.record));
    }
  }
  std::vector<QuarantineReason> told;
  for (auto& [of, reason] : reasons) told.push_back(std::move(reason));
  return told;
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
    WEIRHOUSE_TRY(const iceberg::TablePtr base,
                  TableOrNew(workspace, name, *QuarantineSchema(), {}, {}));
    std::vector<iceberg::RowPosition> places;
    if (!change.left.empty() || change.whole != nullptr) {
      iceberg::ScanOptions options = KeptOutRows();
      if (change.whole != nullptr) {
        options.ranges.clear();
        options.columns.insert(options.columns.end(), {"object", "object_digest", "ordinal"});
      }
      options.with_file_position = true;
      WEIRHOUSE_TRY(const iceberg::Scan scan,
                    iceberg::Scan::Plan(workspace.store(), base, options));
      WEIRHOUSE_TRY(const RowsPtr parts, scan.ReadAll());
      WEIRHOUSE_TRY(const RowsPtr rows, Concatenate({parts}));
      places = PlacesOf(*rows, change);
    }
    if (places.empty() && change.joined == nullptr) continue;
    iceberg::StagedWrite write(workspace.store(), base, workspace.random(), publication.StageAs());
    if (!places.empty()) WEIRHOUSE_TRY_STATUS(write.DeleteRows(places));
    if (change.joined != nullptr)
      WEIRHOUSE_TRY_STATUS(
          iceberg::AppendMany(write, *base, *change.joined, {}, ScratchOf(workspace)).status());
    WEIRHOUSE_TRY(const iceberg::StagedTable staged, write.Finish());
    publication.Add(staged);
  }
  return Status();
}

namespace {
// A set of records. Memory: a bit for each record that arrived near one of them.
class SetOfRecords {
 public:
  // False if the record was already in the set.
  bool Add(RecordId record) {
    const auto number = static_cast<std::uint64_t>(record.value());
    Bits& bits = blocks_[number / kBlock];
    const std::uint64_t bit = std::uint64_t{1} << (number % 64);
    std::uint64_t& word = bits[number % kBlock / 64];
    if ((word & bit) != 0) return false;
    word |= bit;
    ++count_;
    return true;
  }
  std::int64_t count() const { return count_; }

 private:
  static constexpr std::uint64_t kBlock = 4096;
  using Bits = std::array<std::uint64_t, kBlock / 64>;
  std::unordered_map<std::uint64_t, Bits> blocks_;
  std::int64_t count_ = 0;
};

// Counts the records of one source that join its quarantine, and those that arrived with them.
// Threads: one.
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
    arrow::TableBatchReader pieces(joined);
    while (true) {
      std::shared_ptr<arrow::RecordBatch> piece;
      const arrow::Status read = pieces.ReadNext(&piece);
      if (!read.ok()) return Status(Code::kInternal, read.ToString());
      if (piece == nullptr) return Status();
      WEIRHOUSE_TRY_STATUS(AddPiece(*piece));
    }
  }

  std::int64_t quarantined() const { return whole_ + records_.count(); }
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
  Status AddPiece(const arrow::RecordBatch& piece) {
    const auto column = [&](const char* name) { return piece.GetColumnByName(name); };
    const auto& ids = static_cast<const arrow::Int64Array&>(*column("_record"));
    const auto& ordinals = static_cast<const arrow::Int64Array&>(*column("ordinal"));
    const auto& objects = static_cast<const arrow::StringArray&>(*column("object"));
    const auto& digests = static_cast<const arrow::StringArray&>(*column("object_digest"));
    for (std::int64_t row = 0; row < piece.num_rows(); ++row) {
      if (ordinals.IsValid(row) && ids.IsValid(row)) {
        WEIRHOUSE_TRY_STATUS(AddRecord(RecordId(ids.Value(row))));
      } else if (objects_.emplace(objects.GetView(row), digests.GetView(row)).second) {
        whole_ += RecordsOf(objects.GetView(row), digests.GetView(row));
      }
    }
    return Status();
  }
  Status AddRecord(RecordId record) {
    if (!records_.Add(record)) return Status();
    const auto after = objects_of_batch_.upper_bound(record);
    if (after != objects_of_batch_.begin()) {
      const catalog::ObjectRecord& object = *std::prev(after)->second;
      if (record.value() < object.first_record_id.value() + object.record_count) return Status();
    }
    WEIRHOUSE_TRY(const catalog::ObjectRecord* object, finder_.Of(record));
    if (object != nullptr) earlier_.insert(object->seq);
    return Status();
  }
  // The number of records of an object in quarantine as a whole; an unreadable object counts as
  // one.
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
  const SourceRecords* batch_;  // null: the batch has no records of this source
  std::multimap<RecordId, const catalog::ObjectRecord*> objects_of_batch_;  // by first record
  SetOfRecords records_;
  std::set<std::pair<std::string, std::string>>
      objects_;                  // objects counted as a whole, by name and digest
  std::int64_t whole_ = 0;       // their records
  std::set<CommitSeq> earlier_;  // earlier commits that brought some of the records
};
}  // namespace

Status AddQuarantineEvents(Workspace& workspace, const QuarantineChanges& changes,
                           const std::map<std::string, SourceRecords>& sources,
                           catalog::CommitRequest& request) {
  for (const auto& [source, change] : changes) {
    if (change.joined == nullptr || change.joined->num_rows() == 0) continue;
    const auto batch = sources.find(source);
    Tally tally(workspace, source, batch == sources.end() ? nullptr : &batch->second);
    WEIRHOUSE_TRY_STATUS(tally.Add(*change.joined));
    WEIRHOUSE_TRY(const std::int64_t arrived, tally.Arrived());
    request.events.push_back(MakeEvent(EventKind::kRecordQuarantined, source,
                                       {{"source", source},
                                        {"batch", request.batch},
                                        {"records", arrived},
                                        {"quarantined", tally.quarantined()}}));
  }
  return Status();
}
}  // namespace weirhouse::work

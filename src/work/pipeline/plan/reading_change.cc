#include "work/pipeline/plan/reading_change.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "ground/base/text.h"
#include "work/pipeline/batch/keyless.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/rebuild/rebuild.h"
#include "work/records/batch_records.h"
#include "work/records/contract_reading.h"
#include "work/records/object_decoding.h"
#include "work/workspace/applied.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
constexpr std::size_t kObjectsNamed = 10;
constexpr char kTypes[] = "types of the contract";

// Only CSV has texts that mean null; their order does not matter.
Result<std::vector<catalog::ObjectRecord>> ObjectsOf(Workspace& workspace,
                                                     const std::string& source) {
  catalog::ObjectFilter filter;
  filter.source = source;
  return workspace.catalog().Objects(filter);
}

// The source as it was before; absent if it is read in the same way now.
std::optional<Source> SourceBefore(const Source& source, const json& digests,
                                   const json& readings) {
  Source before = source;
  const json delimiters = digests.value("delimiters", json::object());
  before.delimiter = delimiters.value(source.name, std::string(","))[0];
  if (readings.contains(source.name)) {
    before.format = readings.at(source.name).at("format").get<std::string>();
    before.nulls = readings.at(source.name).at("nulls").get<std::vector<std::string>>();
  }
  if (before.format != source.format) return std::nullopt;  // then it has no objects
  return before;
}

// What becomes of the records of an object, without the bytes of refused ones.
struct Outcome {
  std::int64_t record_count = 0;
  std::int64_t valid_count = 0;
  std::vector<bool> refused;  // by ordinal
  // The first reason that a record is refused for which is not in `known`, and the number of such
  // records.
  std::int64_t lost = 0;
  std::string reason;
};

void Note(std::vector<contract::QuarantinedRecord> records, const std::vector<bool>& known,
          Outcome& outcome) {
  for (const contract::QuarantinedRecord& record : records) {
    const auto at = static_cast<std::size_t>(record.ordinal);
    if (outcome.refused.size() <= at) outcome.refused.resize(at + 1);
    outcome.refused[at] = true;
    if (at < known.size() && known[at]) continue;
    if (outcome.lost++ == 0 && !record.violations.empty())
      outcome.reason = record.violations.front().Reason();
  }
}

// An object that is rejected for one record loses all of its records.
void RefuseAll(const std::vector<bool>& known, Outcome& outcome) {
  if (outcome.refused.empty()) return;
  const auto count = static_cast<std::size_t>(outcome.record_count);
  outcome.refused.assign(count, true);
  outcome.valid_count = 0;
  std::int64_t lost = 0;
  for (std::size_t at = 0; at < count; ++at) lost += at >= known.size() || !known[at] ? 1 : 0;
  if (outcome.lost == 0 && lost > 0) outcome.reason = "its contract, which rejects the object";
  outcome.lost = lost;
}

Result<Outcome> DecodeAs(Workspace& workspace,
                         const std::shared_ptr<const contract::Contract>& contract,
                         const Source& source, const catalog::ObjectRecord& object,
                         const std::vector<bool>& known) {
  WEIRHOUSE_TRY(const contract::Decoder decoder,
                contract::Decoder::Make(contract, FormatOf(source)));
  Outcome outcome;
  contract::RowSink drop;
  drop.take = [](const std::shared_ptr<arrow::Table>&) { return Status(); };
  drop.take_quarantined = [&](std::vector<contract::QuarantinedRecord> records) {
    Note(std::move(records), known, outcome);
    return Status();
  };
  WEIRHOUSE_TRY(contract::DecodedPieces decoded,
                DecodeObject(workspace.store(), decoder, object, drop));
  Note(std::move(decoded.last.quarantined), known, outcome);
  outcome.record_count = decoded.last.record_count;
  outcome.valid_count = decoded.valid_count;
  if (contract->violation_policy() == contract::ViolationPolicy::kRejectObject)
    RefuseAll(known, outcome);
  return outcome;
}

// A source as it was read and as it will be, with the versions of its contract to read it by.
struct Change {
  Source before;
  Source now;
  json read_by_before;
  json read_by_now;

  bool rereads() const {
    return before.delimiter != now.delimiter || NullsOf(before) != NullsOf(now) ||
           read_by_before.value(now.contract, "") != read_by_now.value(now.contract, "");
  }
  std::string what() const {
    if (before.delimiter != now.delimiter) return "delimiter";
    return NullsOf(before) != NullsOf(now) ? "nulls" : kTypes;
  }
};

// The contract to read `object` by; null if it is not registered, which the reader reports.
Result<std::shared_ptr<const contract::Contract>> ContractOf(Workspace& workspace,
                                                             const Source& source,
                                                             const json& read_by,
                                                             const catalog::ObjectRecord& object) {
  const std::string version = VersionToReadBy(read_by, source.contract, object.contract_version);
  const auto& today = workspace.project().contracts.at(source.contract);
  if (version.empty() || version == today->version().ToString()) return today;
  return RegisteredContract(workspace, source.contract, version);
}

// What the change would do to one object; empty if it loses no record.
Result<std::string> LossOf(Workspace& workspace, const Change& change,
                           const catalog::ObjectRecord& object) {
  const Source& before = change.before;
  const Source& now = change.now;
  WEIRHOUSE_TRY(const auto contract, ContractOf(workspace, now, change.read_by_now, object));
  WEIRHOUSE_TRY(const auto contract_before,
                ContractOf(workspace, before, change.read_by_before, object));
  if (contract == nullptr || contract_before == nullptr) return std::string();
  const bool same_contract = contract->version() == contract_before->version();
  if (same_contract && change.what() == kTypes) return std::string();
  // First checks whether any record is refused, which is rare; then finds those refused before.
  const auto first = DecodeAs(workspace, contract, now, object, {});
  if (!first.ok() && first.status().code() != Code::kInvalidInput) return first.status();
  if (first.ok() && first->record_count != object.record_count) {
    return fmt::format("it would be cut into {} records, not {}",
                       WithThousands(first->record_count), WithThousands(object.record_count));
  }
  if (first.ok() && first->refused.empty()) return std::string();
  const auto known = DecodeAs(workspace, contract_before, before, object, {});
  if (!known.ok()) {
    if (known.status().code() != Code::kInvalidInput) return known.status();
    return std::string();
  }
  if (!first.ok()) {
    if (known->valid_count == 0) return std::string();
    return first.status().error_code() + " " + first.status().message();
  }
  WEIRHOUSE_TRY(const Outcome anew, DecodeAs(workspace, contract, now, object, known->refused));
  if (anew.lost == 0) return std::string();
  return fmt::format("{} of {} records, the first for {}", WithThousands(anew.lost),
                     WithThousands(object.record_count), anew.reason);
}

// `losses`: what becomes of each object; the message names the first ones.
Status Refused(Workspace& workspace, const Change& change, const std::vector<std::string>& losses) {
  std::vector<std::string> told(losses);
  told.resize(std::min(losses.size(), kObjectsNamed));
  if (losses.size() > told.size())
    told.push_back(fmt::format("and {} more", losses.size() - told.size()));
  const bool types = change.what() == kTypes;
  Status status(Code::kContractRefused,
                fmt::format("the new {} of the source \"{}\"{} would send records to quarantine "
                            "that were good: {}",
                            change.what(), change.now.name, types ? "" : " (weirhouse.yaml)",
                            Join(told, ", ")));
  if (types) {
    status =
        std::move(status).WithSpan(workspace.project().contracts.at(change.now.contract)->span());
  }
  return std::move(status).WithError("WH2027").WithHint(
      types ? "nothing was applied: keep the field as it is and cast it in the SQL, or add another "
              "field, or read files of the new form as another source"
            : "nothing was applied: undo the change, and read files of the new form as another "
              "source, "
              "with a landing folder of its own");
}

Status CheckSource(Workspace& workspace, const Change& change) {
  WEIRHOUSE_TRY(const auto objects, ObjectsOf(workspace, change.now.name));
  std::vector<std::string> losses;
  for (const catalog::ObjectRecord& object : objects) {
    WEIRHOUSE_TRY(const std::string loss, LossOf(workspace, change, object));
    if (!loss.empty())
      losses.push_back(fmt::format("{}/{} ({})", object.source, EscapeControl(object.name), loss));
  }
  return losses.empty() ? Status() : Refused(workspace, change, losses);
}

// Existing tables that depend, directly or through others, on records of `source`.
Result<std::set<std::string>> TablesAfter(Workspace& workspace, const std::string& source) {
  std::set<std::string> after = {"records." + source};
  std::set<std::string> tables;
  for (const transform::CheckedTransform& transform : workspace.project().transforms) {
    const auto& definition = transform.definition;
    const bool follows =
        std::any_of(transform.references.begin(), transform.references.end(),
                    [&](const auto& reference) { return after.count(reference.name) != 0; });
    if (!follows || definition.is_external()) continue;
    after.insert({definition.name(), definition.history_table()});
    WEIRHOUSE_TRY(const auto there, workspace.FindTable(definition.name()));
    if (there) tables.insert(definition.name());
  }
  return tables;
}

// Finds records that would have no key, by rebuilding their tables without publishing them.
Status CheckKeys(Workspace& workspace, const Change& reading, Progress& progress) {
  RebuildScope scope;
  WEIRHOUSE_TRY(scope.tables, TablesAfter(workspace, reading.now.name));
  if (scope.tables.empty()) return Status();
  WEIRHOUSE_TRY(const auto consumed, workspace.catalog().OffsetOf(std::string(kProcessedConsumer)));
  scope.consumed = CommitSeq(consumed.position);
  WEIRHOUSE_TRY(scope.external, workspace.catalog().LastSeq());
  scope.run_time = workspace.clock().Now();
  scope.may_stand = TablesOfModeFull(workspace.project());
  WEIRHOUSE_TRY(const auto state, PipelineState::Make(workspace, progress));
  state->records.ReadBy(reading.read_by_now);
  WEIRHOUSE_TRY(const std::unique_ptr<Rebuilt> rebuilt, Rebuild(*state, scope));
  std::erase_if(rebuilt->work, [&](const auto& work) {
    return scope.tables.count(work->transform().definition.name()) == 0;
  });
  WEIRHOUSE_TRY(const KeylessChange change, ComputeKeylessChange(workspace, rebuilt->work));
  struct Loss {
    std::string object;
    std::int64_t records = 0;
    std::int64_t of = 0;
    std::string first;
  };
  std::map<ObjectId, Loss> losses;
  std::set<RecordId> seen;
  for (const RejectedRecord& row : change.joined) {
    if (row.kind != contract::ViolationKind::kMissingKey || !seen.insert(row.record).second)
      continue;
    WEIRHOUSE_TRY(const auto object, workspace.catalog().ObjectOfRecord(row.record));
    if (!object) continue;
    Loss& loss = losses[object->id];
    if (loss.records++ == 0) {
      loss.object = object->source + "/" + EscapeControl(object->name);
      loss.of = object->record_count;
      loss.first = MakeViolation(row).Reason();
    }
  }
  std::vector<std::string> told;
  for (const auto& [id, loss] : losses) {
    told.push_back(fmt::format("{} ({} of {} records, the first for {})", loss.object,
                               WithThousands(loss.records), WithThousands(loss.of), loss.first));
  }
  return told.empty() ? Status() : Refused(workspace, reading, told);
}
}  // namespace

Status CompareReadings(Workspace& workspace, const json& applied, std::vector<PlanItem>& items) {
  for (const Source& source : workspace.project().sources) {
    if (!applied.contains(source.name)) continue;
    const json& before = applied.at(source.name);
    if (before.at("format") != source.format) {
      WEIRHOUSE_TRY(const auto objects, ObjectsOf(workspace, source.name));
      if (!objects.empty()) {
        return Status(Code::kContractRefused,
                      fmt::format("the source \"{}\" (weirhouse.yaml) holds {} objects that were "
                                  "read as {}: its "
                                  "format cannot become {}",
                                  source.name, WithThousands(std::ssize(objects)),
                                  before.at("format").get<std::string>(), source.format))
            .WithError("WH2026")
            .WithHint(
                "undo the change, and read files of the new format as another source, with a "
                "landing "
                "folder of its own");
      }
      items.push_back({PlanItem::Action::kChange, "format", source.name,
                       before.at("format").get<std::string>() + " → " + source.format});
    } else if (before.at("nulls") != NullsOf(source)) {
      items.push_back({PlanItem::Action::kChange, "nulls", source.name, "full rebuild"});
    }
  }
  return Status();
}

Status CheckReadings(Workspace& workspace, const json& digests, const json& readings,
                     Progress& progress) {
  if (digests.empty()) return Status();  // nothing was applied yet
  WEIRHOUSE_TRY(const json read_by_before, AppliedReadBy(workspace));
  WEIRHOUSE_TRY(const json read_by_now, ReadByToApply(workspace));
  for (const Source& source : workspace.project().sources) {
    const std::optional<Source> before = SourceBefore(source, digests, readings);
    if (!before) continue;
    const Change change{*before, source, read_by_before, read_by_now};
    if (!change.rereads()) continue;
    WEIRHOUSE_TRY_STATUS(CheckSource(workspace, change));
    WEIRHOUSE_TRY_STATUS(CheckKeys(workspace, change, progress));
  }
  return Status();
}
}  // namespace weirhouse::work

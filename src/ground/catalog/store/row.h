// Converts rows of the catalog's tables to values, and values to parameters.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/catalog/record.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// Canonical text: sorted keys, no blanks. Invalid UTF-8 becomes U+FFFD, so that it cannot fail.
std::string JsonText(const nlohmann::json& value);
// Parses stored JSON; kCorruption (WH7088) naming `what` if it is not JSON.
Result<nlohmann::json> StoredJson(const std::string& text, std::string_view what);
Status UnreadableStored(std::string_view what);
Result<Digest> StoredDigest(const std::string& hex, std::string_view what);
Result<RunState> StoredState(const std::string& name);
// The kind of a stored word; kCorruption (WH7088) naming `what` if there is none.
template <NamedKind Kind>
Result<Kind> StoredKind(const std::string& word, std::string_view what) {
  const std::optional<Kind> kind = KindNamed<Kind>(word);
  if (!kind) return UnreadableStored(what);
  return *kind;
}
// A kind as a parameter of a statement.
template <NamedKind Kind>
platform::DatabaseValue WordOf(Kind kind) {
  return std::string(Name(kind));
}
std::string PointerKindName(PointerKind kind);

template <typename Id>
platform::DatabaseValue OrNull(const std::optional<Id>& id) {
  if (!id) return std::monostate{};
  return id->value();
}
inline platform::DatabaseValue OrNull(const std::optional<EventTime>& time) {
  if (!time) return std::monostate{};
  return Micros(*time);
}
inline platform::DatabaseValue OrNull(const std::optional<std::string>& text) {
  if (!text) return std::monostate{};
  return *text;
}

// Each `…Columns` lists what its `Parse…Row` reads, in order.
inline constexpr std::string_view kRunColumns =
    "id, kind, name, step_identity, idempotency_key, inputs, parameters, record_ids_wanted, "
    "first_record_id, state, attempt, planned_at, finished_at, seq, error";
Result<Run> ParseRunRow(const platform::DatabaseRow& row);

inline constexpr std::string_view kPointerColumns =
    "name, uuid, metadata_location, previous_metadata_location, seq, kind";
Result<TablePointer> ParsePointerRow(const platform::DatabaseRow& row);

inline constexpr std::string_view kSnapshotColumns =
    "table_name, snapshot_id, sequence_number, ref, operation, added_rows, deleted_rows, "
    "total_rows, seq, run";
Result<SnapshotRecord> ParseSnapshotRow(const platform::DatabaseRow& row);

inline constexpr std::string_view kFileColumns =
    "path, table_name, kind, size_bytes, sha256, seq, run";
Result<FileRecord> ParseFileRow(const platform::DatabaseRow& row);

// Joined, because attempts are also counted after an object is committed (it may be read again).
inline constexpr std::string_view kObjectSelect =
    "SELECT o.id, o.source, o.name, o.digest, o.size_bytes, o.record_count, o.first_record_id, "
    "o.path, o.batch, o.contract_version, o.sender, o.arrived_at, o.state, "
    "CASE WHEN p.attempts > o.attempts THEN p.attempts ELSE o.attempts END, o.seq FROM object o "
    "LEFT JOIN parse_attempt p ON "
    "p.source = o.source AND p.name = o.name AND p.digest = o.digest";
Result<ObjectRecord> ParseObjectRow(const platform::DatabaseRow& row);

inline constexpr std::string_view kLandingColumns =
    "path, size_bytes, mtime_us, inode, source, digest, state, ctime_us";
Result<LandingRecord> ParseLandingRow(const platform::DatabaseRow& row);

inline constexpr std::string_view kVerdictColumns =
    "gate, table_name, state, batch, batch_end, checks, override_reason, override_by, run, seq";
Result<VerdictRecord> ParseVerdictRow(const platform::DatabaseRow& row);

inline constexpr std::string_view kMetricColumns =
    "table_name, name, batch, batch_end, in_baseline, value, run, seq";
Result<MetricRecord> ParseMetricRow(const platform::DatabaseRow& row);

inline constexpr std::string_view kNodeColumns = "id, kind, key, record, seq";
Result<Node> ParseNodeRow(const platform::DatabaseRow& row);

inline constexpr std::string_view kEventColumns = "id, type, subject, data, seq, attempts, state";
Result<Delivery> ParseDeliveryRow(const platform::DatabaseRow& row);
Result<OutboxEvent> ParseEventRow(const platform::DatabaseRow& row);

inline constexpr std::string_view kPredictionColumns =
    "id, model, at, request, vector, vector_digest, output, features_seq";
Result<PredictionRecord> ParsePredictionRow(const platform::DatabaseRow& row);

inline constexpr std::string_view kCommitColumns =
    "seq, run, layer, batch, state, committed_at, batch_end, chain";
Result<Catalog::CommitEntry> ParseCommitRow(const platform::DatabaseRow& row);
}  // namespace weirhouse::catalog

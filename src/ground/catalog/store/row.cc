#include "ground/catalog/store/row.h"

#include <fmt/format.h>

#include <array>

namespace weirhouse::catalog {
namespace {
using platform::DatabaseRow;

CommitSeq SeqAt(const DatabaseRow& row, int column) { return CommitSeq(row.Int(column)); }
}  // namespace

Status UnreadableStored(std::string_view what) {
  return Status(Code::kCorruption, fmt::format("catalog holds an unreadable {}", what))
      .WithError("WH7088")
      .WithHint("keep the file as it is and restore a backup of the project");
}

std::string JsonText(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<nlohmann::json> StoredJson(const std::string& text, std::string_view what) {
  auto value = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return UnreadableStored(what);
  return value;
}

Result<Digest> StoredDigest(const std::string& hex, std::string_view what) {
  Digest digest;
  if (!ParseDigest(hex, &digest)) return UnreadableStored(what);
  return digest;
}

Result<RunState> StoredState(const std::string& name) {
  constexpr std::array kStates{RunState::kPlanned, RunState::kCommitted, RunState::kHalted,
                               RunState::kDiscarded, RunState::kFailed};
  for (const RunState state : kStates) {
    if (RunStateName(state) == name) return state;
  }
  return UnreadableStored("run state");
}

std::string PointerKindName(PointerKind kind) {
  return kind == PointerKind::kView ? "view" : "table";
}

Result<Run> ParseRunRow(const DatabaseRow& row) {
  Run run;
  run.id = RunId(row.Int(0));
  WEIRHOUSE_TRY(run.plan.kind, StoredKind<RunKind>(row.Text(1), "kind of a run"));
  run.plan.name = row.Text(2);
  WEIRHOUSE_TRY(run.plan.step_identity, StoredDigest(row.Text(3), "step identity"));
  run.plan.idempotency_key = row.Text(4);
  WEIRHOUSE_TRY(run.plan.inputs, StoredJson(row.Text(5), "list of a run's inputs"));
  WEIRHOUSE_TRY(run.plan.parameters, StoredJson(row.Text(6), "list of a run's parameters"));
  run.plan.record_ids_wanted = row.Int(7);
  run.first_record_id = RecordId(row.Int(8));
  WEIRHOUSE_TRY(run.state, StoredState(row.Text(9)));
  run.attempt = static_cast<int>(row.Int(10));
  run.planned_at = ProcessTimeOfMicros(row.Int(11));
  if (!row.IsNull(12)) run.finished_at = ProcessTimeOfMicros(row.Int(12));
  if (!row.IsNull(13)) run.seq = SeqAt(row, 13);
  if (!row.IsNull(14)) {
    WEIRHOUSE_TRY(run.error, StoredJson(row.Text(14), "error of a run"));
  }
  return run;
}

Result<TablePointer> ParsePointerRow(const DatabaseRow& row) {
  TablePointer pointer;
  pointer.name = row.Text(0);
  pointer.uuid = row.Text(1);
  pointer.metadata_location = row.Text(2);
  if (!row.IsNull(3)) pointer.previous_metadata_location = row.Text(3);
  pointer.seq = SeqAt(row, 4);
  pointer.kind = row.Text(5) == "view" ? PointerKind::kView : PointerKind::kTable;
  return pointer;
}

Result<SnapshotRecord> ParseSnapshotRow(const DatabaseRow& row) {
  SnapshotRecord snapshot;
  snapshot.table = row.Text(0);
  snapshot.snapshot = SnapshotId(row.Int(1));
  snapshot.sequence_number = row.Int(2);
  snapshot.ref = row.Text(3);
  snapshot.operation = row.Text(4);
  snapshot.added_rows = row.Int(5);
  snapshot.deleted_rows = row.Int(6);
  snapshot.total_rows = row.Int(7);
  snapshot.seq = SeqAt(row, 8);
  snapshot.run = RunId(row.Int(9));
  return snapshot;
}

Result<FileRecord> ParseFileRow(const DatabaseRow& row) {
  FileRecord file;
  file.path = row.Text(0);
  file.table = row.Text(1);
  WEIRHOUSE_TRY(file.kind, StoredKind<FileKind>(row.Text(2), "kind of a file"));
  file.size_bytes = row.Int(3);
  WEIRHOUSE_TRY(file.sha256, StoredDigest(row.Text(4), "digest of a file"));
  file.seq = SeqAt(row, 5);
  file.run = RunId(row.Int(6));
  return file;
}

Result<ObjectRecord> ParseObjectRow(const DatabaseRow& row) {
  ObjectRecord object;
  object.id = ObjectId(row.Int(0));
  object.source = row.Text(1);
  object.name = row.Text(2);
  WEIRHOUSE_TRY(object.digest, StoredDigest(row.Text(3), "digest of an object"));
  object.size_bytes = row.Int(4);
  object.record_count = row.Int(5);
  object.first_record_id = RecordId(row.Int(6));
  object.path = row.Text(7);
  object.batch = row.Text(8);
  object.contract_version = row.Text(9);
  object.sender = row.Text(10);
  object.arrived_at = ProcessTimeOfMicros(row.Int(11));
  WEIRHOUSE_TRY(object.state, StoredKind<ObjectState>(row.Text(12), "state of an object"));
  object.attempts = static_cast<int>(row.Int(13));
  object.seq = SeqAt(row, 14);
  return object;
}

Result<LandingRecord> ParseLandingRow(const DatabaseRow& row) {
  LandingRecord landing;
  landing.path = row.Text(0);
  landing.size_bytes = row.Int(1);
  landing.mtime_us = row.Int(2);
  landing.inode = static_cast<std::uint64_t>(row.Int(3));
  landing.source = row.Text(4);
  WEIRHOUSE_TRY(landing.digest, StoredDigest(row.Text(5), "digest of a landing file"));
  WEIRHOUSE_TRY(landing.state, StoredKind<LandingState>(row.Text(6), "state of a landing file"));
  landing.ctime_us = row.Int(7);
  return landing;
}

Result<VerdictRecord> ParseVerdictRow(const DatabaseRow& row) {
  VerdictRecord verdict;
  verdict.gate = row.Text(0);
  verdict.table = row.Text(1);
  WEIRHOUSE_TRY(verdict.state, StoredKind<VerdictState>(row.Text(2), "state of a verdict"));
  verdict.batch = row.Text(3);
  verdict.batch_end = EventTimeOfMicros(row.Int(4));
  WEIRHOUSE_TRY(verdict.checks, StoredJson(row.Text(5), "list of a verdict's checks"));
  verdict.override_reason = row.Text(6);
  verdict.override_by = row.Text(7);
  verdict.run = RunId(row.Int(8));
  verdict.seq = SeqAt(row, 9);
  return verdict;
}

Result<MetricRecord> ParseMetricRow(const DatabaseRow& row) {
  MetricRecord metric;
  metric.table = row.Text(0);
  metric.name = row.Text(1);
  metric.batch = row.Text(2);
  metric.batch_end = EventTimeOfMicros(row.Int(3));
  metric.in_baseline = row.Int(4) != 0;
  WEIRHOUSE_TRY(metric.value, StoredJson(row.Text(5), "metric"));
  metric.run = RunId(row.Int(6));
  metric.seq = SeqAt(row, 7);
  return metric;
}

Result<Node> ParseNodeRow(const DatabaseRow& row) {
  Node node;
  node.id = NodeId(row.Int(0));
  WEIRHOUSE_TRY(node.node.kind, StoredKind<NodeKind>(row.Text(1), "kind of a lineage node"));
  node.node.key = row.Text(2);
  WEIRHOUSE_TRY(node.node.record, StoredJson(row.Text(3), "lineage node"));
  node.seq = SeqAt(row, 4);
  return node;
}

Result<OutboxEvent> ParseEventRow(const DatabaseRow& row) {
  OutboxEvent event;
  event.id = row.Int(0);
  event.type = row.Text(1);
  event.subject = row.Text(2);
  WEIRHOUSE_TRY(event.data, StoredJson(row.Text(3), "event"));
  event.seq = SeqAt(row, 4);
  event.attempts = static_cast<int>(row.Int(5));
  event.state = row.Text(6);
  return event;
}

Result<Delivery> ParseDeliveryRow(const DatabaseRow& row) {
  Delivery delivery;
  delivery.event = row.Int(0);
  delivery.target = row.Text(1);
  delivery.state = row.Text(2);
  delivery.tries = static_cast<int>(row.Int(3));
  delivery.next_try = ProcessTimeOfMicros(row.Int(4));
  delivery.error = row.Text(5);
  return delivery;
}

Result<PredictionRecord> ParsePredictionRow(const DatabaseRow& row) {
  PredictionRecord prediction;
  prediction.id = row.Text(0);
  prediction.model = row.Text(1);
  prediction.at = EventTimeOfMicros(row.Int(2));
  WEIRHOUSE_TRY(prediction.request, StoredJson(row.Text(3), "prediction's request"));
  WEIRHOUSE_TRY(prediction.vector, StoredJson(row.Text(4), "prediction's vector"));
  WEIRHOUSE_TRY(prediction.vector_digest, StoredDigest(row.Text(5), "digest of a vector"));
  WEIRHOUSE_TRY(prediction.output, StoredJson(row.Text(6), "prediction's output"));
  prediction.features_seq = SeqAt(row, 7);
  return prediction;
}

Result<Catalog::CommitEntry> ParseCommitRow(const DatabaseRow& row) {
  Catalog::CommitEntry entry;
  entry.seq = SeqAt(row, 0);
  entry.run = RunId(row.Int(1));
  WEIRHOUSE_TRY(entry.layer, StoredKind<Layer>(row.Text(2), "layer of a commit"));
  entry.batch = row.Text(3);
  WEIRHOUSE_TRY(entry.state, StoredState(row.Text(4)));
  entry.committed_at = ProcessTimeOfMicros(row.Int(5));
  if (!row.IsNull(6)) entry.batch_end = EventTimeOfMicros(row.Int(6));
  WEIRHOUSE_TRY(entry.chain, StoredDigest(row.Text(7), "chain of a commit"));
  return entry;
}
}  // namespace weirhouse::catalog

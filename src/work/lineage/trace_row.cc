// Rows of processed tables, and the records behind them.
#include <fmt/format.h>

#include <algorithm>

#include "ground/base/name.h"
#include "ground/base/text.h"
#include "ground/iceberg/type/schema.h"
#include "work/lineage/trace_walk.h"
#include "work/pipeline/feature/feature_step.h"
#include "work/records/record_query.h"

namespace weirhouse::work {
namespace {
using lineage::TraceNode;
using nlohmann::json;

json KeyCells(const std::vector<std::string>& key_columns, const json& cells) {
  json key = json::object();
  for (const std::string& column : key_columns) {
    if (cells.contains(column)) key[column] = cells[column];
  }
  return key;
}
}  // namespace

std::string PhraseOfCells(const json& cells) {
  std::string phrase;
  for (const auto& [name, value] : cells.items()) {
    if (!phrase.empty()) phrase += ", ";
    phrase +=
        fmt::format("{} {}", name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return phrase;
}

Result<TraceNode> Tracer::RowNode(const std::string& table, const FoundRow& row) {
  TraceNode node;
  node.kind = "row";
  node.key = fmt::format("{}@{}", table, row.seq.value());
  WEIRHOUSE_TRY(const Judged judged, JudgedBy(row.seq, table));
  const auto key_columns = SourceKeyColumns(workspace_.project(), table);
  const json shown = key_columns.ok() ? KeyCells(*key_columns, row.cells) : row.cells;
  node.title = fmt::format("{} {}, by {}", node.key, PhraseOfCells(shown), judged.title);
  node.detail = {
      {"table", table}, {"seq", row.seq.value()}, {"cells", row.cells}, {"commit", judged.detail}};
  if (!row.record) {
    node.title += ", of many records: traced to its run";
    return node;
  }
  node.detail["record"] = row.record->value();
  WEIRHOUSE_TRY(TraceNode record, objects_.Record(*row.record));
  node.parents.push_back(std::move(record));
  return node;
}

Result<std::vector<TraceNode>> Tracer::RowsOfRecords(const std::string& table,
                                                     const std::vector<RecordId>& records,
                                                     std::optional<CommitSeq> seq) {
  WEIRHOUSE_TRY(const auto found, FindRowsByRecord(workspace_, table, records, seq));
  std::vector<TraceNode> nodes;
  for (const RecordId record : records) {
    const auto row = found.find(record.value());
    const FoundRow* there = row == found.end() ? nullptr : &row->second;
    // Without its snapshot a scan gives today's rows: a row that a later commit wrote is not this
    // one.
    const bool is_it = there != nullptr && (!seq || there->seq <= *seq);
    if (is_it || !seq) {
      WEIRHOUSE_TRY(TraceNode node, is_it ? RowNode(table, *there) : objects_.Record(record));
      nodes.push_back(std::move(node));
      continue;
    }
    WEIRHOUSE_TRY(TraceNode node, RowOfThen(table, record, *seq, there));
    nodes.push_back(std::move(node));
  }
  WEIRHOUSE_TRY_STATUS(NoteSuperseded(table, records, nodes));
  return nodes;
}

// The commit that wrote the row of `record`: the run that processed the record's raw commit, or a
// later one up to `seq` that wrote the whole table again.
Result<std::optional<CommitSeq>> Tracer::CommitOfThen(const std::string& table, RecordId record,
                                                      CommitSeq seq) {
  std::optional<CommitSeq> wrote;
  WEIRHOUSE_TRY(const auto object, workspace_.catalog().ObjectOfRecord(record));
  if (!object) return wrote;
  WEIRHOUSE_TRY(const auto edges,
                workspace_.catalog().EdgesOutOf(catalog::CommitNode(object->seq)));
  for (const catalog::EdgeRecord& edge : edges) {
    if (edge.to.kind != catalog::NodeKind::kRun) continue;
    WEIRHOUSE_TRY(const RunId id, ParseRunId(edge.to.key));
    WEIRHOUSE_TRY(const catalog::Run run, workspace_.catalog().GetRun(id));
    if (run.plan.kind == catalog::RunKind::kProcessed && run.seq && *run.seq <= seq &&
        (!wrote || *wrote < *run.seq))
      wrote = run.seq;
  }
  if (!wrote) return wrote;
  WEIRHOUSE_TRY(const auto snapshots, workspace_.catalog().Snapshots(table));
  for (const catalog::SnapshotRecord& one : snapshots) {
    const bool anew = one.operation == "overwrite" && one.added_rows == one.total_rows;
    if (anew && one.ref == "main" && *wrote < one.seq && one.seq <= seq) wrote = one.seq;
  }
  return wrote;
}

Result<TraceNode> Tracer::RowOfThen(const std::string& table, RecordId record, CommitSeq seq,
                                    const FoundRow* written_again) {
  TraceNode node;
  node.kind = "row";
  WEIRHOUSE_TRY(const std::optional<CommitSeq> wrote, CommitOfThen(table, record, seq));
  node.key = fmt::format("{}@{}", table, wrote.value_or(seq).value());
  node.title = wrote ? node.key : fmt::format("{} as of commit {}", table, seq.value());
  node.detail = {{"table", table}, {"record", record.value()}};
  if (wrote) {
    WEIRHOUSE_TRY(const Judged judged, JudgedBy(*wrote, table));
    node.title += ", by " + judged.title;
    node.detail["seq"] = wrote->value();
    node.detail["commit"] = judged.detail;
  }
  WEIRHOUSE_TRY(const auto snapshot, workspace_.catalog().SnapshotAsOf(table, seq));
  if (snapshot) {
    WEIRHOUSE_TRY(const std::optional<Expiry> expired, FindExpiry(workspace_, *snapshot));
    if (expired) {
      node.title += ", " + expired->phrase;
      node.detail["expired"] = expired->detail;
    }
  }
  if (written_again != nullptr) {
    WEIRHOUSE_TRY(const Judged judged, JudgedBy(written_again->seq, table));
    node.title += ", written again by " + judged.title;
    node.detail["written_again"] = written_again->seq.value();
  }
  WEIRHOUSE_TRY(TraceNode behind, objects_.Record(record));
  node.parents.push_back(std::move(behind));
  return node;
}

Result<const std::vector<transform::StoredLoser>*> Tracer::Losers() {
  if (!losers_) {
    WEIRHOUSE_TRY(losers_, CurrentLosers(workspace_));
  }
  return &*losers_;
}

Status Tracer::NoteSuperseded(const std::string& table, const std::vector<RecordId>& records,
                              std::vector<TraceNode>& nodes) {
  const std::string base(WithoutHistory(table));
  if (!base.starts_with("processed.") || records.empty()) return Status();
  WEIRHOUSE_TRY(const auto current, workspace_.FindTable(base));
  if (!current || (*current)->schema().Find(iceberg::kRecordColumn) == nullptr) return Status();
  WEIRHOUSE_TRY(const std::set<std::int64_t> present, RecordsPresent(workspace_, base, records));
  for (std::size_t i = 0; i < records.size(); ++i) {
    const RecordId record = records[i];
    if (present.contains(record.value())) continue;
    WEIRHOUSE_TRY(const std::vector<transform::StoredLoser>* losers, Losers());
    const auto lost = std::find_if(losers->begin(), losers->end(), [&](const auto& one) {
      return one.record == record && one.table == base;
    });
    // A node of its own: the row's line says what it was then, whatever came later.
    TraceNode note;
    note.kind = "superseded";
    note.key = std::to_string(record.value());
    if (lost == losers->end()) {
      note.title = fmt::format("no longer in {}", base);
      note.detail = {{"table", base}};
    } else {
      note.title = fmt::format("superseded by record {} in {}, by {}", lost->winner.value(), base,
                               ToString(lost->run));
      note.detail = {{"record", lost->winner.value()},
                     {"table", base},
                     {"state", catalog::Name(lost->state)},
                     {"run", ToString(lost->run)}};
    }
    nodes[i].parents.push_back(std::move(note));
  }
  return Status();
}

namespace {
Result<std::vector<std::string>> KeyColumnsOf(Workspace& workspace, const std::string& table) {
  auto made = SourceKeyColumns(workspace.project(), table);
  if (made.ok()) return made;
  WEIRHOUSE_TRY(const auto held, workspace.FindTable(table));
  if (!held) return made.status();
  return Status(
             Code::kNotFound,
             fmt::format("the project no longer has the SQL of the table \"{}\", which names its "
                         "key; its data still exist",
                         table))
      .WithError("WH6004")
      .WithHint(fmt::format("`wh sql \"select _record, * from {}\"` finds the record of a row, "
                            "`wh trace record:N` traces it",
                            table));
}
}  // namespace

Result<TraceNode> Tracer::Row(const std::string& table, const std::string& key) {
  WEIRHOUSE_TRY(const std::vector<std::string> key_columns, KeyColumnsOf(workspace_, table));
  std::vector<std::string> values;
  if (key_columns.size() == 1) {
    values.push_back(key);
  } else {
    for (const std::string_view part : Split(key, '/')) values.emplace_back(part);
  }
  WEIRHOUSE_TRY(const std::vector<FoundRow> current,
                FindRowsByKey(workspace_, table, key_columns, values));
  const std::string history_name = HistoryOf(table);
  std::vector<FoundRow> versions;
  WEIRHOUSE_TRY(const auto history_table, workspace_.FindTable(history_name));
  if (history_table) {
    WEIRHOUSE_TRY(versions, FindRowsByKey(workspace_, history_name, key_columns, values));
  }
  if (current.empty() && versions.empty()) {
    return Status(Code::kNotFound,
                  fmt::format("{} has no row with the key \"{}\"", table, EscapeControl(key)))
        .WithError("WH6004")
        .WithHint(
            "separate several key columns by \"/\"; `wh quarantine list` and "
            "`wh trace record:N` show records that became no row");
  }
  TraceNode node;
  node.kind = "row";
  node.key = table + ":" + key;
  node.title = current.empty() ? fmt::format("{} is not in {} now", key, table)
                               : fmt::format("{}: {}", table, PhraseOfCells(current.back().cells));
  if (!current.empty()) node.detail = {{"cells", current.back().cells}};
  std::optional<RecordId> now;
  for (const FoundRow& row : current) {
    WEIRHOUSE_TRY(TraceNode one, RowNode(table, row));
    node.parents.push_back(std::move(one));
    now = row.record;
  }
  for (const FoundRow& row : versions) {
    if (row.record && row.record == now) continue;
    WEIRHOUSE_TRY(TraceNode one, RowNode(history_name, row));
    one.title = "earlier version: " + one.title;
    if (row.record) {
      std::vector<TraceNode> told{std::move(one)};
      WEIRHOUSE_TRY_STATUS(NoteSuperseded(history_name, {*row.record}, told));
      one = std::move(told.front());
    }
    node.parents.push_back(std::move(one));
  }
  if (!now) return node;
  WEIRHOUSE_TRY(const std::vector<transform::StoredLoser> losers, LosersAround(workspace_, *now));
  std::size_t shown = 0;
  for (const transform::StoredLoser& lost : losers) {
    if (lost.winner != *now || lost.table != table) continue;
    if (!options_.all_records && ++shown > kTraceParentsShown) {
      ++node.hidden;
      continue;
    }
    WEIRHOUSE_TRY(TraceNode record, objects_.Record(lost.record));
    record.title = fmt::format("lost to it ({}): {}", catalog::Name(lost.state), record.title);
    record.detail["state"] = catalog::Name(lost.state);
    node.parents.push_back(std::move(record));
  }
  return node;
}

Result<TraceNode> Tracer::Record(RecordId record) {
  WEIRHOUSE_TRY(TraceNode node, objects_.Record(record));
  WEIRHOUSE_TRY(const auto object, workspace_.catalog().ObjectOfRecord(record));
  // The rows that it became, or why it became none.
  json fate = json::array();
  std::string became;
  for (const transform::CheckedTransform& transform : workspace_.project().transforms) {
    if (transform.driver != "records." + object->source) continue;
    const std::string& table = transform.definition.name();
    WEIRHOUSE_TRY(const auto exists, workspace_.FindTable(table));
    if (!exists) continue;
    WEIRHOUSE_TRY(const auto rows, FindRowsByRecord(workspace_, table, {record}, std::nullopt));
    for (const auto& [id, row] : rows) {
      fate.push_back({{"table", table}, {"state", "processed"}, {"seq", row.seq.value()}});
      became += fmt::format(" → {}@{}", table, row.seq.value());
    }
  }
  WEIRHOUSE_TRY(const std::vector<transform::StoredLoser> losers, LosersAround(workspace_, record));
  for (const transform::StoredLoser& lost : losers) {
    if (lost.record != record) continue;
    fate.push_back({{"table", lost.table},
                    {"state", catalog::Name(lost.state)},
                    {"winner", lost.winner.value()},
                    {"run", ToString(lost.run)}});
    node.title += fmt::format(" → {} in {}, lost to record {}", catalog::Name(lost.state),
                              lost.table, lost.winner.value());
  }
  const std::string quarantine = "quarantine." + object->source;
  WEIRHOUSE_TRY(const auto quarantined, workspace_.FindTable(quarantine));
  if (quarantined) {
    WEIRHOUSE_TRY(const auto rows,
                  FindRowsByRecord(workspace_, quarantine, {record}, std::nullopt));
    for (const auto& [id, row] : rows) {
      fate.push_back({{"table", quarantine},
                      {"state", "quarantined"},
                      {"reason", row.cells.value("reason", "")}});
      became += fmt::format(" → quarantined: {}", row.cells.value("reason", ""));
    }
  }
  node.detail["became"] = std::move(fate);
  const std::string name = "record " + node.key;
  if (!became.empty()) node.title = name + became + node.title.substr(name.size());
  return node;
}

Result<TraceNode> Tracer::Object(ObjectId id) {
  WEIRHOUSE_TRY(const auto object, workspace_.catalog().FindObject(id));
  if (!object) {
    return Status(Code::kNotFound, fmt::format("no such object: {}", ToString(id)))
        .WithError("WH6001");
  }
  TraceNode node = objects_.Object(*object);
  node.title += fmt::format(", {} by {} in batch {}", FormatTime(object->arrived_at),
                            object->sender, object->batch);
  WEIRHOUSE_TRY(const auto commit, JudgedBy(object->seq));
  TraceNode arrival;
  arrival.kind = "commit";
  arrival.key = std::to_string(object->seq.value());
  arrival.title = fmt::format("commit {} by {}", arrival.key, commit.title);
  arrival.detail = commit.detail;
  node.parents.push_back(std::move(arrival));
  return node;
}
}  // namespace weirhouse::work

// The catalog's own state as tables: system.runs, system.verdicts, …
#include <arrow/api.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "work/answers/json_line.h"
#include "work/answers/sql/query_tables.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;
using TablePtr = std::shared_ptr<arrow::Table>;

constexpr std::int64_t kRowsMax = 10'000'000;
constexpr std::int64_t kCommitsOfPage = 1000;
constexpr catalog::NodeKind kNodeKinds[] = {
    catalog::NodeKind::kObject,      catalog::NodeKind::kCommit,  catalog::NodeKind::kRun,
    catalog::NodeKind::kContract,    catalog::NodeKind::kCode,    catalog::NodeKind::kView,
    catalog::NodeKind::kTrainingSet, catalog::NodeKind::kModel,   catalog::NodeKind::kDeployment,
    catalog::NodeKind::kPrediction,  catalog::NodeKind::kSnapshot};

enum class Kind : std::uint8_t { kText, kInt, kTime };
struct ColumnSpec {
  std::string name;
  Kind kind = Kind::kText;
};

// Builds rows of text, integers and times (microseconds); null where the JSON is null.
class Rows {
 public:
  explicit Rows(std::vector<ColumnSpec> columns) : columns_(std::move(columns)) {
    texts_.resize(columns_.size());
    ints_.resize(columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      times_.push_back(std::make_unique<arrow::TimestampBuilder>(
          arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), arrow::default_memory_pool()));
    }
  }

  Status Add(const std::vector<json>& row) {
    arrow::Status status;
    for (std::size_t i = 0; i < columns_.size() && status.ok(); ++i) {
      const json& value = row[i];
      switch (columns_[i].kind) {
        case Kind::kText:
          status = value.is_null() ? texts_[i].AppendNull()
                                   : texts_[i].Append(value.is_string() ? value.get<std::string>()
                                                                        : JsonLine(value));
          break;
        case Kind::kInt:
          status =
              value.is_null() ? ints_[i].AppendNull() : ints_[i].Append(value.get<std::int64_t>());
          break;
        case Kind::kTime:
          status = value.is_null() ? times_[i]->AppendNull()
                                   : times_[i]->Append(value.get<std::int64_t>());
          break;
      }
    }
    return status.ok() ? Status() : Status(Code::kInternal, status.ToString());
  }

  Result<TablePtr> Finish() {
    arrow::FieldVector fields;
    arrow::ArrayVector arrays;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      std::shared_ptr<arrow::Array> array;
      const arrow::Status status = columns_[i].kind == Kind::kText  ? texts_[i].Finish(&array)
                                   : columns_[i].kind == Kind::kInt ? ints_[i].Finish(&array)
                                                                    : times_[i]->Finish(&array);
      if (!status.ok()) return Status(Code::kInternal, status.ToString());
      fields.push_back(arrow::field(columns_[i].name, array->type()));
      arrays.push_back(std::move(array));
    }
    return arrow::Table::Make(arrow::schema(std::move(fields)), std::move(arrays));
  }

 private:
  std::vector<ColumnSpec> columns_;
  std::vector<arrow::StringBuilder> texts_;
  std::vector<arrow::Int64Builder> ints_;
  std::vector<std::unique_ptr<arrow::TimestampBuilder>> times_;
};

json TimeOrNull(EventTime time) { return time == EventTime::min() ? json() : json(Micros(time)); }

Result<TablePtr> RunsTable(catalog::Catalog& catalog) {
  Rows rows({{"run"},
             {"kind"},
             {"name"},
             {"state"},
             {"attempt", Kind::kInt},
             {"planned_at", Kind::kTime},
             {"finished_at", Kind::kTime},
             {"commit", Kind::kInt},
             {"inputs"},
             {"parameters"},
             {"error"}});
  catalog::RunFilter filter;
  filter.limit = kRowsMax;
  WEIRHOUSE_TRY(const auto runs, catalog.Runs(filter));
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    WEIRHOUSE_TRY_STATUS(
        rows.Add({ToString(run->id), catalog::ShownName(run->plan.kind), run->plan.name,
                  catalog::RunStateName(run->state), run->attempt, Micros(run->planned_at),
                  run->finished_at ? json(Micros(*run->finished_at)) : json(),
                  run->seq ? json(run->seq->value()) : json(), run->plan.inputs,
                  run->plan.parameters, run->error}));
  }
  return rows.Finish();
}

Result<TablePtr> VerdictsTable(catalog::Catalog& catalog) {
  Rows rows({{"gate"},
             {"table"},
             {"run"},
             {"commit", Kind::kInt},
             {"batch"},
             {"batch_end", Kind::kTime},
             {"gate_state"},
             {"check"},
             {"kind"},
             {"state"},
             {"severity"},
             {"population", Kind::kInt},
             {"bad", Kind::kInt},
             {"observed"},
             {"bound"},
             {"reason"},
             {"override_reason"},
             {"override_by"}});
  WEIRHOUSE_TRY(const auto verdicts, catalog.Verdicts({}));
  for (auto verdict = verdicts.rbegin(); verdict != verdicts.rend(); ++verdict) {
    for (const json& check : verdict->checks) {
      WEIRHOUSE_TRY_STATUS(rows.Add(
          {verdict->gate, verdict->table, ToString(verdict->run), verdict->seq.value(),
           verdict->batch, Micros(verdict->batch_end), verdict->state, check.value("name", json()),
           check.value("kind", json()), check.value("state", json()),
           check.value("severity", json()), check.value("population", json()),
           check.value("bad", json()), check.value("observed", json()),
           check.value("bound", json()), check.value("reason", json()),
           verdict->override_reason.empty() ? json() : json(verdict->override_reason),
           verdict->override_by.empty() ? json() : json(verdict->override_by)}));
    }
  }
  return rows.Finish();
}

Result<TablePtr> MetricsTable(work::Workspace& workspace) {
  Rows rows({{"table"},
             {"name"},
             {"batch"},
             {"batch_end", Kind::kTime},
             {"run"},
             {"commit", Kind::kInt},
             {"in_baseline", Kind::kInt},
             {"value"}});
  std::vector<std::string> tables;
  for (const gate::GateDefinition& gate : workspace.project().gates) tables.push_back(gate.table);
  std::sort(tables.begin(), tables.end());
  tables.erase(std::unique(tables.begin(), tables.end()), tables.end());
  for (const std::string& table : tables) {
    for (const char* name : {"profile", "row_count"}) {
      WEIRHOUSE_TRY(const auto metrics,
                    workspace.catalog().Metrics(table, name, EventTime::min(), EventTime::max()));
      for (const catalog::MetricRecord& metric : metrics) {
        WEIRHOUSE_TRY_STATUS(rows.Add(
            {metric.table, metric.name, metric.batch, TimeOrNull(metric.batch_end),
             ToString(metric.run), metric.seq.value(), metric.in_baseline ? 1 : 0, metric.value}));
      }
    }
  }
  return rows.Finish();
}

Result<TablePtr> LineageTable(catalog::Catalog& catalog) {
  Rows rows({{"from_kind"},
             {"from_key"},
             {"edge"},
             {"to_kind"},
             {"to_key"},
             {"run"},
             {"commit", Kind::kInt}});
  for (const catalog::NodeKind kind : kNodeKinds) {
    WEIRHOUSE_TRY(const auto nodes, catalog.Nodes(kind));
    for (const catalog::Node& node : nodes) {
      WEIRHOUSE_TRY(const auto edges, catalog.EdgesInto({kind, node.node.key}));
      for (const catalog::EdgeRecord& edge : edges) {
        WEIRHOUSE_TRY_STATUS(rows.Add({edge.from.kind, edge.from.key, edge.kind, edge.to.kind,
                                       edge.to.key, ToString(edge.run), edge.seq.value()}));
      }
    }
  }
  return rows.Finish();
}

Result<TablePtr> PredictionsTable(catalog::Catalog& catalog) {
  Rows rows({{"prediction"},
             {"model"},
             {"at", Kind::kTime},
             {"request"},
             {"output"},
             {"vector"},
             {"vector_digest"},
             {"features_commit", Kind::kInt}});
  WEIRHOUSE_TRY(const auto predictions, catalog.Predictions(kRowsMax));
  for (auto one = predictions.rbegin(); one != predictions.rend(); ++one) {
    WEIRHOUSE_TRY_STATUS(
        rows.Add({one->id, one->model, Micros(one->at), one->request, one->output, one->vector,
                  one->vector_digest.ToHex(), one->features_seq.value()}));
  }
  return rows.Finish();
}

Result<TablePtr> CommitsTable(catalog::Catalog& catalog) {
  Rows rows({{"commit", Kind::kInt},
             {"run"},
             {"layer"},
             {"batch"},
             {"state"},
             {"committed_at", Kind::kTime},
             {"batch_end", Kind::kTime},
             {"chain"}});
  CommitSeq after(0);
  while (true) {
    WEIRHOUSE_TRY(const auto entries, catalog.Commits(after, kCommitsOfPage));
    if (entries.empty()) return rows.Finish();
    for (const catalog::Catalog::CommitEntry& entry : entries) {
      WEIRHOUSE_TRY_STATUS(rows.Add(
          {entry.seq.value(), ToString(entry.run), entry.layer, entry.batch,
           catalog::RunStateName(entry.state), Micros(entry.committed_at),
           entry.batch_end ? json(Micros(*entry.batch_end)) : json(), entry.chain.ToHex()}));
    }
    after = entries.back().seq;
  }
}

Result<TablePtr> ObjectsTable(catalog::Catalog& catalog) {
  Rows rows({{"object"},
             {"source"},
             {"name"},
             {"digest"},
             {"size_bytes", Kind::kInt},
             {"records", Kind::kInt},
             {"first_record", Kind::kInt},
             {"batch"},
             {"contract_version"},
             {"arrived_at", Kind::kTime},
             {"state"},
             {"commit", Kind::kInt},
             {"path"}});
  WEIRHOUSE_TRY(const auto objects, catalog.Objects({}));
  for (const catalog::ObjectRecord& object : objects) {
    WEIRHOUSE_TRY_STATUS(rows.Add(
        {ToString(object.id), object.source, object.name, object.digest.ToHex(), object.size_bytes,
         object.record_count, object.first_record_id.value(), object.batch, object.contract_version,
         Micros(object.arrived_at), object.state, object.seq.value(), object.path}));
  }
  return rows.Finish();
}
}  // namespace

Result<TablePtr> LosersTable(const std::vector<transform::StoredLoser>& losers) {
  Rows rows({{"record", Kind::kInt}, {"table"}, {"state"}, {"winner", Kind::kInt}, {"run"}});
  for (const transform::StoredLoser& loser : losers) {
    WEIRHOUSE_TRY_STATUS(rows.Add({loser.record.value(), loser.table, catalog::Name(loser.state),
                                   loser.winner.value(), ToString(loser.run)}));
  }
  return rows.Finish();
}

std::vector<std::string> SystemTableNames() {
  return {"system.commits", "system.lineage",     "system.losers", "system.metrics",
          "system.objects", "system.predictions", "system.runs",   "system.verdicts"};
}

Result<TablePtr> SystemTable(work::Workspace& workspace, const std::string& name) {
  catalog::Catalog& catalog = workspace.catalog();
  if (name == "system.runs") return RunsTable(catalog);
  if (name == "system.verdicts") return VerdictsTable(catalog);
  if (name == "system.metrics") return MetricsTable(workspace);
  if (name == "system.lineage") return LineageTable(catalog);
  if (name == "system.predictions") return PredictionsTable(catalog);
  if (name == "system.commits") return CommitsTable(catalog);
  if (name == "system.objects") return ObjectsTable(catalog);
  return Status(Code::kNotFound, fmt::format("no such table: \"{}\"", name)).WithError("WH2103");
}
}  // namespace weirhouse::answers

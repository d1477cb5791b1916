#include "work/pipeline/rebuild/rebuild.h"

#include <arrow/api.h>

#include <algorithm>

#include "ground/base/name.h"
#include "rules/transform/run/run.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/batch/poison_rows.h"
#include "work/project/table_rules.h"
#include "work/workspace/tables/arrow_rows.h"
#include "work/workspace/tables/external_table.h"
#include "work/workspace/tables/piecewise_sql.h"

namespace weirhouse::work {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;

std::string BaseOf(const std::string& table) { return std::string(TableNameView(table).own()); }

// Computes the tables in scope, one by one. Threads: one.
class Rebuilder {
 public:
  Rebuilder(PipelineState& state, const RebuildScope& scope) : state_(state), scope_(scope) {}

  Result<std::unique_ptr<Rebuilt>> Run() {
    ListTransforms();
    WEIRHOUSE_TRY_STATUS(ReadRecords());
    WEIRHOUSE_TRY_STATUS(DropExcluded());
    std::int64_t done = 0;
    for (const transform::CheckedTransform* transform : transforms_) {
      state_.progress.Update("tables", done++, static_cast<std::int64_t>(transforms_.size()));
      WEIRHOUSE_TRY_STATUS(Transform(*transform));
    }
    return std::move(rebuilt_);
  }

 private:
  // The transforms in scope and all that they read, in the order in which they run.
  void ListTransforms() {
    const auto& all = state_.workspace.project().transforms;
    std::set<std::string> wanted = scope_.tables;
    std::vector<const transform::CheckedTransform*> chosen;
    for (auto transform = all.rbegin(); transform != all.rend(); ++transform) {
      const auto& definition = transform->definition;
      if (definition.is_external()) continue;
      if (transform->driver &&
          transform::KindOfTable(*transform->driver) == transform::TableKind::kRecords)
        rebuilt_->counted_by[BaseOf(*transform->driver)] = definition.name();  // the first remains
      const bool named = scope_.tables.empty() || wanted.count(definition.name()) != 0 ||
                         wanted.count(definition.history_table()) != 0;
      if (!named) continue;
      for (const transform::TableReference& reference : transform->references)
        wanted.insert(reference.name);
      chosen.push_back(&*transform);
    }
    transforms_.assign(chosen.rbegin(), chosen.rend());
  }

  bool Reads(const std::string& records) const {
    return std::any_of(transforms_.begin(), transforms_.end(), [&](const auto* transform) {
      return std::any_of(
          transform->references.begin(), transform->references.end(),
          [&](const transform::TableReference& reference) { return reference.name == records; });
    });
  }

  // Objects whose raw commit the increments have processed; later ones wait in the backlog.
  Status ReadRecords() {
    WEIRHOUSE_TRY(const std::vector<catalog::ObjectRecord> objects,
                  state_.workspace.catalog().Objects({}));
    std::map<std::string, std::vector<catalog::ObjectRecord>> by_source;
    for (const catalog::ObjectRecord& object : objects) {
      if (object.seq <= scope_.consumed && object.state == catalog::ObjectState::kStored &&
          Reads("records." + object.source))
        by_source[object.source].push_back(object);
    }
    for (const auto& [source, list] : by_source) {
      state_.progress.Update("records", static_cast<std::int64_t>(rebuilt_->sources.size()),
                             static_cast<std::int64_t>(by_source.size()));
      WEIRHOUSE_TRY(SourceRecords records, state_.records.Read(source, list, Reading::kAgain));
      rebuilt_->sources.emplace(source, std::move(records));
    }
    return Status();
  }

  // Batches that a person discarded stay out of the rebuild, as they do of the increments.
  Status DropExcluded() {
    WEIRHOUSE_TRY(const std::set<CommitSeq> left_out, DiscardedCommits(state_.workspace));
    WEIRHOUSE_TRY(const std::set<ObjectId> left_out_alone, DiscardedObjects(state_.workspace));
    for (auto& [source, records] : rebuilt_->sources) {
      const std::int64_t valid = records.rows->num_rows();
      for (const catalog::ObjectRecord& object : records.objects) {
        if (left_out.count(object.seq) == 0 && left_out_alone.count(object.id) == 0) continue;
        const std::int64_t first = object.first_record_id.value();
        WEIRHOUSE_TRY(records.rows, RowsOutside(records.rows, std::string(iceberg::kRecordColumn),
                                                first, first + object.record_count));
      }
      rebuilt_->excluded[source] = valid - records.rows->num_rows();
    }
    return Status();
  }

  Result<RowsPtr> InputOf(const transform::TableReference& reference) {
    const std::string base = BaseOf(reference.name);
    if (reference.kind == transform::TableKind::kRecords) {
      const auto records = rebuilt_->sources.find(base);
      if (records != rebuilt_->sources.end()) return records->second.rows;
      return state_.records.NoRows(base);
    }
    WEIRHOUSE_TRY(RowsPtr rows, rebuilt_->RowsOf(state_.tables, reference.name));
    if (rows != nullptr) return rows;
    if (const auto* external = FindExternal(state_.workspace.project(), reference.name))
      return ExternalRowsAsOf(state_.workspace, *external, scope_.external);
    if (Stands(reference.name)) {
      WEIRHOUSE_TRY(const auto held, state_.workspace.FindTable(reference.name));
      if (held) return state_.tables.Rows(reference.name, {});
    }
    return MakeEmptyRows(state_.workspace, reference.name, {});
  }

  // Whether `table`, or the table of that history, keeps its rows.
  bool Stands(const std::string& table) const {
    return std::any_of(rebuilt_->work.begin(), rebuilt_->work.end(), [&](const auto& one) {
      const auto& definition = one->transform().definition;
      return one->stands() && (table == definition.name() || table == definition.history_table());
    });
  }

  Result<transform::GoodRows> RunSql(const transform::CheckedTransform& transform,
                                     const RowsPtr& driven) {
    if (driven != nullptr) {
      return RunInPieces(state_.workspace, *state_.session, transform, driven, scope_.run_time);
    }
    WEIRHOUSE_TRY(auto rows, transform::RunTransform(*state_.session, transform, scope_.run_time));
    return transform::GoodRows{std::move(rows), {}};
  }

  Status Transform(const transform::CheckedTransform& transform) {
    RowsPtr driven;
    for (const transform::TableReference& reference : transform.references) {
      if (reference.kind != transform::TableKind::kRecords &&
          reference.kind != transform::TableKind::kProcessed)
        continue;
      WEIRHOUSE_TRY(const RowsPtr rows, InputOf(reference));
      if (reference.name == transform.driver) driven = rows;
      WEIRHOUSE_TRY_STATUS(
          RegisterRows(state_.workspace, *state_.session, transform, reference.name, rows));
    }
    const Result<transform::GoodRows> good = RunSql(transform, driven);
    const SourceRecords* records = nullptr;
    if (transform.driver &&
        transform::KindOfTable(*transform.driver) == transform::TableKind::kRecords) {
      const auto found = rebuilt_->sources.find(BaseOf(*transform.driver));
      if (found != rebuilt_->sources.end()) records = &found->second;
    }
    const RowsPtr driver = records != nullptr ? records->rows : nullptr;
    const std::string& name = transform.definition.name();
    if (!good.ok()) {
      if (!good.status().Is(transform::kFailedOnValue) || scope_.may_stand.count(name) == 0)
        return good.status();
      rebuilt_->standing[name] = good.status();
      rebuilt_->work.push_back(TableWork::Standing(state_.workspace, transform, records, driver));
      return Status();
    }
    WEIRHOUSE_TRY(auto one, TableWork::Make(state_.workspace, transform, good->rows, records,
                                            driver, /*full=*/true));
    one->Reject(RejectedBySql(good->poison, name));
    rebuilt_->work.push_back(std::move(one));
    return Status();
  }

  PipelineState& state_;
  const RebuildScope& scope_;
  std::vector<const transform::CheckedTransform*> transforms_;
  std::unique_ptr<Rebuilt> rebuilt_ = std::make_unique<Rebuilt>();
};
}  // namespace

std::set<std::string> TablesOfModeFull(const ProjectDefinition& project) {
  std::set<std::string> tables;
  for (const transform::CheckedTransform& transform : project.transforms) {
    if (transform.definition.mode == transform::Mode::kFull)
      tables.insert(transform.definition.name());
  }
  return tables;
}

bool Rebuilt::CountsRecords(const TableWork& one) const {
  if (one.records() == nullptr) return false;
  return counted_by.at(one.records()->source) == one.transform().definition.name();
}

Result<RowsPtr> Rebuilt::RowsOf(RowCache& tables, const std::string& table) const {
  for (const auto& one : work) {
    if (one->Covers(table)) return one->StagedRows(tables, table, {});
  }
  return RowsPtr();
}

Result<std::unique_ptr<Rebuilt>> Rebuild(PipelineState& state, const RebuildScope& scope) {
  return Rebuilder(state, scope).Run();
}
}  // namespace weirhouse::work

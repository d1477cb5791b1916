#include "work/lineage/rebuild_check.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "ground/base/name.h"
#include "ground/base/text.h"
#include "ground/catalog/commit.h"
#include "ground/catalog/moment.h"
#include "rules/feature/online/online_store.h"
#include "work/lineage/row_difference.h"
#include "work/pipeline/feature/feature_step.h"
#include "work/pipeline/feature/left_out.h"
#include "work/pipeline/plan/plan.h"
#include "work/pipeline/rebuild/quarantine_table.h"
#include "work/pipeline/rebuild/rebuild.h"
#include "work/project/table_rules.h"
#include "work/records/record_query.h"
#include "work/serving/online.h"
#include "work/workspace/applied.h"
#include "work/workspace/cache_damage.h"
#include "work/workspace/tables/arrow_rows.h"
#include "work/workspace/tables/external_table.h"

namespace weirhouse::work {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;

// Everything that is compared, as of one commit.
struct Held {
  CommitSeq last;
  CommitSeq consumed;
  CommitSeq featurized;
  CommitSeq external;
  std::map<std::string, std::string> metadata;  // table → location of its metadata
  std::vector<catalog::RecordStateCount> states;
};

Result<CommitSeq> PositionOf(catalog::CommitLog& catalog, std::string_view consumer) {
  WEIRHOUSE_TRY(const auto offset, catalog.OffsetOf(std::string(consumer)));
  return CommitSeq(offset.position);
}

// A daemon may commit between two reads.
Result<Held> Hold(Workspace& workspace) {
  catalog::Catalog& catalog = workspace.catalog();
  Held held;
  WEIRHOUSE_TRY_STATUS(catalog::AtOneMoment(catalog, [&]() -> Status {
    WEIRHOUSE_TRY(held.last, catalog.LastSeq());
    WEIRHOUSE_TRY(held.consumed, PositionOf(catalog, kProcessedConsumer));
    WEIRHOUSE_TRY(held.featurized, PositionOf(catalog, kFeatureConsumer));
    WEIRHOUSE_TRY(held.external, PositionOf(catalog, kExternalConsumer));
    WEIRHOUSE_TRY(const std::vector<catalog::TablePointer> pointers, catalog.Tables());
    for (const catalog::TablePointer& pointer : pointers)
      held.metadata[pointer.name] = pointer.metadata_location;
    WEIRHOUSE_TRY(held.states, catalog.RecordStates());
    return Status();
  }));
  return held;
}

class RebuildChecker {
 public:
  RebuildChecker(Workspace& workspace, const RebuildCheck& check, Progress& progress)
      : workspace_(workspace), check_(check), progress_(progress) {}

  Result<RebuildReport> Run() {
    WEIRHOUSE_TRY_STATUS(ReadScope());
    WEIRHOUSE_TRY(held_, Hold(workspace_));
    report_.seq = held_.last;
    WEIRHOUSE_TRY_STATUS(NoteNews());
    WEIRHOUSE_TRY(state_, PipelineState::Make(workspace_, progress_));
    scope_.consumed = held_.consumed;
    scope_.external = held_.external;
    scope_.run_time = workspace_.clock().Now();
    scope_.may_stand = TablesOfModeFull(workspace_.project());
    WEIRHOUSE_TRY(rebuilt_, Rebuild(*state_, scope_));
    for (const auto& work : rebuilt_->work) {
      if (progress_.Cancelled()) return Interrupted();
      WEIRHOUSE_TRY_STATUS(CompareWork(*work));
    }
    CompareStates();
    WEIRHOUSE_TRY_STATUS(CompareLosers());
    WEIRHOUSE_TRY_STATUS(CompareViews());
    WEIRHOUSE_TRY_STATUS(CompareQuarantines());
    return std::move(report_);
  }

 private:
  static Status Interrupted() {
    return Status(Code::kUnavailable,
                  "the comparison with a rebuild was interrupted before it was complete: there is "
                  "no answer")
        .WithError("WH6015")
        .WithHint("run it again; `wh verify --rebuild TABLE` of one table has an answer sooner");
  }

  Status ReadScope() {
    if (check_.table.empty()) return Status();
    const std::string name =
        TableNameView(check_.table).has_namespace() ? check_.table : "processed." + check_.table;
    std::vector<std::string> known;
    for (const transform::CheckedTransform& transform : workspace_.project().transforms) {
      const auto& definition = transform.definition;
      if (definition.is_external()) continue;
      known.push_back(definition.name());
      const bool history = definition.history == transform::History::kKeep;
      if (name != definition.name() && !(history && name == definition.history_table())) continue;
      asked_ = definition.name();
      scope_.tables = {definition.name()};
      return Status();
    }
    return Status(Code::kNotFound, fmt::format("no SQL makes the table \"{}\"", check_.table))
        .WithError("WH7020")
        .WithHint(DidYouMean(name, known));
  }

  bool IsAsked(const transform::TransformDefinition& definition) const {
    return asked_.empty() || asked_ == definition.name();
  }

  // What other engines wrote and no run has taken in yet is not compared.
  Status NoteNews() {
    for (const std::string& table : ExternalTablesRead(workspace_.project())) {
      WEIRHOUSE_TRY(const auto now, workspace_.catalog().SnapshotAsOf(table, held_.last));
      WEIRHOUSE_TRY(const auto before, workspace_.catalog().SnapshotAsOf(table, held_.external));
      if (!now || (before && before->snapshot == now->snapshot)) continue;
      report_.notes.push_back(fmt::format("{} changed since SQL read it: compared as of commit {}",
                                          table, held_.external.value()));
    }
    return Status();
  }

  // The rows of `name` as held, with the columns of `like` that it has.
  Result<RowsPtr> StoredRows(const std::string& name, const arrow::Schema& like) {
    const auto location = held_.metadata.find(name);
    if (location != held_.metadata.end()) {
      WEIRHOUSE_TRY(const iceberg::TablePtr table,
                    iceberg::LoadTable(workspace_.store(), name, location->second));
      iceberg::ScanOptions options;
      for (const auto& field : like.fields()) {
        if (table->schema().Find(field->name()) != nullptr)
          options.columns.push_back(field->name());
      }
      WEIRHOUSE_TRY(const iceberg::Scan scan,
                    iceberg::Scan::Plan(workspace_.store(), table, options));
      return scan.ReadAll();
    }
    auto none = arrow::Table::MakeEmpty(
        arrow::schema(arrow::FieldVector(like.fields().begin(), like.fields().end())));
    if (!none.ok()) return Status(Code::kInternal, none.status().ToString());
    return *none;
  }

  Status Compare(const std::string& name, const RowsPtr& rebuilt,
                 const std::vector<std::string>& columns, const std::vector<std::string>& key) {
    progress_.Update("compare", static_cast<std::int64_t>(report_.tables.size()), 0);
    WEIRHOUSE_TRY(const RowsPtr stored, StoredRows(name, *rebuilt->schema()));
    WEIRHOUSE_TRY(TableDifference difference,
                  CompareTables(name, stored, rebuilt, columns, key, kDifferencesShown));
    report_.tables.push_back(std::move(difference));
    return Status();
  }

  Status CompareWork(const TableWork& work) {
    const transform::CheckedTransform& transform = work.transform();
    const auto& definition = transform.definition;
    if (!IsAsked(definition)) return Status();
    if (work.stands()) {
      report_.notes.push_back(
          fmt::format("{} stays as it was, as its SQL fails: not compared", definition.name()));
      return Status();
    }
    std::vector<std::string> key = definition.key_columns();
    std::vector<std::string> columns = transform.declared;
    if (transform.uses_run_time) {
      columns = key;
      report_.notes.push_back(
          fmt::format("{} reads run_time(), which no rebuild repeats: only its keys are compared",
                      definition.name()));
    } else if (transform.row_wise) {
      columns.emplace_back(iceberg::kRecordColumn);  // which of equal rows stands
    }
    WEIRHOUSE_TRY_STATUS(Compare(definition.name(), work.added_rows(), columns, key));
    if (work.added_history() == nullptr) return Status();
    if (!transform.uses_run_time) {
      for (const std::string& column : definition.order_columns()) {
        if (std::find(key.begin(), key.end(), column) == key.end()) key.push_back(column);
      }
    }
    return Compare(definition.history_table(), work.added_history(), columns, key);
  }

  // Counts of the records that each table is driven by.
  void CompareStates() {
    for (const auto& work : rebuilt_->work) {
      const auto& definition = work->transform().definition;
      if (!rebuilt_->CountsRecords(*work) || !IsAsked(definition) || work->stands()) continue;
      const std::string& source = work->records()->source;
      RecordCounts counted;
      for (const catalog::RecordStateCount& state : held_.states) {
        if (state.source == source && state.table == definition.name())
          counted[state.state] += state.count;
      }
      RecordCounts totals = work->StateTotals();
      for (const auto& [state, count] : counted) totals.emplace(state, 0);
      for (const auto& [state, count] : totals) {
        ++report_.states_compared;
        if (counted[state] == count) continue;
        report_.states.push_back(
            {source, definition.name(), std::string(catalog::Name(state)), counted[state], count});
      }
    }
  }

  // Which records system.losers names. Of a table over records also their states and winners: over
  // another table a state may depend on what that one held in between.
  using Losers = std::map<std::pair<std::string, RecordId>, std::string>;
  static void AddLoser(Losers& losers, const TableWork& work, const transform::StoredLoser& loser) {
    losers[{loser.table, loser.record}] =
        work.records() == nullptr
            ? "lost"
            : fmt::format("{} by {}", catalog::Name(loser.state), loser.winner.value());
  }

  Status CompareLosers() {
    Losers stored;
    Losers rebuilt;
    WEIRHOUSE_TRY(const std::vector<transform::StoredLoser> held, HeldLosers());
    for (const auto& work : rebuilt_->work) {
      const std::string& name = work->transform().definition.name();
      if (!IsAsked(work->transform().definition) || work->stands()) continue;
      for (const transform::StoredLoser& loser : held) {
        if (loser.table == name) AddLoser(stored, *work, loser);
      }
      std::vector<transform::StoredLoser> now;
      for (const transform::Loser& loser : work->losers())
        now.push_back({loser.record, name, loser.state, loser.winner, RunId(), loser.version});
      for (const transform::StoredLoser& loser : transform::LatestLosers(std::move(now)))
        AddLoser(rebuilt, *work, loser);
    }
    Losers all = rebuilt;
    all.insert(stored.begin(), stored.end());
    report_.losers_compared = static_cast<std::int64_t>(all.size());
    for (const auto& [of, said] : all) {
      const auto there = stored.find(of);
      const auto here = rebuilt.find(of);
      LoserDifference one{of.second, of.first, there == stored.end() ? "" : there->second,
                          here == rebuilt.end() ? "" : here->second};
      if (one.stored == one.rebuilt) continue;
      ++report_.losers_differing;
      if (report_.losers.size() < kDifferencesShown) report_.losers.push_back(std::move(one));
    }
    return Status();
  }

  // Whether what is told of `table` is compared; empty: what broke its contract.
  bool IsComparedInQuarantine(const std::string& table) const {
    if (views_compared_.count(table) != 0) return true;
    if (rebuilt_->standing.count(table) != 0) return false;
    if (!asked_.empty()) return table == asked_;
    const auto& plans = workspace_.project().view_plans;
    return std::none_of(plans.begin(), plans.end(), [&](const feature::ViewPlan& plan) {
      return plan.view.table_name() == table;
    });
  }

  Status CompareQuarantines() {
    std::vector<RejectedRecord> rejected = AllRejected(rebuilt_->work);
    rejected.insert(rejected.end(), left_out_.begin(), left_out_.end());
    for (const auto& [source, records] : rebuilt_->sources) {
      const std::string name = "quarantine." + source;
      iceberg::TablePtr stored;
      if (const auto location = held_.metadata.find(name); location != held_.metadata.end()) {
        WEIRHOUSE_TRY(stored, iceberg::LoadTable(workspace_.store(), name, location->second));
      }
      WEIRHOUSE_TRY(
          const QuarantineComparison comparison,
          CompareQuarantine(workspace_, records, rejected, stored, [&](const std::string& table) {
            return IsComparedInQuarantine(table);
          }));
      report_.quarantine_rows += comparison.stored;
      report_.quarantine_differing += comparison.differing;
      for (const QuarantineComparison::Row& one : comparison.rows) {
        if (report_.quarantine.size() == kDifferencesShown) break;
        std::optional<std::int64_t> ordinal;
        if (one.row.ordinal != "null") ordinal = std::stoll(one.row.ordinal);
        report_.quarantine.push_back(
            {source, one.row.object, ordinal, one.row.reason, one.stored, one.rebuilt});
      }
    }
    return Status();
  }

  Result<std::vector<transform::StoredLoser>> HeldLosers() {
    const std::string name(transform::kLosersTable);
    const auto location = held_.metadata.find(name);
    if (location == held_.metadata.end()) return std::vector<transform::StoredLoser>();
    WEIRHOUSE_TRY(const iceberg::TablePtr table,
                  iceberg::LoadTable(workspace_.store(), name, location->second));
    if (table->current_snapshot() == nullptr) return std::vector<transform::StoredLoser>();
    return CurrentLosers(workspace_, table->current_snapshot()->id);
  }

  // Whether the feature tables have taken in every processed commit that is compared.
  Result<bool> FeaturesLag() {
    WEIRHOUSE_TRY(const auto next,
                  NextCommit(workspace_, kFeatureConsumer, catalog::Layer::kProcessed));
    return next && next->seq <= held_.last;
  }

  Status CompareViews() {
    std::vector<const feature::ViewPlan*> views;
    for (const feature::ViewPlan& plan : workspace_.project().view_plans) {
      if (plan.view.is_request()) continue;
      if (asked_.empty() || plan.view.source == asked_ || plan.view.source == HistoryOf(asked_))
        views.push_back(&plan);
    }
    if (views.empty()) return Status();
    WEIRHOUSE_TRY(const bool lag, FeaturesLag());
    if (lag) {
      report_.notes.emplace_back(
          "features have not taken in the last commits yet: they are not compared");
      return Status();
    }
    for (const feature::ViewPlan* plan : views) {
      if (progress_.Cancelled()) return Interrupted();
      WEIRHOUSE_TRY_STATUS(CompareView(*plan));
    }
    return Status();
  }

  Status CompareView(const feature::ViewPlan& plan) {
    const std::string& source = plan.view.source;
    WEIRHOUSE_TRY(const std::vector<std::string> key,
                  SourceKeyColumns(workspace_.project(), source));
    RowsPtr rows;
    if (const auto* external = FindExternal(workspace_.project(), source)) {
      WEIRHOUSE_TRY(rows, ExternalRowsAsOf(workspace_, *external, held_.featurized));
    } else {
      WEIRHOUSE_TRY(rows, rebuilt_->RowsOf(state_->tables, source));
    }
    if (rows == nullptr) return Status();  // a table that stays as it was, which is told
    const std::string name = plan.view.table_name();
    if (held_.metadata.count(name) == 0 && rows->num_rows() > 0) {
      report_.notes.push_back(fmt::format("{} is filled by the next run: not compared", name));
      return Status();
    }
    std::vector<feature::LeftOutRow> left_out;
    WEIRHOUSE_TRY(const RowsPtr rebuilt,
                  feature::BuildGoodFeatureRows(plan, rows, key, *state_->session, left_out));
    const std::vector<RejectedRecord> rejected = RejectedByView(plan, left_out);
    left_out_.insert(left_out_.end(), rejected.begin(), rejected.end());
    views_compared_.insert(name);
    std::vector<std::string> columns;
    for (const auto& field : rebuilt->schema()->fields()) {
      if (!iceberg::IsHidden(field->name())) columns.push_back(field->name());
    }
    std::vector<std::string> shown;
    for (const feature::TypedName& entity : plan.view.entity) shown.push_back(entity.name);
    for (const char* column : {"event_time", "known_time", "row_key"}) shown.emplace_back(column);
    WEIRHOUSE_TRY_STATUS(Compare(name, rebuilt, columns, shown));
    return CompareOnline(plan, rebuilt);
  }

  Status CompareOnline(const feature::ViewPlan& plan, const RowsPtr& rebuilt) {
    if (plan.view.online_fill == feature::OnlineFill::kNone) return Status();
    WEIRHOUSE_TRY_STATUS(WhyNoCache(workspace_));
    const std::string name = plan.view.table_name();
    const auto location = held_.metadata.find(name);
    if (location == held_.metadata.end()) return Status();
    WEIRHOUSE_TRY(const iceberg::TablePtr table,
                  iceberg::LoadTable(workspace_.store(), name, location->second));
    if (table->current_snapshot() == nullptr) return Status();
    WEIRHOUSE_TRY(const CommitSeq stands,
                  workspace_.catalog().SeqOf(name, table->current_snapshot()->sequence_number));
    const CommitSeq applied = workspace_.online().AppliedSeq(plan);
    if (applied < stands || applied > held_.last) {
      report_.notes.push_back(
          fmt::format("online answers of {} stand at commit {}, the tables at {}: not compared",
                      plan.view.id(), applied.value(), stands.value()));
      return Status();
    }
    WEIRHOUSE_TRY(const RowsPtr stored, StoredRows(name, *rebuilt->schema()));
    WEIRHOUSE_TRY(const RowsPtr shaped,
                  ShapedLike(stored, *rebuilt, rebuilt->schema()->field_names()));
    // Entities of both are asked about: what should not be served, and what should.
    WEIRHOUSE_TRY(const RowsPtr asked, Concatenate({rebuilt, shaped}));
    WEIRHOUSE_TRY(const SkewReport skew,
                  MeasureSkewOf(workspace_, plan, asked, rebuilt, check_.questions, check_.seed));
    if (skew.pairs == 0 && asked->num_rows() > 0) {
      report_.notes.push_back(
          fmt::format("the online store answers of {} at none of the times tried: not compared",
                      plan.view.id()));
      return Status();
    }
    OnlineDifference difference;
    difference.view = plan.view.id();
    difference.questions = skew.pairs;
    difference.differing = skew.differing + skew.status_differing;
    difference.first = skew.first;
    report_.online.push_back(std::move(difference));
    return Status();
  }

  Workspace& workspace_;
  const RebuildCheck& check_;
  Progress& progress_;
  std::string asked_;  // the one table that is compared; empty = all
  RebuildScope scope_;
  Held held_;
  std::unique_ptr<PipelineState> state_;
  std::unique_ptr<Rebuilt> rebuilt_;
  std::vector<RejectedRecord> left_out_;  // by views
  std::set<std::string> views_compared_;  // their tables
  RebuildReport report_;
};
}  // namespace

bool RebuildReport::same() const {
  const bool rows = std::all_of(tables.begin(), tables.end(),
                                [](const TableDifference& one) { return one.differing == 0; });
  const bool answers = std::all_of(online.begin(), online.end(),
                                   [](const OnlineDifference& one) { return one.differing == 0; });
  return rows && answers && states.empty() && losers_differing == 0 && quarantine_differing == 0;
}

Result<RebuildReport> CheckRebuild(Workspace& workspace, const RebuildCheck& check,
                                   Progress& progress) {
  WEIRHOUSE_TRY_STATUS(RequireApplied(workspace));
  return RebuildChecker(workspace, check, progress).Run();
}
}  // namespace weirhouse::work

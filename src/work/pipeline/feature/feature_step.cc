#include "work/pipeline/feature/feature_step.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "ground/base/failpoint.h"
#include "ground/base/resource/free_memory.h"
#include "ground/iceberg/type/key_encoding.h"
#include "ground/iceberg/write/reshape.h"
#include "work/pipeline/batch/keyless.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/batch/table_work.h"
#include "work/pipeline/feature/left_out.h"
#include "work/pipeline/feature/online_fill.h"
#include "work/pipeline/feature/view_standing.h"
#include "work/project/table_rules.h"
#include "work/workspace/applied.h"
#include "work/workspace/online_refresh.h"
#include "work/workspace/scratch.h"
#include "work/workspace/tables/arrow_rows.h"
#include "work/workspace/tables/external_table.h"
#include "work/workspace/tables/source_change.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

// Runs of about equal size are merged together, so that a row is rewritten log16(n) times; at most
// this many rows together, because they are held in memory.
constexpr std::int64_t kMergedRowsMax = 512 << 10;
int SizeClass(std::int64_t rows) {
  int size_class = 0;
  for (; rows >= feature::kRunsBeforeMerge; rows /= feature::kRunsBeforeMerge) ++size_class;
  return size_class;
}

using Positions = std::vector<iceberg::RowPosition>;

// The rows of `file` whose positions are not in `leaving`, which is sorted.
Result<std::shared_ptr<arrow::Table>> RowsThatStay(const std::shared_ptr<arrow::Table>& rows,
                                                   const std::string& file,
                                                   const Positions& leaving) {
  const auto of_file =
      std::equal_range(leaving.begin(), leaving.end(), iceberg::RowPosition{file, 0},
                       [](const auto& a, const auto& b) { return a.file < b.file; });
  if (of_file.first == of_file.second) return rows;
  const auto before = [](const iceberg::RowPosition& row, std::int64_t position) {
    return row.position < position;
  };
  arrow::BooleanBuilder stays;
  for (const auto& chunk : rows->GetColumnByName("_pos")->chunks()) {
    const auto& positions = static_cast<const arrow::Int64Array&>(*chunk);
    for (std::int64_t i = 0; i < positions.length(); ++i) {
      const auto at = std::lower_bound(of_file.first, of_file.second, positions.Value(i), before);
      const bool leaves = at != of_file.second && at->position == positions.Value(i);
      if (const auto status = stays.Append(!leaves); !status.ok())
        return Status(Code::kInternal, status.ToString());
    }
  }
  const auto mask = stays.Finish();
  if (!mask.ok()) return Status(Code::kInternal, mask.status().ToString());
  const auto left = arrow::compute::Filter(arrow::Datum(rows), arrow::Datum(*mask));
  if (!left.ok()) return Status(Code::kInternal, left.status().ToString());
  return left->table();
}

// Without the rows at `leaving`, which this change replaces.
Result<std::vector<feature::FeatureRun>> RunsToMerge(Workspace& workspace,
                                                     const iceberg::TablePtr& table,
                                                     const Positions& leaving,
                                                     std::vector<std::string>* files) {
  std::vector<feature::FeatureRun> runs;
  if (table->metadata_location.empty() || table->current_snapshot() == nullptr) return runs;
  iceberg::ScanOptions options;
  options.with_file_position = true;
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace.store(), table, options));
  std::map<int, std::vector<const iceberg::Scan::Task*>> classes;
  for (const iceberg::Scan::Task& task : scan.tasks())
    classes[SizeClass(task.file.row_count)].push_back(&task);
  for (const auto& [size_class, tasks] : classes) {
    std::vector<const iceberg::Scan::Task*> chosen;
    std::int64_t rows_chosen = 0;
    for (const iceberg::Scan::Task* task : tasks) {
      if (rows_chosen + task->file.row_count > kMergedRowsMax) continue;
      rows_chosen += task->file.row_count;
      chosen.push_back(task);
    }
    if (chosen.size() < static_cast<std::size_t>(feature::kRunsBeforeMerge)) continue;
    for (const iceberg::Scan::Task* task : chosen) {
      WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> rows, scan.Read(*task));
      WEIRHOUSE_TRY(rows, RowsThatStay(rows, task->file.path, leaving));
      WEIRHOUSE_TRY(const CommitSeq seq,
                    workspace.catalog().SeqOf(table->name, task->file.data_sequence_number));
      runs.push_back({std::move(rows), seq});
      files->push_back(task->file.path);
    }
    break;  // one class at a time: the next commit merges the next
  }
  return runs;
}

// Calls `each` for the rows of `work`, a bounded part at a time; if there are many, one sorted run
// at a time.
template <typename Each>
Status ForEachRun(const ViewWork& work, const Each& each) {
  if (!work.many) return each(*work.rows);
  std::int64_t begin = 0;
  for (const auto& chunk : work.rows->column(0)->chunks()) {
    WEIRHOUSE_TRY_STATUS(each(*work.rows->Slice(begin, chunk->length())));
    begin += chunk->length();
    platform::LetGoOfStoredRows();
  }
  return Status();
}

// The positions of the rows that `work` replaces, found by the feature table's own key.
Result<std::vector<iceberg::RowPosition>> ReplacedPositions(Workspace& workspace,
                                                            const ViewWork& work) {
  std::vector<iceberg::RowPosition> positions;
  if (work.whole || work.plan->view.source_keeps_history()) return positions;
  WEIRHOUSE_TRY(iceberg::KeyIndex * index,
                workspace.IndexOf(work.plan->view.table_name(), {"row_key"}, {},
                                  iceberg::IndexedFacts::kPosition));
  const auto look_up = [&](const iceberg::KeyList& keys) -> Status {
    WEIRHOUSE_TRY(auto found, index->Find(keys.views()));
    for (iceberg::KeyEntry& entry : found.there()) positions.push_back(std::move(entry.position));
    return Status();
  };
  WEIRHOUSE_TRY_STATUS(ForEachRun(work, [&](const arrow::Table& rows) -> Status {
    WEIRHOUSE_TRY(const iceberg::KeyList keys, iceberg::EncodeKeys(rows, {"row_key"}));
    return look_up(keys);
  }));
  WEIRHOUSE_TRY(const std::vector<std::string> gone, EncodeRowKeys(work.replaced));
  WEIRHOUSE_TRY_STATUS(look_up(iceberg::KeyList::Of(gone)));
  // A row that leaves and comes back was found twice.
  const auto place = [](const iceberg::RowPosition& row) {
    return std::tie(row.file, row.position);
  };
  std::sort(positions.begin(), positions.end(),
            [&](const auto& a, const auto& b) { return place(a) < place(b); });
  positions.erase(std::unique(positions.begin(), positions.end(),
                              [&](const auto& a, const auto& b) { return place(a) == place(b); }),
                  positions.end());
  return positions;
}

// For rows that are all new: the table with the columns of `wanted`. Columns of an earlier form of
// the view stay, empty; if the source changed a type, a new column replaces the old one.
Result<iceberg::TablePtr> WithColumns(const iceberg::TablePtr& base, const arrow::Schema& wanted) {
  WEIRHOUSE_TRY(iceberg::Schema schema, iceberg::Schema::FromArrow(wanted));
  const bool alike =
      std::all_of(schema.fields.begin(), schema.fields.end(), [&](const iceberg::Field& field) {
        const iceberg::Field* held = base->schema().Find(field.name);
        return held != nullptr && held->type == field.type;
      });
  if (alike) return base;
  // The columns keep the table's order, so that only those that differ become new.
  iceberg::Schema kept;
  for (const iceberg::Field& field : base->schema().fields) {
    const iceberg::Field* now = schema.Find(field.name);
    kept.fields.push_back(now != nullptr ? *now : field);
  }
  for (const iceberg::Field& field : schema.fields) {
    if (base->schema().Find(field.name) == nullptr) kept.fields.push_back(field);
  }
  return iceberg::Reshape(base, kept, {});
}

void AddLineage(const std::vector<ViewWork>& work, catalog::CommitRequest& request) {
  for (const ViewWork& view : work) {
    request.lineage.Uses({catalog::NodeKind::kView, view.plan->view.id()},
                         {{"digest", view.plan->view.digest.ToHex()}});
    // A rebuilt view's rows come from more than the current commit.
    if (view.whole && view.source) {
      request.lineage.ReadSnapshot(view.source->table, view.source->seq);
    }
  }
}
}  // namespace

Result<std::vector<std::string>> SourceKeyColumns(const ProjectDefinition& project,
                                                  const std::string& source) {
  for (const transform::CheckedTransform& transform : project.transforms) {
    if (source == transform.definition.name() || source == transform.definition.history_table()) {
      return transform.definition.key_columns();
    }
  }
  return Status(Code::kNotFound, fmt::format("no transform makes the table \"{}\"", source))
      .WithError("WH4005");
}

Status StageView(Workspace& workspace, Publication& publication, ViewWork& work) {
  const feature::FeatureView& view = work.plan->view;
  const std::string name = view.table_name();
  const auto schema = feature::FeatureTableSchema(*work.plan);
  WEIRHOUSE_TRY(const iceberg::TablePtr held,
                TableOrNew(workspace, name, *schema, {}, feature::FeatureSortColumns(*work.plan)));
  iceberg::TablePtr base = held;
  if (work.whole) {
    WEIRHOUSE_TRY(base, WithColumns(held, *schema));
  }
  platform::ParquetOptions options;
  options.delta_columns = feature::FeatureDeltaColumns();
  iceberg::StagedWrite write(workspace.store(), base, workspace.random(), publication.StageAs());
  if (work.unique_keys) {
    write.SetProperty(kUniqueKeysProperty, *work.unique_keys ? "true" : "false");
  }
  if (work.source) {
    write.SetProperty(feature::kSourceSnapshotProperty,
                      std::to_string(work.source->snapshot.value()));
  }
  if (work.whole) {
    if (base != held)
      write.SetProperty(iceberg::kReshapedProperty, std::to_string(base->current_schema_id));
    WEIRHOUSE_TRY_STATUS(write.RemoveAllFiles());
  } else {
    WEIRHOUSE_TRY(Positions replaced, ReplacedPositions(workspace, work));
    std::vector<std::string> merged_files;
    WEIRHOUSE_TRY(const std::vector<feature::FeatureRun> runs,
                  RunsToMerge(workspace, base, replaced, &merged_files));
    if (!runs.empty()) {
      WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> merged,
                    feature::MergeRuns(*work.plan, runs));
      WEIRHOUSE_TRY_STATUS(write.RemoveFiles(merged_files));
      if (merged->num_rows() > 0) WEIRHOUSE_TRY_STATUS(write.Append(*merged, options).status());
      work.merges = true;
      const std::set<std::string> merged_away(merged_files.begin(), merged_files.end());
      std::erase_if(replaced, [&](const auto& row) { return merged_away.count(row.file) != 0; });
    }
    if (!replaced.empty()) WEIRHOUSE_TRY_STATUS(write.DeleteRows(replaced));
  }
  WEIRHOUSE_TRY_STATUS(ForEachRun(work, [&](const arrow::Table& rows) -> Status {
    if (rows.num_rows() == 0) return Status();
    WEIRHOUSE_TRY(const iceberg::AppendedRows appended, write.Append(rows, options));
    iceberg::AddRanges(appended, work.appended);
    return Status();
  }));
  WEIRHOUSE_TRY(const iceberg::StagedTable staged, write.Finish());
  publication.Add(staged);
  work.staged = staged.table;
  WEIRHOUSE_FAILPOINT("feature.staged_table");
  return Status();
}

// Updates the key index of a feature table without a history, without reading the table again.
static Status ApplyToKeyIndex(Workspace& workspace, const ViewWork& work) {
  if (work.whole || work.merges || work.plan->view.source_keeps_history()) return Status();
  WEIRHOUSE_TRY(iceberg::KeyIndex * index, workspace.PeekIndex(work.plan->view.table_name()));
  const auto name_rows = [&](const iceberg::KeyIndex::Put& put) {
    std::int64_t row = 0;
    return ForEachRun(work, [&](const arrow::Table& rows) -> Status {
      WEIRHOUSE_TRY(const iceberg::KeyList keys, iceberg::EncodeKeys(rows, {"row_key"}));
      for (const std::string_view key : keys) {
        const iceberg::AppendedPlace place = iceberg::PlaceOf(work.appended, row++);
        WEIRHOUSE_TRY_STATUS(put({key, place.file, place.position, {}, nullptr, RecordId()}));
      }
      return Status();
    });
  };
  // What leaves is removed before what comes is entered.
  WEIRHOUSE_TRY(const std::vector<std::string> gone, EncodeRowKeys(work.replaced));
  return index->Apply(work.staged, name_rows, gone);
}

Status PublishViews(Workspace& workspace, Publication& publication, std::vector<ViewWork>& work,
                    bool fill_online) {
  catalog::CommitRequest& request = publication.request();
  AddLineage(work, request);
  for (const ViewWork& view : work) {
    request.events.push_back(
        TableCommitted(view.plan->view.table_name(), publication.run(), view.rows->num_rows()));
  }
  WEIRHOUSE_TRY(const catalog::CommitAnswer answer, publication.Commit());
  WEIRHOUSE_FAILPOINT("feature.committed");
  for (const ViewWork& view : work) WEIRHOUSE_TRY_STATUS(ApplyToKeyIndex(workspace, view));
  WEIRHOUSE_FAILPOINT("feature.indexed");
  if (fill_online) WEIRHOUSE_TRY_STATUS(FillOnline(workspace, work, answer.seq));
  WEIRHOUSE_FAILPOINT("online.applied");
  return Status();
}

namespace {
// Whether a run replaced the whole content of what it published, as runs after external tables do.
// If it was halted and a person overrode it, the override's run counts.
Result<bool> ReplacesAll(Workspace& workspace, RunId run) {
  WEIRHOUSE_TRY(const catalog::Run published, workspace.catalog().GetRun(run));
  if (published.plan.kind == catalog::RunKind::kDownstream) return true;
  if (published.plan.kind != catalog::RunKind::kOverride) return false;
  WEIRHOUSE_TRY(const RunId halted, ParseRunId(published.plan.name));
  WEIRHOUSE_TRY(const catalog::Run overridden, workspace.catalog().GetRun(halted));
  return overridden.plan.kind == catalog::RunKind::kDownstream;
}

// Makes the feature rows of `source`; if there are many, a sorted run for each piece of them.
Status BuildRows(Workspace& workspace, platform::SqlSession& session, const arrow::Table& source,
                 const std::vector<std::string>& key, ViewWork& view) {
  const platform::Scratch scratch = ScratchOf(workspace);
  view.many = platform::AreMany(source, scratch);
  std::unique_ptr<platform::RowFile> file;
  if (view.many) {
    WEIRHOUSE_TRY(file, platform::RowFile::Make(scratch.folder));
  }
  for (const platform::RowRange& piece : platform::PiecesOf(source, scratch)) {
    WEIRHOUSE_TRY(view.rows,
                  feature::BuildGoodFeatureRows(*view.plan, source.Slice(piece.begin, piece.count),
                                                key, session, view.left_out));
    if (!view.many) return Status();
    if (view.rows->num_rows() > 0) WEIRHOUSE_TRY_STATUS(file->Append(*view.rows));
    platform::LetGoOfStoredRows();
  }
  WEIRHOUSE_TRY(const auto rows, file->Finish());
  if (rows == nullptr) view.many = false;  // the last piece, without rows, stands for all
  if (rows != nullptr) view.rows = rows;
  return Status();
}

// Makes the feature rows of `change` for the table of `plan`.
Result<ViewWork> MakeWork(Workspace& workspace, platform::SqlSession& session,
                          const feature::ViewPlan& plan, const SourceChange& change) {
  const std::string& source = plan.view.source;
  WEIRHOUSE_TRY(const std::vector<std::string> key, SourceKeyColumns(workspace.project(), source));
  ViewWork view;
  view.plan = &plan;
  view.whole = change.whole;
  WEIRHOUSE_TRY_STATUS(BuildRows(workspace, session, *change.rows, key, view));
  if (change.left != nullptr) {
    WEIRHOUSE_TRY(const iceberg::KeyList left, iceberg::EncodeKeys(*change.left, key));
    view.replaced = left.Strings();
  }
  // A row that is left out still removes the row that it replaces.
  if (!change.whole) {
    for (const feature::LeftOutRow& left : view.left_out) view.replaced.push_back(left.row_key);
  }
  if (change.whole && FindExternal(workspace.project(), source) != nullptr) {
    WEIRHOUSE_TRY(const bool unique, HasUniqueKeys(*change.rows, key));
    view.unique_keys = unique;
  }
  return view;
}
}  // namespace

namespace {
// The change of a processed commit to one source, for all views that read it.
struct SourceNews {
  std::optional<catalog::SnapshotRecord> before;  // at the offset
  std::optional<catalog::SnapshotRecord> now;
  SourceChange change;
};

Result<SourceNews> ReadNews(Workspace& workspace, const std::string& source, CommitSeq after,
                            CommitSeq seq, bool replaced) {
  SourceNews news;
  WEIRHOUSE_TRY(news.before, workspace.catalog().SnapshotAsOf(source, after));
  WEIRHOUSE_TRY(news.now, workspace.catalog().SnapshotAsOf(source, seq));
  WEIRHOUSE_TRY(news.change, ReadChange(workspace, source, after, seq, replaced));
  return news;
}

// One more than the newest known (else event) time among rows that other engines added: a replay
// clock is set to it when they are served.
std::optional<EventTime> EndOf(const ProjectDefinition& project,
                               const std::map<std::string, SourceNews>& sources) {
  std::optional<std::int64_t> newest;
  for (const auto& [source, news] : sources) {
    const SourceChange& change = news.change;
    const transform::CheckedTransform* external = FindExternal(project, source);
    if (external == nullptr || change.rows == nullptr) continue;
    const auto time = NewestTime(*change.rows, external->definition);
    if (time) newest = std::max(newest.value_or(*time), *time);
  }
  if (!newest) return std::nullopt;
  return EventTimeOfMicros(*newest + 1);
}

// For a view with rows in quarantine: finds which of these left its source, and which joined.
Status FollowLeftOut(Workspace& workspace, platform::SqlSession& session, const SourceNews& news,
                     CommitSeq seq, ViewWork& view) {
  const std::string& source = view.plan->view.source;
  if (view.whole || FindExternal(workspace.project(), source) != nullptr) return Status();
  WEIRHOUSE_TRY(const bool kept_out, KeepsOut(workspace, view.plan->view.table_name()));
  if (!kept_out) return Status();
  WEIRHOUSE_TRY(const std::vector<std::string> key, SourceKeyColumns(workspace.project(), source));
  view.left_out.clear();
  WEIRHOUSE_TRY(const std::optional<RowChange> change,
                RowsBetween(workspace, source, news.before, news.now));
  if (change) {
    WEIRHOUSE_TRY_STATUS(
        feature::BuildGoodFeatureRows(*view.plan, change->joined, key, session, view.left_out)
            .status());
    return feature::BuildGoodFeatureRows(*view.plan, change->left, key, session, view.taken_back)
        .status();
  }
  view.tells_all = true;
  WEIRHOUSE_TRY(const auto rows, SourceRowsAsOf(workspace, source, seq));
  return feature::BuildGoodFeatureRows(*view.plan, rows, key, session, view.left_out).status();
}

// The change of its source for one view: all rows if its table does not hold what came before.
Result<SourceChange> ChangeFor(Workspace& workspace, const feature::ViewPlan& plan,
                               const SourceNews& news, CommitSeq seq) {
  const feature::FeatureView& view = plan.view;
  WEIRHOUSE_TRY(const std::string why, ExplainLag(workspace, plan, news.before));
  if (why.empty()) {
    return FollowKeys(workspace, view.source, view.table_name(), news.change, seq);
  }
  SourceChange change;
  change.whole = true;
  change.why_whole = why;
  WEIRHOUSE_TRY(change.rows, SourceRowsAsOf(workspace, view.source, seq));
  return change;
}
}  // namespace

Status FeaturizeBatches(PipelineState& state,
                        std::span<const catalog::Catalog::CommitEntry> entries) {
  Workspace& workspace = state.workspace;
  const catalog::Catalog::CommitEntry& entry = entries.back();
  // Named after the first and the last, as a range of dates is.
  const std::string batch =
      entries.size() == 1 ? entry.batch : fmt::format("{}..{}", entries.front().batch, entry.batch);
  WEIRHOUSE_TRY(const catalog::Catalog::Offset offset,
                workspace.catalog().OffsetOf(std::string(kFeatureConsumer)));
  bool replaced = false;
  for (const auto& one : entries) {
    WEIRHOUSE_TRY(const bool replaces, ReplacesAll(workspace, one.run));
    replaced = replaced || replaces;
  }
  std::vector<ViewWork> work;
  std::map<std::string, SourceNews> sources;
  StepInputs step;
  step.kind = catalog::RunKind::kFeature;
  step.name = batch;
  step.inputs = {{"processed_seq", entry.seq.value()}, {"offset", offset.position}};
  for (const feature::ViewPlan& plan : workspace.project().view_plans) {
    const std::string& source = plan.view.source;
    if (plan.view.is_request()) continue;
    if (sources.count(source) == 0) {
      WEIRHOUSE_TRY(sources[source],
                    ReadNews(workspace, source, CommitSeq(offset.position), entry.seq, replaced));
    }
    const SourceNews& news = sources[source];
    WEIRHOUSE_TRY(const SourceChange change, ChangeFor(workspace, plan, news, entry.seq));
    if (change.rows == nullptr) continue;
    WEIRHOUSE_TRY(ViewWork view, MakeWork(workspace, *state.session, plan, change));
    WEIRHOUSE_TRY_STATUS(FollowLeftOut(workspace, *state.session, news, entry.seq, view));
    view.source = news.now;
    const bool loses = change.whole || change.left != nullptr;
    if (loses || FindExternal(workspace.project(), source) != nullptr)
      step.inputs["changes"][plan.view.table_name()] = Describe(change);
    step.code.push_back(plan.view.digest.ToHex());
    step.tables.push_back(plan.view.table_name());
    work.push_back(std::move(view));
  }
  WEIRHOUSE_TRY(const catalog::Run run, workspace.catalog().PlanRun(PlanOf(step)));
  WEIRHOUSE_FAILPOINT("feature.planned");
  Publication publication(workspace, run, catalog::Layer::kFeature, batch);
  for (ViewWork& view : work) WEIRHOUSE_TRY_STATUS(StageView(workspace, publication, view));
  WEIRHOUSE_TRY(const LeftOut left_out, StageLeftOut(workspace, publication, work));
  catalog::CommitRequest& request = publication.request();
  request.offsets.push_back(
      {std::string(kFeatureConsumer), offset.position, entry.seq.value(), offset.generation});
  for (const auto& one : entries) request.lineage.Read(one.seq);
  request.batch_end = EndOf(workspace.project(), sources);
  WEIRHOUSE_TRY_STATUS(PublishViews(workspace, publication, work, !state.defer_online));
  ++state.summary.commits;
  left_out.AddTo(state.summary);
  std::int64_t rows = 0;
  for (const ViewWork& view : work) {
    state.summary.rows_by_table[view.plan->view.table_name()] += view.rows->num_rows();
    rows += view.rows->num_rows();
  }
  work.clear();
  sources.clear();
  if (rows > kLargeBatchRecords) ReturnFreeMemory();
  return Status();
}

namespace {
// The work of rebuilding `plan` from its source as of `seq`; absent if the source has no rows yet.
Result<std::optional<ViewWork>> WholeWork(Workspace& workspace, platform::SqlSession& session,
                                          const feature::ViewPlan& plan, CommitSeq seq) {
  WEIRHOUSE_TRY(const std::optional<catalog::SnapshotRecord> source,
                workspace.catalog().SnapshotAsOf(plan.view.source, seq));
  if (!source) return std::optional<ViewWork>();
  SourceChange change;
  change.whole = true;
  WEIRHOUSE_TRY(change.rows, SourceRowsAsOf(workspace, plan.view.source, seq));
  WEIRHOUSE_TRY(ViewWork work, MakeWork(workspace, session, plan, change));
  work.source = source;
  return std::optional<ViewWork>(std::move(work));
}

// Rebuilds `views` as of the commit `seq`, in one commit, which also does what `also` asks for.
Status RebuildViews(Workspace& workspace, platform::SqlSession& session,
                    const std::vector<const feature::ViewPlan*>& views, CommitSeq seq,
                    Progress& progress, const std::function<void(catalog::CommitRequest&)>& also) {
  StepInputs step;
  step.kind = catalog::RunKind::kFeature;
  step.name = "rebuild";
  step.inputs = {{"seq", seq.value()}};
  std::vector<ViewWork> work;
  for (const feature::ViewPlan* plan : views) {
    progress.Update("features", static_cast<std::int64_t>(work.size()),
                    static_cast<std::int64_t>(views.size()));
    WEIRHOUSE_TRY(std::optional<ViewWork> view, WholeWork(workspace, session, *plan, seq));
    if (!view) continue;
    const std::string name = plan->view.table_name();
    WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace.FindTable(name));
    // A table that is rebuilt twice as of one commit, because its view was removed in between, is
    // two steps.
    step.inputs["from"][name] = table ? (*table)->metadata_location : "";
    step.code.push_back(plan->view.digest.ToHex());
    step.tables.push_back(name);
    work.push_back(*std::move(view));
  }
  WEIRHOUSE_TRY(const catalog::Run run, workspace.catalog().PlanRun(PlanOf(step)));
  Publication publication(workspace, run, catalog::Layer::kFeature, "rebuild");
  for (ViewWork& view : work) WEIRHOUSE_TRY_STATUS(StageView(workspace, publication, view));
  WEIRHOUSE_TRY(const LeftOut left_out, StageLeftOut(workspace, publication, work));
  for (const std::string& line : left_out.lines()) progress.Say(line);
  also(publication.request());
  WEIRHOUSE_TRY_STATUS(PublishViews(workspace, publication, work, /*fill_online=*/false));
  return RefreshOnline(workspace);
}
}  // namespace

namespace {
// The processed commits after `after`, up to `last`.
Result<std::vector<CommitSeq>> WaitingCommits(Workspace& workspace, CommitSeq after,
                                              CommitSeq last) {
  std::vector<CommitSeq> waiting;
  while (true) {
    WEIRHOUSE_TRY(const auto entry,
                  workspace.catalog().NextCommit(catalog::Layer::kProcessed, after));
    if (!entry || entry->seq > last) return waiting;
    after = entry->seq;
    waiting.push_back(after);
  }
}
}  // namespace

Status RebuildFeatures(Workspace& workspace, platform::SqlSession& session, Progress& progress) {
  WEIRHOUSE_TRY(const catalog::Catalog::Offset offset,
                workspace.catalog().OffsetOf(std::string(kFeatureConsumer)));
  // Other engines may commit meanwhile: increments process what they write after this.
  WEIRHOUSE_TRY(const CommitSeq last, workspace.catalog().LastSeq());
  WEIRHOUSE_TRY(const std::vector<CommitSeq> waiting,
                WaitingCommits(workspace, CommitSeq(offset.position), last));
  std::vector<const feature::ViewPlan*> views;
  for (const feature::ViewPlan& plan : workspace.project().view_plans) {
    if (!plan.view.is_request()) views.push_back(&plan);
  }
  return RebuildViews(
      workspace, session, views, last, progress, [&](catalog::CommitRequest& request) {
        request.settings.push_back(catalog::setting::RebuildPending().To(false));
        if (last.value() <= offset.position) return;
        request.offsets.push_back(
            {std::string(kFeatureConsumer), offset.position, last.value(), offset.generation});
        for (const CommitSeq commit : waiting) request.lineage.Read(commit);
      });
}

Status FillViewsBehind(Workspace& workspace, platform::SqlSession& session, Progress& progress) {
  WEIRHOUSE_TRY(const catalog::Catalog::Offset offset,
                workspace.catalog().OffsetOf(std::string(kFeatureConsumer)));
  const CommitSeq seq(offset.position);
  std::vector<const feature::ViewPlan*> behind;
  for (const feature::ViewPlan& plan : workspace.project().view_plans) {
    if (plan.view.is_request() || offset.position == 0) continue;
    WEIRHOUSE_TRY(const auto source, workspace.catalog().SnapshotAsOf(plan.view.source, seq));
    WEIRHOUSE_TRY(const std::string why, ExplainLag(workspace, plan, source));
    if (!why.empty()) behind.push_back(&plan);
  }
  if (behind.empty()) return Status();
  return RebuildViews(workspace, session, behind, seq, progress, [](catalog::CommitRequest&) {});
}
}  // namespace weirhouse::work

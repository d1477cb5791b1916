#include "rules/feature/training/training_set.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/base/thread.h"
#include "rules/feature/kernel/expression.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/kernel/latest.h"
#include "rules/feature/kernel/request.h"
#include "rules/feature/training/label_frame.h"
#include "rules/feature/training/latest_columns.h"
#include "rules/feature/value/arrow_columns.h"

namespace weirhouse::feature {
namespace {
constexpr int kThreadsMax = 64;

// One feature column while several threads fill it, at different rows.
struct Output {
  ValueType type = ValueType::kDouble;
  std::vector<std::uint64_t> bits;
  std::vector<std::string_view> texts;  // into the view's rows
  std::vector<std::uint8_t> valid;
  std::vector<FeatureStatus> status;

  Output(ValueType value_type, std::size_t rows, bool with_status)
      : type(value_type), bits(rows, 0), valid(rows, 0) {
    if (type == ValueType::kString) texts.resize(rows);
    if (with_status) status.resize(rows, FeatureStatus::kNotFound);
  }
  AnswerColumn Column(std::size_t output) {
    AnswerColumn column;
    column.output = output;
    column.bits = bits.data();
    column.valid = valid.data();
    if (!texts.empty()) column.texts = texts.data();
    if (!status.empty()) column.status = status.data();
    return column;
  }
  std::shared_ptr<arrow::Array> Build() const {
    return BuildArray(type, bits, std::vector<std::string>(texts.begin(), texts.end()), valid);
  }
};

// Label rows of one entity, ascending in time.
struct LabelGroup {
  EntityRowsView rows;
  std::vector<std::size_t> members;
};

// Groups labels by entity; labels of unknown or NULL entities are one group without rows. The
// largest groups come first, so that threads end at about the same time.
std::vector<LabelGroup> GroupLabels(const LoadedView& view,
                                    const std::vector<std::optional<std::string>>& entities,
                                    const std::vector<Label>& labels) {
  std::vector<LabelGroup> groups(view.group_count() + 1);
  for (std::size_t g = 0; g < view.group_count(); ++g) groups[g].rows = view.Group(g);
  groups.back().rows = {&view.rows(), 0, 0};
  for (std::size_t i = 0; i < entities.size(); ++i) {
    std::optional<std::size_t> group;
    if (entities[i]) group = view.GroupOf(*entities[i]);
    groups[group.value_or(view.group_count())].members.push_back(i);
  }
  std::erase_if(groups, [](const LabelGroup& group) { return group.members.empty(); });
  for (LabelGroup& group : groups) {
    const auto earlier = [&](std::size_t a, std::size_t b) { return labels[a].at < labels[b].at; };
    if (!std::is_sorted(group.members.begin(), group.members.end(), earlier)) {
      std::stable_sort(group.members.begin(), group.members.end(), earlier);
    }
  }
  std::stable_sort(groups.begin(), groups.end(), [](const LabelGroup& a, const LabelGroup& b) {
    return a.members.size() > b.members.size();
  });
  return groups;
}

// Threads take groups from one list, some at once; exactly one of them writes each label row.
Status AnswerGroups(const ViewPlan& plan, const std::vector<LabelGroup>& groups,
                    const std::vector<Label>& labels, const std::vector<std::size_t>& columns,
                    int threads, std::vector<Output>& outputs) {
  constexpr std::size_t kGroupsAtOnce = 64;
  const auto shares = static_cast<std::size_t>(std::clamp(threads, 1, kThreadsMax));
  // The largest are first and go one by one where there are few.
  const std::size_t at_once =
      std::clamp<std::size_t>(groups.size() / (shares * 16), 1, kGroupsAtOnce);
  return ForEachInParallel((groups.size() + at_once - 1) / at_once, shares, [&](std::size_t share) {
    std::vector<AnswerColumn> wanted;
    for (std::size_t c = 0; c < columns.size(); ++c)
      wanted.push_back(outputs[c].Column(columns[c]));
    ColumnEvaluation evaluation(plan, std::move(wanted));
    std::vector<Label> mine;
    const std::size_t end = std::min(groups.size(), (share + 1) * at_once);
    for (std::size_t g = share * at_once; g < end; ++g) {
      mine.clear();
      for (const std::size_t member : groups[g].members) mine.push_back(labels[member]);
      WEIRHOUSE_TRY_STATUS(evaluation.Answer(groups[g].rows, mine, groups[g].members));
    }
    return Status();
  });
}

struct Built {
  arrow::FieldVector fields;
  arrow::ChunkedArrayVector columns;
  arrow::FieldVector status_fields;
  arrow::ChunkedArrayVector status_columns;
  std::vector<std::string> feature_columns;

  void Add(const std::string& name, std::shared_ptr<arrow::ChunkedArray> column) {
    fields.push_back(arrow::field(name, column->type()));
    columns.push_back(std::move(column));
    feature_columns.push_back(name);
  }
  void AddStatuses(const std::string& name, const std::vector<FeatureStatus>& statuses) {
    std::vector<std::string> texts;
    texts.reserve(statuses.size());
    for (const FeatureStatus status : statuses) texts.emplace_back(StatusName(status));
    status_fields.push_back(arrow::field(name + ".status", arrow::utf8()));
    status_columns.push_back(std::make_shared<arrow::ChunkedArray>(
        BuildArray(ValueType::kString, {}, texts, std::vector<std::uint8_t>(statuses.size(), 1))));
  }
};

// The labels in the order of each distinct entity, sorted when first asked for.
class OrdersOfLabels {
 public:
  explicit OrdersOfLabels(const LabelFrame& frame) : frame_(frame) {}
  Result<const LabelOrder*> Of(const FeatureView& view) {
    std::string entity;
    for (const TypedName& part : view.entity)
      entity += fmt::format("{} {}\n", TypeName(part.type), part.name);
    const auto held = orders_.find(entity);
    if (held != orders_.end()) return &held->second;
    WEIRHOUSE_TRY(LabelOrder order, OrderLabels(view, frame_));
    return &orders_.emplace(std::move(entity), std::move(order)).first->second;
  }

 private:
  const LabelFrame& frame_;
  std::map<std::string, LabelOrder> orders_;
};

// Views that look at whole windows of rows: the table is loaded, and labels slide over it.
Status AddWindows(const SelectedView& selected, const LabelFrame& frame,
                  const FeatureProvider& provider, const TrainingSetOptions& options,
                  Built* built) {
  WEIRHOUSE_TRY(const auto entities, EncodeLabelEntities(*selected.view, *frame.rows));
  WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> table, provider(*selected.view));
  WEIRHOUSE_TRY(const ViewPlan plan, PlanStored(*selected.view, *table->schema()));
  WEIRHOUSE_TRY(const LoadedView view, LoadedView::Load(plan, *table));
  table.reset();  // its values are loaded: do not hold them twice
  std::vector<Output> outputs;
  for (const std::size_t column : selected.columns) {
    outputs.emplace_back(plan.outputs[column].type, frame.labels.size(), options.with_status);
  }
  WEIRHOUSE_TRY_STATUS(AnswerGroups(plan, GroupLabels(view, entities, frame.labels), frame.labels,
                                    selected.columns, options.threads, outputs));
  for (std::size_t c = 0; c < outputs.size(); ++c) {
    const std::string& name = plan.outputs[selected.columns[c]].column.qualified;
    built->Add(name, std::make_shared<arrow::ChunkedArray>(outputs[c].Build()));
    if (options.with_status) built->AddStatuses(name, outputs[c].status);
    outputs[c] = Output(ValueType::kInt64, 0, false);
  }
  return Status();
}

Status AddTableView(const SelectedView& selected, const LabelFrame& frame, OrdersOfLabels& orders,
                    const FeatureProvider& provider, const TrainingSetOptions& options,
                    Built* built) {
  if (options.with_status || !ChoosesRows(*selected.view, selected.columns)) {
    return AddWindows(selected, frame, provider, options, built);
  }
  std::shared_ptr<const FeaturePieces> pieces;
  if (options.pieces) {
    WEIRHOUSE_TRY(pieces, options.pieces(*selected.view));
  } else {
    WEIRHOUSE_TRY(auto table, provider(*selected.view));
    pieces = PiecesOf(std::move(table));
  }
  WEIRHOUSE_TRY(const ViewPlan plan, PlanStored(*selected.view, *pieces->schema()));
  WEIRHOUSE_TRY(const LabelOrder* const order, orders.Of(*selected.view));
  WEIRHOUSE_TRY(auto columns,
                LatestColumns(plan, *pieces, *order, selected.columns, frame.labels.size(),
                              std::clamp(options.threads, 1, kThreadsMax)));
  for (std::size_t c = 0; c < columns.size(); ++c)
    built->Add(plan.outputs[selected.columns[c]].column.qualified, std::move(columns[c]));
  return Status();
}

Status AddRequestView(const SelectedView& selected, const LabelFrame& frame,
                      platform::SqlSession* session, const TrainingSetOptions& options,
                      Built* built) {
  if (session == nullptr) {
    return Status(Code::kInternal,
                  fmt::format("no SQL session to compute the view \"{}\"", selected.view->id()));
  }
  WEIRHOUSE_TRY(const ViewPlan plan, BindRequestView(*selected.view, *session));
  WEIRHOUSE_TRY(const auto rows, RequestEvaluator(plan, *session).Evaluate(*frame.rows));
  for (const std::size_t column : selected.columns) {
    const auto values = rows->column(static_cast<int>(column));
    const std::string& name = plan.outputs[column].column.qualified;
    built->Add(name, values);
    if (!options.with_status) continue;
    std::vector<FeatureStatus> statuses;
    for (std::int64_t i = 0; i < values->length(); ++i) {
      const bool valid = values->chunk(0)->IsValid(i);
      statuses.push_back(valid ? FeatureStatus::kPresent : FeatureStatus::kNull);
    }
    built->AddStatuses(name, statuses);
  }
  return Status();
}

// `order` lists rows canonically; the first share of them trains. Rows of one time stay together,
// in the part of the first of them, so that training does not see what is tested.
std::shared_ptr<arrow::Array> SplitColumn(const std::vector<Split>& splits,
                                          const std::vector<Label>& labels,
                                          const std::vector<std::int64_t>& order) {
  const auto at = [&](std::size_t i) { return labels[static_cast<std::size_t>(order[i])].at; };
  std::vector<std::string> names(order.size());
  const auto count = static_cast<std::int64_t>(order.size());
  std::int64_t share = 0;
  std::size_t done = 0;
  for (const Split& split : splits) {
    share += split.parts_per_million;
    const std::int64_t end = count / 1'000'000 * share + count % 1'000'000 * share / 1'000'000;
    const std::size_t begin = done;
    const auto joins = [&](std::size_t i) { return i > begin && at(i) == at(i - 1); };
    for (; done < order.size(); ++done) {
      if (done >= static_cast<std::size_t>(end) && !joins(done)) break;
      names[static_cast<std::size_t>(order[done])] = split.name;
    }
  }
  return BuildArray(ValueType::kString, {}, names, std::vector<std::uint8_t>(order.size(), 1));
}

Status NameTaken(const TrainingSetDefinition& definition, const std::string& column,
                 std::string_view by) {
  return Status(Code::kInvalidInput, fmt::format("the spine of \"{}\" has a column \"{}\", {}",
                                                 definition.name, EscapeControl(column), by))
      .WithError("WH4008")
      .WithSpan(definition.spine_span)
      .WithHint("give it another name in the spine");
}
}  // namespace

Status CheckSpineNames(const TrainingSetDefinition& definition,
                       const std::vector<SelectedView>& selected,
                       const std::vector<std::string>& columns) {
  std::map<std::string, std::string> taken;
  for (const SelectedView& view : selected) {
    const std::vector<OutputColumn> outputs = OutputColumnsOf(*view.view);
    for (const std::size_t i : view.columns)
      taken.emplace(LowerCase(outputs[i].qualified),
                    "the name of a feature that it is joined with");
  }
  if (!definition.splits.empty()) taken.emplace(kSplitColumn, "the name of the split");
  for (const std::string& column : columns) {
    const auto [held, fresh] = taken.emplace(LowerCase(column), "twice");
    if (!fresh) return NameTaken(definition, column, held->second);
  }
  return Status();
}

Status CheckSpine(const TrainingSetDefinition& definition,
                  const std::vector<SelectedView>& selected,
                  const std::shared_ptr<arrow::Schema>& spine, platform::SqlSession& session) {
  WEIRHOUSE_TRY_STATUS(CheckSpineNames(definition, selected, spine->field_names()));
  auto empty = arrow::Table::MakeEmpty(spine);
  if (!empty.ok()) return Status(Code::kInternal, empty.status().ToString());
  const auto check = [&]() -> Status {
    WEIRHOUSE_TRY_STATUS(ReadLabels(definition, *empty).status());
    for (const SelectedView& one : selected) {
      if (!one.view->is_request()) {
        WEIRHOUSE_TRY_STATUS(EncodeLabelEntities(*one.view, **empty).status());
        continue;
      }
      WEIRHOUSE_TRY(const ViewPlan plan, BindRequestView(*one.view, session));
      WEIRHOUSE_TRY_STATUS(RequestEvaluator(plan, session).Evaluate(**empty).status());
    }
    return Status();
  };
  Status status = check();
  if (status.ok() || status.span()) return status;
  return std::move(status).WithSpan(definition.spine_span);
}

Result<TrainingSetResult> BuildTrainingSet(const TrainingSetDefinition& definition,
                                           const std::vector<FeatureView>& views,
                                           std::shared_ptr<arrow::Table> spine,
                                           const FeatureProvider& provider,
                                           platform::SqlSession* session,
                                           const TrainingSetOptions& options) {
  WEIRHOUSE_TRY(const std::vector<SelectedView> selected, SelectFeatures(definition, views));
  WEIRHOUSE_TRY_STATUS(CheckSpineNames(definition, selected, spine->ColumnNames()));
  WEIRHOUSE_TRY(LabelFrame frame, ReadLabels(definition, std::move(spine)));
  std::vector<std::int64_t> order;
  if (!options.keep_input_order || !definition.splits.empty()) {
    WEIRHOUSE_TRY(order, CanonicalOrder(frame));
  }
  if (!options.keep_input_order) {
    WEIRHOUSE_TRY(auto sorted, TakeRows(*frame.rows, order));
    WEIRHOUSE_TRY(frame, ReadLabels(definition, std::move(sorted)));
    std::iota(order.begin(), order.end(), 0);
  }
  Built built;
  built.fields = frame.rows->schema()->fields();
  built.columns = frame.rows->columns();
  OrdersOfLabels orders(frame);
  for (const SelectedView& view : selected) {
    WEIRHOUSE_TRY_STATUS(view.view->is_request()
                             ? AddRequestView(view, frame, session, options, &built)
                             : AddTableView(view, frame, orders, provider, options, &built));
  }
  if (!definition.splits.empty()) {
    built.fields.push_back(arrow::field(kSplitColumn, arrow::utf8()));
    built.columns.push_back(
        std::make_shared<arrow::ChunkedArray>(SplitColumn(definition.splits, frame.labels, order)));
  }
  built.fields.insert(built.fields.end(), built.status_fields.begin(), built.status_fields.end());
  built.columns.insert(built.columns.end(), built.status_columns.begin(),
                       built.status_columns.end());
  const std::int64_t count = frame.rows->num_rows();
  return TrainingSetResult{
      arrow::Table::Make(arrow::schema(built.fields), std::move(built.columns), count),
      std::move(built.feature_columns)};
}

Result<TrainingSetResult> PointInTime(const TrainingSetDefinition& definition,
                                      const std::vector<FeatureView>& views,
                                      std::shared_ptr<arrow::Table> spine,
                                      const FeatureProvider& provider,
                                      platform::SqlSession* session) {
  TrainingSetDefinition unsplit = definition;
  unsplit.splits.clear();
  TrainingSetOptions options;
  options.keep_input_order = true;
  return BuildTrainingSet(unsplit, views, std::move(spine), provider, session, options);
}
}  // namespace weirhouse::feature

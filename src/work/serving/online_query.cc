#include "work/serving/online_query.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ground/base/text.h"
#include "rules/feature/kernel/request.h"
#include "rules/feature/kernel/request_sessions.h"
#include "rules/feature/online/online_store.h"
#include "work/serving/online.h"
#include "work/serving/online_past.h"
#include "work/workspace/cache_damage.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

void AppendValue(RowBuilder& row, int column, const feature::Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) row.Bool(column, *flag);
  if (const auto* number = std::get_if<std::int64_t>(&value)) row.Int(column, *number);
  if (const auto* number = std::get_if<double>(&value)) row.Double(column, *number);
  if (const auto* text = std::get_if<std::string>(&value)) row.Text(column, *text);
  if (const auto* time = std::get_if<feature::Timestamp>(&value)) row.Int(column, time->us);
}
}  // namespace

Status OnlineQuery::TakeColumns(const feature::FeatureView& view, std::string_view column) {
  const feature::ViewPlan* plan = workspace_.project().FindPlan(view.id());
  WEIRHOUSE_CHECK(plan != nullptr);
  if (!view.is_request() && view.online_fill == feature::OnlineFill::kNone) {
    return Status(Code::kInvalidInput,
                  fmt::format("the view \"{}\" is not served online", view.id()))
        .WithError("WH4018")
        .WithHint(
            "add `online: { fill: stream }` to the view (its version stays), then `wh apply`");
  }
  const auto known_plan = std::find(plans_.begin(), plans_.end(), plan);
  const auto index = static_cast<std::size_t>(known_plan - plans_.begin());
  if (known_plan == plans_.end()) plans_.push_back(plan);
  std::vector<std::string> known;
  bool found = false;
  for (std::size_t i = 0; i < plan->outputs.size(); ++i) {
    const feature::OutputColumn& output = plan->outputs[i].column;
    known.push_back(output.name);
    if (column != "*" && column != output.name) continue;
    found = true;
    for (const Wanted& taken : wanted_) {
      if (plans_[taken.plan]->outputs[taken.output].column.qualified != output.qualified) continue;
      return Status(Code::kInvalidInput,
                    fmt::format("the feature \"{}\" is requested twice", output.qualified))
          .WithError("WH4009")
          .WithHint("request each once, and each view in one version only");
    }
    wanted_.push_back({index, i});
  }
  if (found) return Status();
  return Status(Code::kNotFound,
                fmt::format("no column \"{}\" in view \"{}\"", EscapeControl(column), view.id()))
      .WithError("WH4009")
      .WithHint(DidYouMean(column, known));
}

Status OnlineQuery::Take(std::string_view selector) {
  const auto colon = selector.find(':');
  const std::string name(selector.substr(0, colon));
  const std::string_view column =
      colon == std::string_view::npos ? std::string_view("*") : selector.substr(colon + 1);
  const ProjectDefinition& project = workspace_.project();
  const feature::TrainingSetDefinition* set = project.FindTrainingSet(name);
  if (set != nullptr && column == "*") {
    for (const feature::FeatureSelector& one : set->features) {
      WEIRHOUSE_TRY_STATUS(Take(fmt::format("{}@{}:{}", one.view, one.version, one.column)));
    }
    return Status();
  }
  auto view = feature::FindView(project.views, name);
  if (view.ok()) return TakeColumns(**view, column);
  return Status(Code::kNotFound, view.status().message())
      .WithError(view.status().error_code())
      .WithHint(view.status().hint());
}

Result<std::shared_ptr<const OnlineQuery>> OnlineQuery::Make(
    Workspace& workspace, const std::vector<std::string>& selectors) {
  std::shared_ptr<OnlineQuery> query(new OnlineQuery(workspace));
  for (const std::string& selector : selectors) WEIRHOUSE_TRY_STATUS(query->Take(selector));
  if (query->wanted_.empty()) {
    return Status(Code::kInvalidInput, "no feature was requested")
        .WithError("WH4009")
        .WithHint("for example \"carrier_delay@1:*\"");
  }
  for (const feature::ViewPlan* plan : query->plans_) {
    const auto& names = plan->view.is_request() ? plan->view.request : plan->view.entity;
    for (const feature::TypedName& name : names) {
      const auto known = std::find(query->fields_.begin(), query->fields_.end(), name.name);
      if (known == query->fields_.end()) query->fields_.push_back(name.name);
    }
  }
  return std::shared_ptr<const OnlineQuery>(std::move(query));
}

std::shared_ptr<arrow::Schema> OnlineQuery::schema() const {
  arrow::FieldVector columns;
  for (const Wanted& wanted : wanted_) {
    const feature::PlannedOutput& output = plans_[wanted.plan]->outputs[wanted.output];
    columns.push_back(arrow::field(output.column.qualified, feature::ArrowTypeOf(output.type)));
  }
  return arrow::schema(columns);
}

Status OnlineQuery::CheckFields(const json& fields,
                                const std::map<std::string, std::string>& texts) const {
  if (!fields.is_object()) {
    return Status(Code::kInvalidInput, "the request's fields are not an object")
        .WithError("WH4017");
  }
  std::vector<std::string> sent;
  for (const auto& [name, value] : fields.items()) sent.push_back(name);
  for (const auto& [name, text] : texts) sent.push_back(name);
  for (const std::string& name : sent) {
    if (std::find(fields_.begin(), fields_.end(), name) != fields_.end()) continue;
    return Status(Code::kInvalidInput,
                  fmt::format("the request has an unknown field: \"{}\"", EscapeControl(name)))
        .WithError("WH4016")
        .WithHint(fmt::format("it takes {}", Join(fields_, ", ")));
  }
  for (const std::string& name : fields_) {
    if (std::find(sent.begin(), sent.end(), name) != sent.end()) continue;
    return Status(Code::kInvalidInput, fmt::format("the request lacks a field: \"{}\"", name))
        .WithError("WH4017")
        .WithHint(fmt::format("it takes {}; null is a value", Join(fields_, ", ")));
  }
  return Status();
}

Result<feature::FeatureAnswer> OnlineQuery::AnswerStored(const feature::OnlineState* state,
                                                         const feature::ViewPlan& plan,
                                                         std::span<const feature::Value> entity,
                                                         EventTime at) const {
  if (state == nullptr) WEIRHOUSE_TRY_STATUS(CheckHasCache(workspace_));
  bool held = false;
  if (state != nullptr) {
    WEIRHOUSE_TRY(held, state->Holds(plan));
  }
  if (!held) {
    WEIRHOUSE_TRY(const auto table, workspace_.FindTable(plan.view.table_name()));
    const bool rows = table && (*table)->current_snapshot() != nullptr;
    if (rows || state == nullptr) {
      return Status(Code::kUnavailable,
                    state == nullptr
                        ? std::string("there is no online store yet")
                        : fmt::format("the online store does not hold the view \"{}\" yet",
                                      plan.view.id()))
          .WithError("WH4019")
          .WithHint("`wh run` fills it; while it is being filled, ask again");
    }
  }
  auto answer = state->Get(plan, entity, Micros(at), Micros(at));
  if (!answer.status().Is(feature::kNotKeptOnline)) return answer;
  WEIRHOUSE_TRY(const CommitSeq seq, state->AppliedSeq(plan));
  return AnswerOfPast(workspace_, plan, entity, at, seq);
}

Result<feature::FeatureAnswer> OnlineQuery::AnswerView(
    const feature::OnlineState* state, const feature::ViewPlan& plan, const json& fields,
    const std::map<std::string, std::string>& texts, EventTime at) const {
  if (plan.view.is_request()) {
    std::map<std::string, feature::Value> values;
    for (const feature::TypedName& name : plan.view.request) {
      WEIRHOUSE_TRY(values[name.name],
                    feature::ValueOfField(fields, texts, name, feature::FieldRole::kValue));
    }
    return workspace_.request_sessions().Evaluate(plan, values, Micros(at));
  }
  std::vector<feature::Value> entity;
  for (const feature::TypedName& name : plan.view.entity) {
    WEIRHOUSE_TRY(feature::Value value,
                  feature::ValueOfField(fields, texts, name, feature::FieldRole::kKey));
    entity.push_back(std::move(value));
  }
  return AnswerStored(state, plan, entity, at);
}

Result<OnlineVector> OnlineQuery::Assemble(const std::vector<feature::FeatureAnswer>& answers,
                                           EventTime at) const {
  OnlineVector vector;
  vector.at = at;
  Sha256 hash;
  RowBuilder row(schema());
  for (const Wanted& wanted : wanted_) {
    const feature::FeatureAnswer& answer = answers[wanted.plan];
    const feature::FeatureValue& value = answer.values[wanted.output];
    WEIRHOUSE_TRY_STATUS(value.CheckGiven());
    OnlineFeature feature;
    feature.name = value.name;
    feature.view = plans_[wanted.plan]->view.id();
    feature.status = std::string(feature::StatusName(value.status));
    feature.value = feature::JsonOfValue(value.value);
    feature.bits = feature::VectorBits({&value.value, 1});
    if (value.event_time) feature.event_time = EventTimeOfMicros(*value.event_time);
    feature.seq = answer.seq;
    hash.UpdateSized(feature.bits);
    hash.UpdateSized(feature.status);
    AppendValue(row, static_cast<int>(vector.features.size()), value.value);
    vector.features.push_back(std::move(feature));
    // A request view has no commit; the others may differ while a commit is applied.
    if (plans_[wanted.plan]->view.is_request()) continue;
    if (vector.seq.value() == 0 || answer.seq < vector.seq) vector.seq = answer.seq;
  }
  vector.digest = hash.Finish();
  row.EndRow();
  WEIRHOUSE_TRY(vector.row, row.Finish());
  return vector;
}

Result<OnlineVector> OnlineQuery::Answer(const json& fields, EventTime at,
                                         const std::map<std::string, std::string>& texts) const {
  WEIRHOUSE_TRY_STATUS(CheckFields(fields, texts));
  // All views of one answer are read from one state of the store.
  const auto answer_all =
      [&](const feature::OnlineState* state) -> Result<std::vector<feature::FeatureAnswer>> {
    std::vector<feature::FeatureAnswer> answers;
    for (const feature::ViewPlan* plan : plans_) {
      WEIRHOUSE_TRY(feature::FeatureAnswer answer, AnswerView(state, *plan, fields, texts, at));
      answers.push_back(std::move(answer));
    }
    return answers;
  };
  WEIRHOUSE_TRY(const std::vector<feature::FeatureAnswer> answers,
                workspace_.has_online()
                    ? workspace_.online().AtOneMoment(
                          [&](const feature::OnlineState& state) { return answer_all(&state); })
                    : answer_all(nullptr));
  return Assemble(answers, at);
}
}  // namespace weirhouse::work

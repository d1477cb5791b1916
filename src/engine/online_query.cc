#include "engine/online_query.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "engine/arrow_rows.h"
#include "feature/online_store.h"
#include "feature/request.h"

namespace weirhouse::engine {
namespace {
using nlohmann::json;
constexpr std::size_t kIdleSessionsMax = 8;  // as many as requests that come at the same moment

Status WrongType(const std::string& field, feature::ValueType type, const json& found) {
  std::string text = found.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 60) + "…";
  return Status(Code::kInvalidInput,
                fmt::format("field \"{}\" wants a value of type {}, found {}", field,
                            feature::TypeName(type), EscapeControl(text)))
      .WithError("WH4013")
      .WithHint(type == feature::ValueType::kTimestamp ? "for example \"2013-12-30T20:15:00Z\""
                                                       : "");
}

// 1400.0 is the integer 1400; beyond 2^53 a double names no single integer.
std::optional<std::int64_t> WholeNumber(const json& value) {
  constexpr double kExactMax = 9007199254740992.0;
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return {};
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  const double number = value.get<double>();
  if (std::floor(number) != number || std::abs(number) > kExactMax) return {};
  return static_cast<std::int64_t>(number);
}

void AppendValue(RowBuilder& row, int column, const feature::Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) row.Bool(column, *flag);
  if (const auto* number = std::get_if<std::int64_t>(&value)) row.Int(column, *number);
  if (const auto* number = std::get_if<double>(&value)) row.Double(column, *number);
  if (const auto* text = std::get_if<std::string>(&value)) row.Text(column, *text);
  if (const auto* time = std::get_if<feature::Timestamp>(&value)) row.Int(column, time->us);
}
}  // namespace

struct RequestSessions::Session {
  std::unique_ptr<storage::SqlSession> sql;
  std::map<std::string, feature::RequestEvaluator> evaluators;  // by view id
};

RequestSessions::RequestSessions(storage::SqlEngine& engine) : engine_(engine) {}
RequestSessions::~RequestSessions() = default;

Result<feature::FeatureAnswer> RequestSessions::Evaluate(
    const feature::ViewPlan& plan, const std::map<std::string, feature::Value>& values,
    std::int64_t at) {
  std::unique_ptr<Session> session;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      session = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (session == nullptr) {
    session = std::make_unique<Session>();
    WEIRHOUSE_TRY(session->sql, engine_.Connect());
  }
  const auto evaluator = session->evaluators.try_emplace(plan.view.id(), plan, *session->sql).first;
  auto answer = evaluator->second.EvaluateOne(values, at);
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleSessionsMax) idle_.push_back(std::move(session));
  return answer;
}

Result<feature::Value> ValueOfJson(const json& value, feature::ValueType type,
                                   const std::string& field) {
  if (value.is_null()) return feature::Value();
  switch (type) {
    case feature::ValueType::kBool:
      if (value.is_boolean()) return feature::Value(value.get<bool>());
      break;
    case feature::ValueType::kInt64:
      if (value.is_number()) {
        if (const auto number = WholeNumber(value)) return feature::Value(*number);
      }
      break;
    case feature::ValueType::kDouble:
      if (value.is_number()) return feature::Value(value.get<double>());
      break;
    case feature::ValueType::kString:
      if (value.is_string()) return feature::Value(value.get<std::string>());
      if (value.is_number_integer()) return feature::Value(value.dump());
      break;
    case feature::ValueType::kTimestamp:
      if (value.is_string()) {
        const auto us = ParseTimeMicros(value.get<std::string>());
        if (us.ok()) return feature::Value(feature::Timestamp{*us});
      }
      break;
  }
  return WrongType(field, type, value);
}

json JsonOfValue(const feature::Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* time = std::get_if<feature::Timestamp>(&value)) return FormatTime(time->us);
  return nullptr;
}

Status OnlineQuery::TakeColumns(const feature::FeatureView& view, std::string_view column) {
  const feature::ViewPlan* plan = workspace_.project().FindPlan(view.id());
  WEIRHOUSE_CHECK(plan != nullptr);
  if (!view.is_request() && view.online_fill == feature::OnlineFill::kNone) {
    return Status(Code::kInvalidInput,
                  fmt::format("the view \"{}\" is not served online", view.id()))
        .WithError("WH4018")
        .WithHint("say `online: { fill: stream }` in the view");
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
                    fmt::format("the feature \"{}\" is taken twice", output.qualified))
          .WithError("WH4009")
          .WithHint("take each once, and each view in one version only");
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
    return Status(Code::kInvalidInput, "no feature was asked for")
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

Status OnlineQuery::CheckFields(const json& fields) const {
  if (!fields.is_object()) {
    return Status(Code::kInvalidInput, "the request's fields are not an object")
        .WithError("WH4017");
  }
  for (const auto& [name, value] : fields.items()) {
    if (std::find(fields_.begin(), fields_.end(), name) != fields_.end()) continue;
    return Status(Code::kInvalidInput,
                  fmt::format("the request has an unknown field: \"{}\"", EscapeControl(name)))
        .WithError("WH4016")
        .WithHint(DidYouMean(name, fields_));
  }
  for (const std::string& name : fields_) {
    if (fields.contains(name)) continue;
    return Status(Code::kInvalidInput, fmt::format("the request lacks a field: \"{}\"", name))
        .WithError("WH4017")
        .WithHint(fmt::format("it takes {}; null is a value", Join(fields_, ", ")));
  }
  return Status();
}

Result<feature::FeatureAnswer> OnlineQuery::AnswerView(const feature::ViewPlan& plan,
                                                       const json& fields, EventTime at) const {
  if (plan.view.is_request()) {
    std::map<std::string, feature::Value> values;
    for (const feature::TypedName& name : plan.view.request) {
      WEIRHOUSE_TRY(values[name.name], ValueOfJson(fields.at(name.name), name.type, name.name));
    }
    return workspace_.request_sessions().Evaluate(plan, values, Micros(at));
  }
  std::vector<feature::Value> entity;
  for (const feature::TypedName& name : plan.view.entity) {
    WEIRHOUSE_TRY(feature::Value value, ValueOfJson(fields.at(name.name), name.type, name.name));
    entity.push_back(std::move(value));
  }
  if (!workspace_.has_online()) {
    return Status(Code::kUnavailable, "there is no online store yet")
        .WithError("WH4019")
        .WithHint("`wh run` fills it");
  }
  return workspace_.online().Get(plan, entity, Micros(at), Micros(at));
}

Result<OnlineVector> OnlineQuery::Assemble(const std::vector<feature::FeatureAnswer>& answers,
                                           EventTime at) const {
  OnlineVector vector;
  vector.at = at;
  Sha256 hash;
  arrow::FieldVector columns;
  for (const Wanted& wanted : wanted_) {
    const feature::FeatureValue& value = answers[wanted.plan].values[wanted.output];
    columns.push_back(arrow::field(value.name, feature::ArrowTypeOf(value.type)));
  }
  RowBuilder row(arrow::schema(columns));
  for (const Wanted& wanted : wanted_) {
    const feature::FeatureAnswer& answer = answers[wanted.plan];
    const feature::FeatureValue& value = answer.values[wanted.output];
    OnlineFeature feature;
    feature.name = value.name;
    feature.view = plans_[wanted.plan]->view.id();
    feature.status = std::string(feature::StatusName(value.status));
    feature.value = JsonOfValue(value.value);
    feature.bits = feature::VectorBits({&value.value, 1});
    if (value.event_time) feature.event_time = EventTimeOfMicros(*value.event_time);
    feature.seq = answer.seq;
    hash.UpdateSized(feature.bits);
    hash.UpdateSized(feature.status);
    AppendValue(row, static_cast<int>(vector.features.size()), value.value);
    vector.features.push_back(std::move(feature));
    // A view of the request stands at no commit; the others may differ while one is applied.
    if (plans_[wanted.plan]->view.is_request()) continue;
    if (vector.seq.value() == 0 || answer.seq < vector.seq) vector.seq = answer.seq;
  }
  vector.digest = hash.Finish();
  row.EndRow();
  WEIRHOUSE_TRY(vector.row, row.Finish());
  return vector;
}

Result<OnlineVector> OnlineQuery::Answer(const json& fields, EventTime at) const {
  WEIRHOUSE_TRY_STATUS(CheckFields(fields));
  std::vector<feature::FeatureAnswer> answers;
  for (const feature::ViewPlan* plan : plans_) {
    WEIRHOUSE_TRY(feature::FeatureAnswer answer, AnswerView(*plan, fields, at));
    answers.push_back(std::move(answer));
  }
  return Assemble(answers, at);
}
}  // namespace weirhouse::engine

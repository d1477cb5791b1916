// A prediction back to the bytes that arrived: the served values, the rows behind each according to
// the rule, their records; then what scored them.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"
#include "rules/feature/kernel/request.h"
#include "work/lineage/trace_walk.h"
#include "work/serving/online_query.h"
#include "work/serving/predictions.h"
#include "work/training/reproduction.h"

namespace weirhouse::work {
namespace {
using lineage::TraceNode;
using nlohmann::json;

// The served features; the record is the list itself or an object that holds it.
const json& ServedFeatures(const json& vector) {
  if (vector.is_object() && vector.contains("features")) return vector["features"];
  return vector;
}

std::string TextOf(const json& served, const char* key) {
  const auto found = served.find(key);
  return found != served.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Status UnreadableVector(const std::string& id) {
  return Status(Code::kCorruption, fmt::format("the served vector of {} cannot be read", id))
      .WithError("WH6005")
      .WithHint("`wh verify` checks the catalog");
}

// An entity key or request field of the logged request; NULL if absent.
Result<feature::Value> FieldOf(const catalog::PredictionRecord& prediction,
                               const feature::TypedName& field) {
  auto value =
      feature::ValueOfJson(prediction.request.value(field.name, json()), field.type, field.name);
  if (value.ok()) return value;
  return Status(Code::kCorruption, fmt::format("the logged request of {} cannot be read: {}",
                                               prediction.id, value.status().message()))
      .WithError("WH6005")
      .WithHint("`wh verify` checks the catalog");
}

// The digest under which a vector was logged: over the bits and the status of each value.
Digest DigestOfServed(const json& served) {
  Sha256 hash;
  for (const json& one : served) {
    hash.UpdateSized(TextOf(one, "bits"));
    hash.UpdateSized(TextOf(one, "status"));
  }
  return hash.Finish();
}

// The commit that a view had reached when it served these values.
CommitSeq SeqOfServed(const catalog::PredictionRecord& prediction, const json& served) {
  if (served.empty()) return prediction.features_seq;
  const std::int64_t seq = served[0].value("seq", std::int64_t{0});
  return seq > 0 ? CommitSeq(seq) : prediction.features_seq;
}

// "n_1h 4": the column without its view, and its value or why it has none.
std::string PhraseOfServed(const json& served) {
  std::string name = TextOf(served, "name");
  if (const auto dot = name.find('.'); dot != std::string::npos) name = name.substr(dot + 1);
  const std::string status = TextOf(served, "status");
  if (status != "present") return fmt::format("{} {}", name, status);
  const auto value = served.find("value");
  if (value == served.end()) return name;
  return fmt::format("{} {}", name, value->is_string() ? value->get<std::string>() : value->dump());
}

const json* FindServed(const json& served, const std::string& name) {
  for (const json& one : served) {
    if (TextOf(one, "name") == name) return &one;
  }
  return nullptr;
}

std::string PhraseOfValues(const json& served) {
  std::string values;
  for (const json& one : served) values += (values.empty() ? "" : ", ") + PhraseOfServed(one);
  return values;
}

// The served values are recorded; the rows behind them are gone, and today's rows tell nothing
// about them.
void NoteExpired(const std::string& table, CommitSeq seq, const std::optional<Expiry>& expired,
                 TraceNode& node) {
  node.intact = true;
  node.parents.clear();
  node.hidden = 0;
  node.folded = false;
  node.title = fmt::format("{} ← rows of {}@{}, {}", PhraseOfValues(node.detail["served"]), table,
                           seq.value(), expired ? expired->phrase : "expired: replaced since");
  node.detail.erase("found");
  node.detail.erase("rows");
  node.detail["expired"] = expired ? expired->detail : json::object();
}

// Whether the value, computed again, has the bits that were served.
bool SameAsServed(const json& served, const feature::Value& value, std::string_view status) {
  const std::vector<feature::Value> one{value};
  return TextOf(served, "bits") == feature::VectorBits(one) && TextOf(served, "status") == status;
}

std::string PhraseOfOutput(const json& output) {
  return output.is_object() ? PhraseOfCells(output) : output.dump();
}

// The node of a feature row: its times and the values of its expressions.
TraceNode FeatureRowNode(const feature::ViewPlan& plan, const feature::FeatureRows& rows,
                         std::size_t row) {
  TraceNode node;
  node.kind = "feature_row";
  node.key = plan.view.table_name();
  json cells = json::object();
  std::string values;
  for (std::size_t e = 0; e < plan.expressions.size(); ++e) {
    const feature::ValueColumn& column = rows.values[e];
    feature::Cell cell;
    cell.type = column.type;
    if (column.valid[row] != 0) {
      cell.status = feature::FeatureStatus::kPresent;
      cell.bits = column.bits[row];
      if (column.type == feature::ValueType::kString) cell.text = column.texts[row];
    }
    const bool decimal = column.type == feature::ValueType::kDecimal && column.valid[row] != 0;
    const std::string text = decimal ? feature::DecimalText(column.texts[row], column.scale)
                                     : feature::ToText(cell.ToValue());
    values += fmt::format("{}{} = {}", values.empty() ? ": " : ", ", plan.expressions[e].sql, text);
    cells[plan.expressions[e].sql] = text;
  }
  const std::string known = FormatTime(rows.known_time[row]);
  std::string event;
  if (rows.event_time[row] != feature::kTimeless) event = FormatTime(rows.event_time[row]);
  node.title = fmt::format("{}{}known {}{}", event, event.empty() ? "" : ", ", known, values);
  node.detail = {{"known_time", known}, {"values", std::move(cells)}};
  if (!event.empty()) node.detail["event_time"] = event;
  return node;
}
}  // namespace

// The view as it was when it served: today's if unchanged, else from the code that was deployed.
Result<const feature::ViewPlan*> Tracer::PlanOf(const std::string& view_id) {
  const auto digest = served_views_.find(view_id);
  const auto fits = [&](const feature::ViewPlan* plan) {
    return plan != nullptr &&
           (digest == served_views_.end() || plan->view.digest.ToHex() == digest->second);
  };
  const feature::ViewPlan* plan = workspace_.project().FindPlan(view_id);
  if (fits(plan)) return plan;
  if (recorded_ == nullptr && !served_code_.empty()) {
    WEIRHOUSE_TRY(const auto folder, ReproductionFolder::Make(""));
    auto project = LayOutProject(workspace_, served_code_, *folder / "project");
    if (project.ok()) recorded_ = *std::move(project);
  }
  if (recorded_ != nullptr) plan = recorded_->FindPlan(view_id);
  if (fits(plan)) return plan;
  return Status(
             Code::kNotFound,
             fmt::format("the project no longer defines the view \"{}\" as it was served", view_id))
      .WithError("WH6006")
      .WithHint("restore its file; a changed view needs a new version");
}

// Adds the rows behind `group`, each with what is behind it.
Status Tracer::AddRows(const ServedView& view, const feature::ContributingRows& group,
                       TraceNode& node) {
  if (group.rows.empty()) return Status();
  std::vector<std::size_t> shown = group.rows;
  if (!options_.all_records && shown.size() > kTraceParentsShown) {
    node.hidden = static_cast<std::int64_t>(shown.size() - kTraceParentsShown);
    shown.resize(kTraceParentsShown);
  }
  const feature::FeatureRows& rows = view.loaded.rows();
  WEIRHOUSE_TRY(const auto records, RecordsOf(*view.rows.table, rows, shown));
  std::vector<RecordId> known;
  for (const auto& record : records) {
    if (record) known.push_back(*record);
  }
  WEIRHOUSE_TRY(std::vector<TraceNode> behind,
                RowsOfRecords(view.plan.view.source, known, view.seq));
  std::size_t next = 0;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    TraceNode one = FeatureRowNode(view.plan, rows, shown[i]);
    if (records[i]) {
      one.parents.push_back(std::move(behind[next++]));
    } else {
      one.title += ", of many records";
    }
    node.parents.push_back(std::move(one));
  }
  return Status();
}

Result<TraceNode> Tracer::GroupNode(const ServedView& view,
                                    const feature::ContributingRows& group) {
  TraceNode node;
  node.kind = "value";
  for (const std::size_t output : group.outputs) {
    const std::string& name = view.plan.outputs[output].column.qualified;
    const json* one = FindServed(view.served, name);
    WEIRHOUSE_CHECK(one != nullptr);
    node.key += (node.key.empty() ? "" : " ") + name;
    node.detail["served"].push_back(*one);
  }
  const std::string values = PhraseOfValues(node.detail["served"]);
  const std::size_t count = group.rows.size();
  node.title = fmt::format("{} ← {} row{}", values, WithThousands(static_cast<std::int64_t>(count)),
                           count == 1 ? "" : "s");
  if (view.rows.table->num_rows() == 0) node.title = values + " ← no rows known";
  node.detail["rows"] = count;
  if (group.window) {
    const std::string from = FormatTime(group.from);
    const std::string to = FormatTime(group.to + (view.plan.view.closed_end ? 0 : 1));
    node.title += fmt::format(" of {} … {}", from, to);
    node.detail["window"] = {{"from", from}, {"to", to}};
  }
  WEIRHOUSE_TRY_STATUS(AddRows(view, group, node));
  // One group is shown in full as an example; the others take one line each, unless asked for.
  const bool asked = options_.all_records || options_.feature.has_value();
  node.folded = !asked && (opened_ || count == 0);
  if (!node.folded) opened_ = true;
  return node;
}

Result<std::vector<TraceNode>> Tracer::Groups(const catalog::PredictionRecord& prediction,
                                              const feature::ViewPlan& plan, const json& served,
                                              std::optional<std::int64_t> event_from,
                                              bool* agrees) {
  ServedView view{plan, served, SeqOfServed(prediction, served), {}, {}};
  std::vector<feature::Value> entity;
  for (const feature::TypedName& field : plan.view.entity) {
    WEIRHOUSE_TRY(feature::Value value, FieldOf(prediction, field));
    entity.push_back(std::move(value));
  }
  WEIRHOUSE_TRY(const auto key, feature::EncodeEntity(plan.view.entity, entity));
  WEIRHOUSE_TRY(view.rows, ReadViewRows(workspace_, plan, view.seq, event_from));
  WEIRHOUSE_TRY(view.loaded, feature::LoadedView::Load(plan, *view.rows.table));
  const feature::EntityRowsView rows =
      key ? view.loaded.Of(*key) : feature::EntityRowsView{&view.loaded.rows(), 0, 0};

  const feature::Label label{Micros(prediction.at), Micros(prediction.at)};
  std::vector<feature::Cell> cells(plan.outputs.size());
  feature::EvaluateEach(plan, rows, label, cells);
  std::vector<std::size_t> wanted;
  std::vector<bool> same(plan.outputs.size(), true);
  *agrees = true;
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    const json* one = FindServed(served, plan.outputs[i].column.qualified);
    if (one == nullptr) continue;
    wanted.push_back(i);
    same[i] = SameAsServed(*one, cells[i].ToValue(), feature::StatusName(cells[i].status));
    *agrees = *agrees && same[i];
  }
  if (!*agrees && event_from)
    return std::vector<TraceNode>();  // older rows may matter: read all of them

  std::vector<TraceNode> nodes;
  for (const feature::ContributingRows& group :
       feature::FindContributingRows(plan, rows, label, wanted)) {
    WEIRHOUSE_TRY(TraceNode node, GroupNode(view, group));
    for (const std::size_t output : group.outputs) {
      if (same[output]) continue;
      node.intact = false;
      node.detail["found"][plan.outputs[output].column.qualified] =
          feature::ToText(cells[output].ToValue());
    }
    // Equal bits prove the value. Other bits prove nothing if the rows of that time are gone.
    node.checked = node.intact || view.rows.exact;
    if (!node.checked) NoteExpired(plan.view.table_name(), view.seq, view.rows.expired, node);
    nodes.push_back(std::move(node));
  }
  return nodes;
}

Result<TraceNode> Tracer::RequestView(const catalog::PredictionRecord& prediction,
                                      const feature::ViewPlan& plan, const json& served) {
  TraceNode node;
  node.kind = "view";
  node.key = plan.view.id();
  std::map<std::string, feature::Value> fields;
  std::string asked;
  for (const feature::TypedName& field : plan.view.request) {
    WEIRHOUSE_TRY(feature::Value value, FieldOf(prediction, field));
    asked += fmt::format("{}{} {}", asked.empty() ? "" : ", ", field.name, feature::ToText(value));
    fields[field.name] = std::move(value);
  }
  WEIRHOUSE_TRY(const std::unique_ptr<platform::SqlSession> session, workspace_.sql().Connect());
  const feature::RequestEvaluator evaluator(plan, *session);
  WEIRHOUSE_TRY(const feature::FeatureAnswer answer,
                evaluator.EvaluateOne(fields, Micros(prediction.at)));
  std::string values;
  node.checked = true;
  for (const json& one : served) {
    values += (values.empty() ? "" : ", ") + PhraseOfServed(one);
    node.detail["served"].push_back(one);
    for (const feature::FeatureValue& value : answer.values) {
      if (value.name == TextOf(one, "name"))
        node.intact =
            node.intact && SameAsServed(one, value.value, feature::StatusName(value.status));
    }
  }
  node.title = fmt::format("{} {} ← the request: {}", node.key, values, asked);
  return node;
}

Result<TraceNode> Tracer::View(const catalog::PredictionRecord& prediction,
                               const std::string& view_id, const json& served) {
  WEIRHOUSE_TRY(const feature::ViewPlan* plan, PlanOf(view_id));
  if (plan->view.is_request()) return RequestView(prediction, *plan, served);
  TraceNode node;
  node.kind = "view";
  node.key = view_id;
  json entity = json::object();
  for (const feature::TypedName& field : plan->view.entity)
    entity[field.name] = prediction.request.value(field.name, json());
  node.title = fmt::format("{} of {}, {} as of commit {}", view_id, PhraseOfCells(entity),
                           plan->view.table_name(), SeqOfServed(prediction, served).value());
  node.detail = {{"entity", entity},
                 {"table", plan->view.table_name()},
                 {"source", plan->view.source},
                 {"digest", plan->view.digest.ToHex()}};
  // The rows within the windows usually suffice; where older ones matter (a status, a correction
  // that moved a row), the bits differ and all rows are read.
  std::optional<std::int64_t> from;
  const std::int64_t reach = std::max(plan->window_us_max(), plan->view.ttl_us.value_or(0));
  if (reach > 0) from = Micros(prediction.at) - reach;
  bool agrees = true;
  WEIRHOUSE_TRY(node.parents, Groups(prediction, *plan, served, from, &agrees));
  if (!agrees && from) {
    WEIRHOUSE_TRY(node.parents, Groups(prediction, *plan, served, std::nullopt, &agrees));
  }
  return node;
}

Result<TraceNode> Tracer::Prediction(const std::string& id) {
  WEIRHOUSE_TRY(const auto found, workspace_.catalog().FindPrediction(id));
  if (!found) {
    return Status(Code::kNotFound, fmt::format("no such prediction: \"{}\"", EscapeControl(id)))
        .WithError("WH6001")
        .WithHint("`wh sql \"select id, at, model from system.predictions\"` lists them");
  }
  const catalog::PredictionRecord& prediction = *found;
  const json& served = ServedFeatures(prediction.vector);
  if (!served.is_array()) return UnreadableVector(id);
  TraceNode node;
  node.kind = "prediction";
  node.key = id;
  node.title =
      fmt::format("prediction {}: {} by {} for {} at {}", id, PhraseOfOutput(prediction.output),
                  prediction.model, PhraseOfCells(prediction.request), FormatTime(prediction.at));
  node.detail = {{"model", prediction.model},
                 {"at", FormatTime(prediction.at)},
                 {"request", prediction.request},
                 {"output", prediction.output},
                 {"vector", prediction.vector},
                 {"vector_digest", prediction.vector_digest.ToHex()},
                 {"features_seq", prediction.features_seq.value()}};
  node.checked = true;
  node.intact = DigestOfServed(served) == prediction.vector_digest;
  WEIRHOUSE_TRY_STATUS(LearnDeployment(prediction));
  std::vector<std::string> views;  // in the vector's order
  std::map<std::string, json> by_view;
  for (const json& one : served) {
    if (options_.feature && TextOf(one, "name") != *options_.feature) continue;
    const std::string view = TextOf(one, "view");
    if (by_view.find(view) == by_view.end()) views.push_back(view);
    by_view[view].push_back(one);
  }
  if (views.empty()) {
    std::vector<std::string> names;
    for (const json& one : served) names.push_back(TextOf(one, "name"));
    return Status(Code::kNotFound, fmt::format("{} was not served the feature \"{}\"", id,
                                               EscapeControl(options_.feature.value_or(""))))
        .WithError("WH6007")
        .WithHint(DidYouMean(options_.feature.value_or(""), names));
  }
  for (const std::string& view : views) {
    WEIRHOUSE_TRY(TraceNode one, View(prediction, view, by_view[view]));
    node.parents.push_back(std::move(one));
  }
  if (options_.feature) return node;
  WEIRHOUSE_TRY(TraceNode scored, ScoredBy(prediction));
  node.parents.push_back(std::move(scored));
  return node;
}
}  // namespace weirhouse::work

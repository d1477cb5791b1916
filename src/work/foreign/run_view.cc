#include "work/foreign/run_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "ground/iceberg/update/metadata_update.h"
#include "ground/platform/io/disk.h"
#include "rules/policy/token.h"
#include "work/foreign/foreign_commit.h"
#include "work/foreign/run_view_state.h"
#include "work/project/table_rules.h"
#include "work/workspace/publication.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

constexpr std::chrono::seconds kLifetime{86'400};
constexpr std::size_t kTablesMax = 100;
constexpr std::string_view kAddressFile = "/.weirhouse/daemon.url";
constexpr const char* kDefaultAddress = "http://127.0.0.1:8642";

Result<RunView> FromJson(const std::string& run, const json& stored) {
  try {
    RunView view;
    WEIRHOUSE_TRY(view.run, ParseRunId(run));
    view.tables = stored.at("tables").get<std::vector<std::string>>();
    view.opened_by = stored.at("opened_by");
    view.opened_at = ProcessTimeOfMicros(stored.at("opened_at_us").get<std::int64_t>());
    view.state = stored.at("state");
    view.problem = stored.at("problem");
    return view;
  } catch (const json::exception& error) {
    return Status(Code::kCorruption,
                  fmt::format("a run view cannot be read: {}: {}",
                              catalog::setting::RunViews().Of(run).key().text(), error.what()))
        .WithError("WH7116");
  }
}

// Where main of its tables stood when they were first staged.
Status FillBase(Workspace& workspace, RunView& view) {
  if (view.state != "open") return Status();
  for (const std::string& name : view.tables) {
    WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace.FindTable(name));
    if (!table) continue;
    if (const auto base = HeldBy(view.run, **table).base) view.base[name] = *base;
  }
  return Status();
}

Status NotWritable(const std::string& table, std::string why, std::string hint) {
  return Status(Code::kPermissionDenied,
                fmt::format("no run view of the table \"{}\": {}", table, std::move(why)))
      .WithError("WH7113")
      .WithHint(std::move(hint));
}

Status CheckWritable(Workspace& workspace, const std::string& table) {
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> found, workspace.FindTable(table));
  if (!found) {
    return Status(Code::kNotFound, fmt::format("no such table: \"{}\"", table))
        .WithError("WH7101")
        .WithHint("`wh table list` shows them; `wh apply` makes those of the project");
  }
  const policy::TableRules rules = RulesOf(workspace.project(), table);
  if (!rules.made_by.empty()) {
    return NotWritable(
        table, fmt::format("{} makes it", rules.made_by),
        "other engines write tables of `mode external` and those outside the layers");
  }
  if (rules.layer == policy::Layer::kSystem || rules.layer == policy::Layer::kFeature) {
    return NotWritable(table, fmt::format("the {} layer is ours", policy::LayerName(rules.layer)),
                       "other engines read it");
  }
  return Status();
}
}  // namespace

catalog::SettingOf<json> SettingOfView(RunId run) {
  return catalog::setting::RunViews().Of(ToString(run));
}

json ToJson(const RunView& view) {
  return {{"tables", view.tables},
          {"opened_by", view.opened_by},
          {"opened_at_us", Micros(view.opened_at)},
          {"state", view.state},
          {"problem", view.problem}};
}

std::string TokenNameOf(RunId run) { return "view-" + ToString(run); }

Result<OpenedView> OpenRunView(Workspace& workspace, const std::vector<std::string>& tables,
                               const std::string& who,
                               std::optional<std::chrono::seconds> lifetime) {
  const std::set<std::string> named(tables.begin(), tables.end());
  if (named.empty() || named.size() != tables.size() || named.size() > kTablesMax) {
    return Status(Code::kInvalidInput,
                  fmt::format("a run view is of 1 to {} tables, each named once", kTablesMax))
        .WithError("WH7117");
  }
  for (const std::string& table : tables) WEIRHOUSE_TRY_STATUS(CheckWritable(workspace, table));

  StepInputs step;
  step.kind = "run_view";
  step.name = Join(tables, ", ");
  step.inputs = {{"tables", tables}, {"id", workspace.random().Uuid4()}};
  step.parameters = {{"who", who}};
  step.tables = tables;
  WEIRHOUSE_TRY(const catalog::Run run, workspace.catalog().PlanRun(PlanOf(step)));
  OpenedView opened;
  opened.view = {run.id, tables, who, workspace.clock().Now(), "open", "", {}};

  StepInputs opening;
  opening.kind = "run_view_open";
  opening.name = ToString(run.id);
  opening.inputs = {{"run", ToString(run.id)}};
  opening.parameters = {{"who", who}};
  catalog::CommitRequest request;
  request.plan = PlanOf(opening);
  request.idempotency_key = request.plan->idempotency_key;
  request.layer = "maintenance";
  request.batch = ToString(run.id);
  request.settings.push_back(SettingOfView(run.id).To(ToJson(opened.view)));
  WEIRHOUSE_TRY_STATUS(workspace.catalog().Commit(request).status());
  WEIRHOUSE_FAILPOINT("run_view.opened");

  policy::NewToken wanted;
  wanted.name = TokenNameOf(run.id);
  wanted.role = policy::Role::kWriter;
  wanted.lifetime = lifetime.value_or(kLifetime);
  wanted.view = run.id;
  wanted.view_tables = tables;
  WEIRHOUSE_TRY(
      policy::IssuedToken issued,
      policy::IssueToken(workspace.catalog(), wanted, workspace.random(), workspace.clock()));
  opened.token = std::move(issued.secret);
  return opened;
}

Result<RunView> FindRunView(Workspace& workspace, RunId run) {
  WEIRHOUSE_TRY(const std::optional<json> stored, SettingOfView(run).In(workspace.catalog()));
  if (!stored) {
    return Status(Code::kNotFound, fmt::format("no such run view: {}", ToString(run)))
        .WithError("WH7110")
        .WithHint("`wh run-view list` shows them");
  }
  WEIRHOUSE_TRY(RunView view, FromJson(ToString(run), *stored));
  WEIRHOUSE_TRY_STATUS(FillBase(workspace, view));
  return view;
}

Result<std::vector<RunView>> RunViews(Workspace& workspace) {
  WEIRHOUSE_TRY(const auto stored, catalog::setting::RunViews().In(workspace.catalog()));
  std::vector<RunView> views;
  for (const auto& [run, value] : stored) {
    WEIRHOUSE_TRY(RunView view, FromJson(run, value));
    WEIRHOUSE_TRY_STATUS(FillBase(workspace, view));
    views.push_back(std::move(view));
  }
  std::sort(views.begin(), views.end(),
            [](const RunView& a, const RunView& b) { return b.run < a.run; });
  return views;
}

Status RequireOpen(const RunView& view) {
  if (view.state == "open") return Status();
  return Status(Code::kConflict,
                fmt::format("the run view {} is {}", ToString(view.run), view.state))
      .WithError("WH7114")
      .WithHint("open another one: wh run-view open TABLE…");
}

Status CloseToken(Workspace& workspace, RunId run, const std::string& why) {
  return policy::RevokeToken(workspace.catalog(), TokenNameOf(run), why, workspace.clock());
}

Status DiscardRunView(Workspace& workspace, RunId run, const std::string& reason,
                      const std::string& who) {
  WEIRHOUSE_TRY(RunView view, FindRunView(workspace, run));
  WEIRHOUSE_TRY_STATUS(RequireOpen(view));
  if (reason.empty()) {
    return Status(Code::kInvalidInput, "discarding a run view needs a reason")
        .WithError("WH3021")
        .WithHint("--reason TEXT");
  }
  StepInputs step;
  step.kind = "discard";
  step.name = ToString(run);
  step.inputs = {{"run", ToString(run)}};
  step.parameters = {{"reason", reason}, {"who", who}};
  step.tables = view.tables;
  WEIRHOUSE_TRY(const catalog::Run decision, workspace.catalog().PlanRun(PlanOf(step)));
  Publication publication(workspace, decision, "maintenance", ToString(run));
  for (const std::string& name : view.tables) {
    WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace.FindTable(name));
    if (!table) continue;
    const json updates = ForgettingUpdates(run, HeldBy(run, **table));
    if (updates.empty()) continue;
    const ProcessTime now = workspace.clock().Now();
    WEIRHOUSE_TRY(iceberg::UpdatedMetadata next,
                  iceberg::ApplyUpdates(table->get(), name, updates, now));
    WEIRHOUSE_TRY(
        const iceberg::StagedTable staged,
        iceberg::StageMetadata(workspace.disk(), *table, workspace.random(), std::move(next), now));
    publication.Add(staged);
  }
  view.state = "discarded";
  view.problem = reason;
  publication.request().settings.push_back(SettingOfView(run).To(ToJson(view)));
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("run_view.discarded");
  CloseToken(workspace, run, "the run view was discarded")
      .Ignore("a view that is closed lets nothing through, whoever asks");
  workspace.catalog()
      .FailRun(run, Status(Code::kConflict, "discarded: " + reason).WithError("WH7114"))
      .Ignore("the view itself says that it was discarded");
  return Status();
}

json ForgettingUpdates(RunId run, const HeldChange& held) {
  json updates = json::array();
  if (held.head != nullptr) {
    updates.push_back({{"action", "remove-snapshot-ref"}, {"ref-name", ViewStagingRef(run)}});
  }
  if (!held.keys.empty()) {
    updates.push_back({{"action", "remove-properties"}, {"removals", held.keys}});
  }
  return updates;
}

Status NoteAddress(const std::string& root, const std::string& address) {
  const std::string path = root + std::string(kAddressFile);
  if (address.empty()) return platform::LocalDisk().Remove(path);
  return platform::LocalDisk().Replace(path, address);
}

std::string AddressOf(const std::string& root) {
  const auto address = platform::LocalDisk().Read(root + std::string(kAddressFile));
  return address.ok() && !address->empty() ? *address : kDefaultAddress;
}
}  // namespace weirhouse::work

#include "work/foreign/staging_area.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "ground/iceberg/update/metadata_update.h"
#include "ground/platform/io/local_store.h"
#include "rules/policy/token.h"
#include "work/foreign/foreign_commit.h"
#include "work/foreign/staging_state.h"
#include "work/project/table_rules.h"
#include "work/workspace/publication.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

constexpr std::chrono::seconds kLifetime{86'400};
constexpr std::size_t kTablesMax = 100;
constexpr std::string_view kAddressFile = "/.weirhouse/daemon.url";
constexpr const char* kDefaultAddress = "http://127.0.0.1:8642";

Result<StagingArea> FromJson(const std::string& run, const json& stored) {
  try {
    StagingArea area;
    WEIRHOUSE_TRY(area.run, ParseRunId(run));
    area.tables = stored.at("tables").get<std::vector<std::string>>();
    area.opened_by = stored.at("opened_by");
    area.opened_at = ProcessTimeOfMicros(stored.at("opened_at_us").get<std::int64_t>());
    area.state = stored.at("state");
    area.problem = stored.at("problem");
    return area;
  } catch (const json::exception& error) {
    return Status(Code::kCorruption,
                  fmt::format("a staging area cannot be read: {}: {}",
                              catalog::setting::StagingAreas().Of(run).key().text(), error.what()))
        .WithError("WH7116")
        .WithHint("`wh verify` checks the catalog; restore it from a backup");
  }
}

// Where main of its tables stood when they were first staged.
Status FillBase(Workspace& workspace, StagingArea& area) {
  if (area.state != "open") return Status();
  for (const std::string& name : area.tables) {
    WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace.FindTable(name));
    if (!table) continue;
    if (const auto base = HeldBy(area.run, **table).base) area.base[name] = *base;
  }
  return Status();
}

Status NotWritable(const std::string& table, std::string why, std::string hint) {
  return Status(Code::kPermissionDenied,
                fmt::format("no staging area of the table \"{}\": {}", table, std::move(why)))
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

catalog::SettingOf<json> SettingOfArea(RunId run) {
  return catalog::setting::StagingAreas().Of(ToString(run));
}

json ToJson(const StagingArea& area) {
  return {{"tables", area.tables},
          {"opened_by", area.opened_by},
          {"opened_at_us", Micros(area.opened_at)},
          {"state", area.state},
          {"problem", area.problem}};
}

std::string TokenNameOf(RunId run) { return "staging-" + ToString(run); }

Result<OpenedView> OpenStagingArea(Workspace& workspace, const std::vector<std::string>& tables,
                                   const std::string& who,
                                   std::optional<std::chrono::seconds> lifetime) {
  const std::set<std::string> named(tables.begin(), tables.end());
  if (named.empty() || named.size() != tables.size() || named.size() > kTablesMax) {
    return Status(Code::kInvalidInput,
                  fmt::format("a staging area is of 1 to {} tables, each named once", kTablesMax))
        .WithError("WH7117");
  }
  for (const std::string& table : tables) WEIRHOUSE_TRY_STATUS(CheckWritable(workspace, table));

  StepInputs step;
  step.kind = catalog::RunKind::kStagingArea;
  step.name = Join(tables, ", ");
  step.inputs = {{"tables", tables}, {"id", workspace.random().Uuid4()}};
  step.parameters = {{"who", who}};
  step.tables = tables;
  WEIRHOUSE_TRY(const catalog::Run run, workspace.catalog().PlanRun(PlanOf(step)));
  OpenedView opened;
  opened.area = {run.id, tables, who, workspace.clock().Now(), "open", "", {}};

  StepInputs opening;
  opening.kind = catalog::RunKind::kStagingAreaOpen;
  opening.name = ToString(run.id);
  opening.inputs = {{"run", ToString(run.id)}};
  opening.parameters = {{"who", who}};
  Publication publication(workspace, PlanOf(opening), catalog::Layer::kMaintenance,
                          ToString(run.id));
  publication.request().settings.push_back(SettingOfArea(run.id).To(ToJson(opened.area)));
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("staging_area.opened");

  policy::NewToken wanted;
  wanted.name = TokenNameOf(run.id);
  wanted.role = policy::Role::kWriter;
  wanted.lifetime = lifetime.value_or(kLifetime);
  wanted.staging_area = run.id;
  wanted.view_tables = tables;
  WEIRHOUSE_TRY(
      policy::IssuedToken issued,
      policy::IssueToken(workspace.catalog(), wanted, workspace.random(), workspace.clock()));
  opened.token = std::move(issued.secret);
  return opened;
}

Result<StagingArea> FindStagingArea(Workspace& workspace, RunId run) {
  WEIRHOUSE_TRY(const std::optional<json> stored, SettingOfArea(run).In(workspace.catalog()));
  if (!stored) {
    return Status(Code::kNotFound, fmt::format("no such staging area: {}", ToString(run)))
        .WithError("WH7110")
        .WithHint("`wh staging list` shows them");
  }
  WEIRHOUSE_TRY(StagingArea area, FromJson(ToString(run), *stored));
  WEIRHOUSE_TRY_STATUS(FillBase(workspace, area));
  return area;
}

Result<std::vector<StagingArea>> StagingAreas(Workspace& workspace) {
  WEIRHOUSE_TRY(const auto stored, catalog::setting::StagingAreas().In(workspace.catalog()));
  std::vector<StagingArea> areas;
  for (const auto& [run, value] : stored) {
    WEIRHOUSE_TRY(StagingArea area, FromJson(run, value));
    WEIRHOUSE_TRY_STATUS(FillBase(workspace, area));
    areas.push_back(std::move(area));
  }
  std::sort(areas.begin(), areas.end(),
            [](const StagingArea& a, const StagingArea& b) { return b.run < a.run; });
  return areas;
}

Status RequireOpen(const StagingArea& area) {
  if (area.state == "open") return Status();
  return Status(Code::kConflict,
                fmt::format("the staging area {} is {}", ToString(area.run), area.state))
      .WithError("WH7114")
      .WithHint("open another one: wh staging open TABLE…");
}

Status CloseToken(Workspace& workspace, RunId run, const std::string& why) {
  return policy::RevokeToken(workspace.catalog(), TokenNameOf(run), why, workspace.clock());
}

Status DiscardStagingArea(Workspace& workspace, RunId run, const std::string& reason,
                          const std::string& who) {
  WEIRHOUSE_TRY(StagingArea area, FindStagingArea(workspace, run));
  WEIRHOUSE_TRY_STATUS(RequireOpen(area));
  if (reason.empty()) {
    return Status(Code::kInvalidInput, "discarding a staging area needs a reason")
        .WithError("WH3021")
        .WithHint("--reason TEXT");
  }
  StepInputs step;
  step.kind = catalog::RunKind::kDiscard;
  step.name = ToString(run);
  step.inputs = {{"run", ToString(run)}};
  step.parameters = {{"reason", reason}, {"who", who}};
  step.tables = area.tables;
  WEIRHOUSE_TRY(const catalog::Run decision, workspace.catalog().PlanRun(PlanOf(step)));
  Publication publication(workspace, decision, catalog::Layer::kMaintenance, ToString(run));
  for (const std::string& name : area.tables) {
    WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace.FindTable(name));
    if (!table) continue;
    const std::vector<iceberg::Update> updates = ForgettingUpdates(run, HeldBy(run, **table));
    if (updates.empty()) continue;
    const ProcessTime now = workspace.clock().Now();
    WEIRHOUSE_TRY(iceberg::UpdatedMetadata next,
                  iceberg::ApplyUpdates(table->get(), name, updates, now));
    WEIRHOUSE_TRY(const iceberg::StagedTable staged,
                  iceberg::StageMetadata(workspace.store(), *table, workspace.random(),
                                         std::move(next), now));
    publication.Add(staged);
  }
  area.state = "discarded";
  area.problem = reason;
  publication.request().settings.push_back(SettingOfArea(run).To(ToJson(area)));
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("staging_area.discarded");
  CloseToken(workspace, run, "the staging area was discarded")
      .Ignore("an area that is closed lets nothing through, whoever asks");
  workspace.catalog()
      .FailRun(run, Status(Code::kConflict, "discarded: " + reason).WithError("WH7114"))
      .Ignore("the area itself says that it was discarded");
  return Status();
}

std::vector<iceberg::Update> ForgettingUpdates(RunId run, const HeldChange& held) {
  std::vector<iceberg::Update> updates;
  if (held.head != nullptr) updates.push_back(iceberg::RemoveSnapshotRef{StagingRefOf(run)});
  if (!held.keys.empty()) updates.push_back(iceberg::RemoveProperties{held.keys});
  return updates;
}

Status NoteAddress(const std::string& root, const std::string& address) {
  const std::string path = root + std::string(kAddressFile);
  if (address.empty()) return platform::LocalStore().Delete(path);
  return platform::LocalStore().Replace(path, address);
}

std::string AddressOf(const std::string& root) {
  const auto address = platform::LocalStore().Read(root + std::string(kAddressFile));
  return address.ok() && !address->empty() ? *address : kDefaultAddress;
}
}  // namespace weirhouse::work

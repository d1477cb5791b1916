#include "work/pipeline/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "work/ingest/raw_step.h"
#include "work/ingest/topic_arrivals.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/feature/view_standing.h"
#include "work/pipeline/plan/reading_change.h"
#include "work/project/landing_place.h"
#include "work/project/spelling.h"
#include "work/project/table_rules.h"
#include "work/records/contract_reading.h"
#include "work/workspace/applied.h"
#include "work/workspace/tables/external_table.h"
#include "work/workspace/tables/table_shape.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

// Compares one section of what was applied with that section of the files.
void CompareSection(const json& applied, const json& wanted, const std::string& section,
                    const std::string& kind, const std::string& on_change,
                    std::vector<PlanItem>& items) {
  const json before = applied.value(section, json::object());
  const json now = wanted.value(section, json::object());
  for (const auto& [name, digest] : now.items()) {
    if (!before.contains(name)) {
      if (section == "seeds") continue;  // a new seed changes nothing until a transform reads it
      items.push_back({PlanItem::Action::kAdd, kind, name,
                       kind == "delimiter" && !applied.empty() ? on_change : ""});
    } else if (before.at(name) != digest) {
      items.push_back({PlanItem::Action::kChange, kind, name, on_change});
    }
  }
  for (const auto& [name, digest] : before.items()) {
    if (!now.contains(name))
      items.push_back({PlanItem::Action::kRemove, kind, name,
                       kind == "delimiter" ? on_change : "its data stays"});
  }
}

// Contracts have versions: a change must be additive, or needs a higher major version.
Status CompareContracts(Workspace& workspace, std::vector<PlanItem>& items) {
  std::vector<Diagnostic> refusals;
  Status refused;
  for (const auto& [id, contract] : workspace.project().contracts) {
    WEIRHOUSE_TRY(const std::shared_ptr<const contract::Contract> registered,
                  RegisteredContract(workspace, id));
    if (registered == nullptr) {
      items.push_back({PlanItem::Action::kAdd, "contract", id, contract->version().ToString()});
      continue;
    }
    const contract::CompatibilityReport report = contract::Compare(*registered, *contract);
    if (report.verdict == contract::Compatibility::kSame &&
        registered->version() == contract->version())
      continue;
    const Status allowed = contract::CheckPublishable(*registered, *contract);
    if (!allowed.ok()) {
      if (allowed.diagnostics().empty()) return allowed;
      if (refused.ok() || allowed.Is(contract::kBreakingChange)) refused = allowed;
      refusals.insert(refusals.end(), allowed.diagnostics().begin(), allowed.diagnostics().end());
      continue;
    }
    std::string detail =
        fmt::format("{} → {}", registered->version().ToString(), contract->version().ToString());
    for (const contract::ContractChange& change : report.changes)
      detail += "; " + change.ToString();
    items.push_back({PlanItem::Action::kChange, "contract", id, std::move(detail)});
  }
  if (refused.ok()) return Status();
  const bool breaking = refused.Is(contract::kBreakingChange);
  return Status(Code::kContractRefused, breaking ? "the contract change would break readers"
                                                 : "a contract changed under the same version")
      .WithError(refused.error_code())
      .WithHint(breaking
                    ? "keep what readers rely on and only add optional fields; or raise `version:` "
                      "in the contract to the next major one (2.0.0 after 1.x), then `wh apply`"
                    : refused.hint())
      .WithDiagnostics(std::move(refusals));
}

int NextVersion(const ProjectDefinition& project, const std::string& view) {
  int highest = 0;
  for (const feature::FeatureView& one : project.views)
    if (one.name == view) highest = std::max(highest, one.version);
  return highest + 1;
}

// A view's version is its meaning: a change under the same version would give one name two
// meanings, even if the view was removed in between.
Status RefuseChangedViews(Workspace& workspace, const json& wanted,
                          const std::vector<PlanItem>& items) {
  for (const PlanItem& item : items) {
    if (item.kind != "feature view" || item.action == PlanItem::Action::kRemove) continue;
    if (item.action == PlanItem::Action::kAdd) {
      WEIRHOUSE_TRY(const auto known,
                    workspace.catalog().FindNode({catalog::NodeKind::kView, item.name}));
      if (!known || known->node.record.value("digest", "") ==
                        wanted.at("views").at(item.name).get<std::string>())
        continue;
    }
    const auto view =
        std::find_if(workspace.project().views.begin(), workspace.project().views.end(),
                     [&](const feature::FeatureView& one) { return one.id() == item.name; });
    WEIRHOUSE_CHECK(view != workspace.project().views.end());
    const char* what = item.action == PlanItem::Action::kAdd
                           ? "had another meaning under this version"
                           : "changed under the same version";
    return Status(Code::kContractRefused,
                  fmt::format("the feature view \"{}\" {}", item.name, what))
        .WithError("WH2021")
        .WithSpan(view->span)
        .WithHint(fmt::format(
            "models know it by this version: undo the change, or write `version: {}` (the old one "
            "is served on only while a file defines it, too)",
            NextVersion(workspace.project(), view->name)));
  }
  return Status();
}

// Where a view's values are kept is no part of its meaning, so it may change under one version. The
// run that `apply` ends with fills the online store, or empties it.
void CompareOnlineFills(const json& applied, const json& wanted, std::vector<PlanItem>& items) {
  for (const auto& [view, fill] : wanted.items()) {
    const std::string now = fill.get<std::string>();
    const std::string before = applied.value(view, now);  // a new view is an item of its own
    if (before == now) continue;
    items.push_back({PlanItem::Action::kChange, "feature view", view,
                     fmt::format("served online: {} → {}", before, now)});
  }
}

// SQL ignores case in names, so a new table must not differ from an existing one in case only, even
// if that one is removed by the plan.
Status RefuseOtherSpellings(Workspace& workspace) {
  const ProjectDefinition& project = workspace.project();
  std::map<std::string, std::pair<std::string, SourceSpan>> wanted;
  for (const Source& source : project.sources)
    wanted["raw." + Folded(source.name)] = {"raw." + source.name,
                                            SourceSpan{"weirhouse.yaml", 1, 1, 1, {}}};
  for (const transform::CheckedTransform& transform : project.transforms) {
    const transform::TransformDefinition& definition = transform.definition;
    wanted[Folded(definition.name())] = {definition.name(), definition.table.span};
    wanted[Folded(definition.history_table())] = {definition.history_table(),
                                                  definition.table.span};
  }
  for (const feature::FeatureView& view : project.views)
    wanted[Folded(view.table_name())] = {view.table_name(), view.span};
  WEIRHOUSE_TRY(const auto tables, workspace.catalog().Tables());
  for (const catalog::TablePointer& table : tables) {
    const auto same = wanted.find(Folded(table.name));
    if (same == wanted.end() || same->second.first == table.name) continue;
    return Status(Code::kConflict,
                  fmt::format("the table \"{}\" would differ from the existing table \"{}\" in "
                              "case only, which SQL ignores",
                              same->second.first, table.name))
        .WithError("WH2034")
        .WithSpan(same->second.second)
        .WithHint("keep the existing name, or choose one that differs in more than case");
  }
  return Status();
}

// Adds tables that change although their SQL did not: those over records of a contract whose fields
// are read differently, and those whose columns follow from their inputs.
Status AddFollowers(Workspace& workspace, Plan& plan) {
  const ProjectDefinition& project = workspace.project();
  WEIRHOUSE_TRY(const auto tables, TablesToReshape(workspace));
  std::map<std::string, std::string> why = tables;
  for (const Source& source : project.sources) {
    WEIRHOUSE_TRY(const auto registered, RegisteredContract(workspace, source.contract));
    if (registered == nullptr) continue;
    const std::vector<std::string> fields =
        FieldsReadOtherwise(*registered, *project.contracts.at(source.contract));
    for (const transform::CheckedTransform& transform : project.transforms) {
      for (const transform::TableReference& reference : transform.references) {
        if (reference.name != "records." + source.name) continue;
        for (const std::string& column : reference.columns) {
          if (std::find(fields.begin(), fields.end(), column) == fields.end()) continue;
          why.emplace(transform.definition.name(),
                      fmt::format("{} of {} is read otherwise", column, reference.name));
        }
      }
    }
  }
  for (const auto& [name, reason] : why) {
    if (FindExternal(project, name) != nullptr) continue;
    const std::string detail = "full rebuild: " + reason;
    const auto item = std::find_if(plan.items.begin(), plan.items.end(), [&](const PlanItem& one) {
      return one.kind == "processed" && one.name == name;
    });
    if (item == plan.items.end()) {
      plan.items.push_back({PlanItem::Action::kChange, "processed", name, detail, true});
    } else if (item->action == PlanItem::Action::kChange) {
      item->detail = detail;
    }
  }
  WEIRHOUSE_TRY(const auto views, ViewsToReshape(workspace));
  for (const auto& [view, difference] : views) {
    plan.items.push_back({PlanItem::Action::kChange, "feature view", view,
                          "its source changed: " + difference, true});
  }
  return Status();
}

// Tables whose definition changed, tables that are added after something was processed, and tables
// that are removed (another table must then count their records) are built from all raw data. An
// external table has no rows when it is added; when its columns change, the tables that read it are
// rebuilt.
Result<bool> NeedsRebuild(Workspace& workspace, const Plan& plan) {
  bool consumed = false;
  for (const std::string_view consumer :
       {kProcessedConsumer, kExternalConsumer, kFeatureConsumer}) {
    WEIRHOUSE_TRY(const auto offset, workspace.catalog().OffsetOf(std::string(consumer)));
    consumed = consumed || offset.position > 0;
  }
  if (!consumed) return false;
  WEIRHOUSE_TRY(const json applied, AppliedReadBy(workspace));
  WEIRHOUSE_TRY(const json read_by, ReadByToApply(workspace));
  if (applied != read_by) return true;
  for (const PlanItem& item : plan.items) {
    // Records may be cut and read differently.
    if (item.kind == "delimiter" || item.kind == "nulls") return true;
    if (item.kind == "feature view" && item.follows) return true;
    if (item.kind != "processed" && item.kind != "seed") continue;
    if (item.kind == "seed" && item.action == PlanItem::Action::kRemove) continue;
    const bool joins = item.action == PlanItem::Action::kAdd &&
                       FindExternal(workspace.project(), item.name) != nullptr;
    if (!joins) return true;
  }
  return false;
}

// Describes tables of other engines, and adds those that are missing from the catalog.
Status NoteExternal(Workspace& workspace, std::vector<PlanItem>& items) {
  for (const transform::CheckedTransform& transform : workspace.project().transforms) {
    if (!transform.definition.is_external()) continue;
    const std::string& name = transform.definition.name();
    const auto item = std::find_if(items.begin(), items.end(), [&](const PlanItem& one) {
      return one.kind == "processed" && one.name == name;
    });
    if (item != items.end()) {
      item->detail = item->action == PlanItem::Action::kAdd
                         ? "external: other engines write it, and keep its key unique"
                         : "external: follows its contract; what reads it is rebuilt";
      continue;
    }
    WEIRHOUSE_TRY(const auto existing, workspace.FindTable(name));
    if (!existing)
      items.push_back({PlanItem::Action::kAdd, "processed", name, "external: it was dropped"});
  }
  return CheckExternalTables(workspace);
}

std::string DigestOf(const Plan& plan, const json& wanted, const json& readings) {
  std::vector<std::string> pieces = {wanted.dump()};
  const auto reads = [](const PlanItem& item) {
    return item.kind == "nulls" || item.kind == "format";
  };
  if (std::any_of(plan.items.begin(), plan.items.end(), reads)) pieces.push_back(readings.dump());
  for (const PlanItem& item : plan.items) {
    pieces.push_back(fmt::format("{} {} {}", static_cast<int>(item.action), item.kind, item.name));
  }
  return Sha256OfPieces(pieces).ToHex().substr(0, 8);
}

}  // namespace

namespace {
Result<std::optional<BehindHalt>> LookBehindHalt(Workspace& workspace) {
  WEIRHOUSE_TRY(const std::optional<catalog::Run> halted, HaltedRun(workspace));
  if (!halted) return std::optional<BehindHalt>();
  BehindHalt behind{halted->id};
  WEIRHOUSE_TRY(const HaltedBatch batch, LoadHalted(workspace, halted->id));
  CommitSeq from = batch.raw_seq;
  if (batch.retried || batch.consumer != kProcessedConsumer) {
    WEIRHOUSE_TRY(const auto offset, workspace.catalog().OffsetOf(std::string(kProcessedConsumer)));
    from = CommitSeq(offset.position);
  }
  WEIRHOUSE_TRY(behind.records, workspace.catalog().RecordsSince(from));
  return std::optional<BehindHalt>(behind);
}
}  // namespace

Result<Plan> MakePlan(Workspace& workspace) {
  Plan plan;
  WEIRHOUSE_TRY(const json applied, AppliedDigests(workspace));
  const json wanted = DefinitionDigests(workspace.project());
  WEIRHOUSE_TRY_STATUS(CompareContracts(workspace, plan.items));
  CompareSection(applied, wanted, "delimiters", "delimiter", "full rebuild", plan.items);
  WEIRHOUSE_TRY(const json readings, AppliedReadings(workspace));
  WEIRHOUSE_TRY_STATUS(CompareReadings(workspace, readings, plan.items));
  CompareSection(applied, wanted, "seeds", "seed", "full rebuild", plan.items);
  CompareSection(applied, wanted, "processed", "processed", "full rebuild", plan.items);
  WEIRHOUSE_TRY_STATUS(NoteExternal(workspace, plan.items));
  CompareSection(applied, wanted, "gates", "gate", "judges from the next batch on", plan.items);
  CompareSection(applied, wanted, "views", "feature view", "", plan.items);
  CompareSection(applied, wanted, "topics", "topic",
                 "the source begins with what that topic still holds", plan.items);
  CompareSection(applied, wanted, "training_sets", "training set", "build it again to use it",
                 plan.items);
  WEIRHOUSE_TRY_STATUS(RefuseChangedViews(workspace, wanted, plan.items));
  WEIRHOUSE_TRY(const json applied_fills, AppliedOnlineFills(workspace));
  CompareOnlineFills(applied_fills, OnlineFillsOf(workspace.project()), plan.items);
  WEIRHOUSE_TRY_STATUS(RefuseOtherSpellings(workspace));
  WEIRHOUSE_TRY_STATUS(AddFollowers(workspace, plan));
  WEIRHOUSE_TRY(plan.rebuilds, NeedsRebuild(workspace, plan));
  for (const transform::CheckedTransform& transform : workspace.project().transforms) {
    if (transform.depends_on_arrival)
      plan.notes.push_back(transform.definition.name() + " depends on arrival order");
  }
  plan.notes.insert(plan.notes.end(), workspace.project().notes.begin(),
                    workspace.project().notes.end());
  WEIRHOUSE_TRY(const Waiting waiting, ListWaiting(workspace));
  plan.waiting_objects = waiting.files;
  plan.waiting_batches = static_cast<std::int64_t>(waiting.batches.size());
  plan.being_written = waiting.being_written;
  plan.untaken = waiting.untaken;
  WEIRHOUSE_TRY(const std::vector<TopicBacklog> topics, TopicBacklogs(workspace));
  for (const TopicBacklog& topic : topics) {
    if (topic.records() > 0) plan.waiting_in_topics[topic.source] = topic.records();
    if (!topic.problem.ok()) plan.untaken[topic.place()] = topic.problem.ToString();
  }
  plan.missing_folders = MissingLandingFolders(workspace.project());
  WEIRHOUSE_TRY(plan.behind_halt, LookBehindHalt(workspace));
  for (const std::string& path : waiting.unmatched) {
    plan.untaken[path] = "its name fits no batch pattern";
  }
  WEIRHOUSE_TRY(plan.waiting_views, ViewsThatWait(workspace));
  // A view that the plan adds waits for apply, not for a run.
  std::erase_if(plan.waiting_views, [&](const std::string& view) {
    return std::any_of(plan.items.begin(), plan.items.end(), [&](const PlanItem& item) {
      return item.kind == "feature view" && item.name == view;
    });
  });
  plan.digest = DigestOf(plan, wanted, ReadingsToApply(readings, workspace.project()));
  return plan;
}

}  // namespace weirhouse::work

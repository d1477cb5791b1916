// contract list, show, diff, history, publish.
#include <fmt/format.h>

#include "app/command/verb/run_report.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "ground/catalog/settings.h"
#include "work/pipeline/pipeline.h"
#include "work/pipeline/plan/plan.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;
using ContractPtr = std::shared_ptr<const contract::Contract>;

// The contract as the last apply registered it.
Result<ContractPtr> Registered(work::Workspace& workspace, const std::string& id) {
  WEIRHOUSE_TRY(const std::optional<json> stored,
                catalog::setting::Contract(id).In(workspace.catalog()));
  if (!stored) return ContractPtr();
  WEIRHOUSE_TRY(contract::Contract parsed,
                contract::ParseContract(stored->dump(), "registered contract " + id));
  return std::make_shared<const contract::Contract>(std::move(parsed));
}

Result<ContractPtr> Find(const work::ProjectDefinition& project, const std::string& id) {
  const auto found = project.contracts.find(id);
  if (found != project.contracts.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [name, contract] : project.contracts) known.push_back(name);
  return Status(Code::kNotFound, fmt::format("no such contract: \"{}\"", id))
      .WithError("WH8037")
      .WithHint(DidYouMean(id, known));
}

std::string Rules(const contract::ContractField& field) {
  std::vector<std::string> rules;
  if (field.required) rules.push_back("required");
  if (field.unique) rules.push_back("unique");
  if (field.primary_key_position > 0)
    rules.push_back(fmt::format("key {}", field.primary_key_position));
  if (field.minimum)
    rules.push_back((field.minimum->exclusive ? "> " : ">= ") + field.minimum->text);
  if (field.maximum)
    rules.push_back((field.maximum->exclusive ? "< " : "<= ") + field.maximum->text);
  if (field.min_length) rules.push_back(fmt::format("length >= {}", *field.min_length));
  if (field.max_length) rules.push_back(fmt::format("length <= {}", *field.max_length));
  if (!field.pattern.empty()) rules.push_back("pattern " + field.pattern);
  if (!field.valid_values.empty()) rules.push_back("one of " + Join(field.valid_values, ", "));
  if (!field.multiple_of.empty()) rules.push_back("multiple of " + field.multiple_of);
  if (field.default_json) rules.push_back("default " + *field.default_json);
  return Join(rules, "; ");
}

json ChangesAsJson(const contract::CompatibilityReport& report) {
  json changes = json::array();
  for (const contract::ContractChange& change : report.changes) {
    changes.push_back({{"path", change.path},
                       {"rule", change.rule},
                       {"old", change.old_value},
                       {"new", change.new_value},
                       {"backward", change.backward},
                       {"forward", change.forward},
                       {"breaking", change.breaking}});
  }
  return changes;
}

std::string_view VerdictName(contract::Compatibility verdict) {
  switch (verdict) {
    case contract::Compatibility::kSame:
      return "same";
    case contract::Compatibility::kAdditive:
      return "additive";
    case contract::Compatibility::kBreaking:
      return "breaking";
  }
  return "?";
}

// Refuses if other definitions changed too: a contract is registered alone.
Status RequireOnlyContracts(const work::Plan& plan) {
  for (const work::PlanItem& item : plan.items) {
    if (item.kind == "contract" || item.follows) continue;
    return Status(Code::kConflict,
                  fmt::format("other definitions changed too: {} \"{}\"", item.kind, item.name))
        .WithError("WH8038")
        .WithHint("`wh plan` lists them; `wh apply` registers all together");
  }
  return Status();
}
}  // namespace

Result<int> RunContractList(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  Listing listing("contracts", {"contract", "version", "registered", "owner", "fields", "unknown",
                                "violation", "mode"});
  for (const auto& [id, contract] : workspace->project().contracts) {
    WEIRHOUSE_TRY(const ContractPtr registered, Registered(*workspace, id));
    listing.Add({id, contract->version().ToString(),
                 registered == nullptr ? json() : json(registered->version().ToString()),
                 contract->owner().empty() ? json() : json(contract->owner()),
                 static_cast<std::int64_t>(contract->fields().size()),
                 PolicyName(contract->unknown_policy()), PolicyName(contract->violation_policy()),
                 ModeName(contract->compatibility_mode())});
    listing.Detail("digest", contract->digest().ToHex());
  }
  context.Print(listing);
  return kExitOk;
}

Result<int> RunContractShow(Context& context) {
  WEIRHOUSE_TRY(auto project, context.Definitions());
  WEIRHOUSE_TRY(const ContractPtr contract, Find(*project, context.invocation().Word(0)));
  if (context.wants_json()) {
    context.Answer(
        {{"contract", json::parse(contract->ToJson())}, {"digest", contract->digest().ToHex()}});
    return kExitOk;
  }
  context.Line(fmt::format("{}  {}  owner {}  unknown fields {}, violations {}, compatibility {}",
                           EscapeControl(contract->Title()), contract->status(),
                           contract->owner().empty() ? "-" : EscapeControl(contract->owner()),
                           PolicyName(contract->unknown_policy()),
                           PolicyName(contract->violation_policy()),
                           ModeName(contract->compatibility_mode())));
  Listing fields("fields", {"field", "type", "rules"});
  for (const contract::ContractField& field : contract->fields()) {
    const std::string rules = Rules(field);
    fields.Add({field.name, field.TypeText(), rules.empty() ? json() : json(rules)});
  }
  context.Print(fields);
  return kExitOk;
}

Result<int> RunContractDiff(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.ReadingFiles());
  const std::string wanted = context.invocation().Word(0);
  if (!wanted.empty()) WEIRHOUSE_TRY_STATUS(Find(workspace->project(), wanted).status());
  json list = json::array();
  bool changed = false;
  for (const auto& [id, contract] : workspace->project().contracts) {
    if (!wanted.empty() && id != wanted) continue;
    WEIRHOUSE_TRY(const ContractPtr registered, Registered(*workspace, id));
    if (registered == nullptr) {
      changed = true;
      context.Line(fmt::format("+ {}: not registered yet", EscapeControl(contract->Title())));
      list.push_back({{"contract", id}, {"verdict", "new"}, {"changes", json::array()}});
      continue;
    }
    const contract::CompatibilityReport report = contract::Compare(*registered, *contract);
    list.push_back({{"contract", id},
                    {"registered", registered->version().ToString()},
                    {"proposed", contract->version().ToString()},
                    {"verdict", VerdictName(report.verdict)},
                    {"changes", ChangesAsJson(report)}});
    if (report.changes.empty()) continue;
    changed = true;
    context.Line(fmt::format("~ {} {} → {}: {}", EscapeControl(id),
                             registered->version().ToString(), contract->version().ToString(),
                             VerdictName(report.verdict)));
    for (const contract::ContractChange& change : report.changes)
      context.Line("    " + EscapeControl(change.ToString()));
  }
  if (!changed) context.Line("no changes");
  context.Answer({{"contracts", std::move(list)}});
  return kExitOk;
}

Result<int> RunContractHistory(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  const std::string id = context.invocation().Word(0);
  WEIRHOUSE_TRY(const auto versions,
                catalog::setting::ContractVersions(id).In(workspace->catalog()));
  if (versions.empty()) {
    WEIRHOUSE_TRY_STATUS(Find(workspace->project(), id).status());
  }
  Listing listing("versions", {"version", "fields", "owner", "commit"});
  for (const auto& [key, stored] : versions) {
    WEIRHOUSE_TRY(const contract::Contract contract,
                  contract::ParseContract(stored.dump(), "registered contract " + id));
    WEIRHOUSE_TRY(const auto node,
                  workspace->catalog().FindNode({catalog::NodeKind::kContract, contract.Title()}));
    listing.Add({contract.version().ToString(), static_cast<std::int64_t>(contract.fields().size()),
                 contract.owner().empty() ? json() : json(contract.owner()),
                 node ? json(fmt::format("@{}", node->seq.value())) : json()});
    listing.Detail("digest", contract.digest().ToHex());
  }
  context.Print(listing);
  return kExitOk;
}

Result<int> RunContractPublish(Context& context) {
  const bool dry_run = context.invocation().dry_run;
  WEIRHOUSE_TRY(work::Workspace * workspace,
                dry_run ? context.ReadingFiles() : context.WritingFiles());
  WEIRHOUSE_TRY(const ContractPtr contract,
                Find(workspace->project(), context.invocation().Word(0)));
  WEIRHOUSE_TRY(const ContractPtr registered, Registered(*workspace, contract->id()));
  if (registered != nullptr) {
    WEIRHOUSE_TRY_STATUS(contract::CheckPublishable(*registered, *contract));
    if (contract->version().major > registered->version().major &&
        !context.invocation().Has("major")) {
      return Status(Code::kContractRefused,
                    fmt::format("{} → {} is a new major version", registered->Title(),
                                contract->version().ToString()))
          .WithError("WH8039")
          .WithHint("pass --major if its readers may break");
    }
  }
  WEIRHOUSE_TRY(const work::Plan plan, work::MakePlan(*workspace));
  WEIRHOUSE_TRY_STATUS(RequireOnlyContracts(plan));
  if (dry_run) {
    context.Line("would register " + EscapeControl(contract->Title()));
    context.Answer({{"contract", contract->id()}, {"version", contract->version().ToString()}});
    return kExitOk;
  }
  WEIRHOUSE_TRY(const work::RunSummary summary,
                work::Apply(*workspace, plan.digest, context.progress(), context.Registered()));
  context.Line("registered " + EscapeControl(contract->Title()));
  return ReportRun(context, *workspace, summary);
}
}  // namespace weirhouse::command

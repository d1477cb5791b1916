// contract list, show, diff, history, publish.
#include <fmt/format.h>

#include "app/command/verb/run_report.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "work/answers/project/contract_answer.h"
#include "work/answers/table_answer.h"
#include "work/pipeline/plan/plan.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

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

json OwnerCell(const contract::Contract& contract) {
  return contract.owner().empty() ? json() : json(contract.owner());
}
std::int64_t FieldCount(const contract::Contract& contract) {
  return static_cast<std::int64_t>(contract.fields().size());
}
}  // namespace

Result<int> RunContractList(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::ContractsAnswer answer, answers::ListContracts(*workspace));
  Listing listing("contracts", {"contract", "version", "registered", "owner", "fields", "unknown",
                                "violation", "mode"});
  for (const answers::ContractRow& row : answer.contracts) {
    const contract::Contract& contract = *row.contract;
    listing.Add({contract.id(), contract.version().ToString(),
                 row.registered == nullptr ? json() : json(row.registered->version().ToString()),
                 OwnerCell(contract), FieldCount(contract), PolicyName(contract.unknown_policy()),
                 PolicyName(contract.violation_policy()), ModeName(contract.compatibility_mode())});
  }
  context.Print(listing, answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunContractShow(Context& context) {
  WEIRHOUSE_TRY(auto project, context.Definitions());
  WEIRHOUSE_TRY(const answers::ContractAnswer answer,
                answers::ReadContract(*project, context.invocation().Word(0)));
  if (context.wants_json()) {
    context.Answer(answers::ToJson(answer));
    return kExitOk;
  }
  const contract::Contract& contract = *answer.contract;
  context.Line(fmt::format("{}  {}  owner {}  unknown fields {}, violations {}, compatibility {}",
                           EscapeControl(contract.Title()), contract.status(),
                           contract.owner().empty() ? "-" : EscapeControl(contract.owner()),
                           PolicyName(contract.unknown_policy()),
                           PolicyName(contract.violation_policy()),
                           ModeName(contract.compatibility_mode())));
  Listing fields("fields", {"field", "type", "rules"});
  for (const contract::ContractField& field : contract.fields()) {
    const std::string rules = Rules(field);
    fields.Add({field.name, field.TypeText(), rules.empty() ? json() : json(rules)});
  }
  context.Print(fields);
  return kExitOk;
}

Result<int> RunContractDiff(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.ReadingFiles());
  WEIRHOUSE_TRY(const answers::ContractDiffsAnswer answer,
                answers::CompareContracts(*workspace, context.invocation().Word(0)));
  bool changed = false;
  for (const answers::ContractDiff& diff : answer.contracts) {
    if (!diff.changes()) continue;
    changed = true;
    if (diff.registered == nullptr) {
      context.Line(fmt::format("+ {}: not registered yet", EscapeControl(diff.proposed->Title())));
      continue;
    }
    context.Line(fmt::format("~ {} {} → {}: {}", EscapeControl(diff.proposed->id()),
                             diff.registered->version().ToString(),
                             diff.proposed->version().ToString(),
                             answers::VerdictName(diff.report.verdict)));
    for (const contract::ContractChange& change : diff.report.changes)
      context.Line("    " + EscapeControl(change.ToString()));
  }
  if (!changed) context.Line("no changes");
  context.Answer(answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunContractHistory(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::ContractHistoryAnswer answer,
                answers::ReadContractHistory(*workspace, context.invocation().Word(0)));
  Listing listing("versions", {"version", "fields", "owner", "commit"});
  for (const answers::ContractVersion& one : answer.versions) {
    listing.Add({one.contract.version().ToString(), FieldCount(one.contract),
                 OwnerCell(one.contract),
                 one.commit ? json(answers::CommitText(*one.commit)) : json()});
  }
  context.Print(listing, answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunContractPublish(Context& context) {
  const bool dry_run = context.invocation().dry_run;
  WEIRHOUSE_TRY(work::Workspace * workspace,
                dry_run ? context.ReadingFiles() : context.WritingFiles());
  WEIRHOUSE_TRY(const answers::ContractPtr contract,
                answers::FindContract(workspace->project(), context.invocation().Word(0)));
  WEIRHOUSE_TRY(
      const std::string plan,
      answers::CheckContractAlone(*workspace, *contract, context.invocation().Has("major")));
  if (dry_run) {
    context.Line("would register " + EscapeControl(contract->Title()));
    context.Answer({{"contract", contract->id()}, {"version", contract->version().ToString()}});
    return kExitOk;
  }
  WEIRHOUSE_TRY(const work::RunSummary summary,
                work::Apply(*workspace, plan, context.progress(), context.Registered()));
  context.Line("registered " + EscapeControl(contract->Title()));
  return ReportRun(context, *workspace, summary);
}
}  // namespace weirhouse::command

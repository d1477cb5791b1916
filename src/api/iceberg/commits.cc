// Commits: of one table, and of several at once.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <variant>

#include "api/iceberg/idempotency.h"
#include "api/iceberg/route.h"
#include "ground/iceberg/update/requirement_json.h"
#include "ground/iceberg/update/update_json.h"

namespace weirhouse::rest {
namespace {
using nlohmann::json;

Result<work::ForeignChange> ChangeOf(std::string table, const json& request) {
  work::ForeignChange change;
  change.table = std::move(table);
  WEIRHOUSE_TRY(const json* requirements, ParseArray(request, "requirements"));
  WEIRHOUSE_TRY(const json* updates, ParseArray(request, "updates"));
  if (requirements != nullptr) {
    WEIRHOUSE_TRY(change.requirements, iceberg::ParseRequirements(*requirements));
  }
  if (updates != nullptr) {
    WEIRHOUSE_TRY(change.updates, iceberg::ParseUpdates(*updates));
  }
  return change;
}

// A name that cannot be used does not exist, unless it is to be created.
Status CheckName(const Name& name) {
  return name.problem.ok() ? Status() : NotFound(name.text, catalog::PointerKind::kTable);
}
// Without read access a caller gets "not found", and without write access "forbidden", whatever the
// body says. The commit checks both again, on the state that it changes.
Status CheckCaller(const RestCall& call, const Name& name) {
  const policy::Principal& who = call.who();
  if (!policy::MayAct(who, policy::Action::kRead, name.text).ok())
    return NotFound(name.text, catalog::PointerKind::kTable);
  WEIRHOUSE_TRY(const auto pointer, call.workspace.catalog().FindTable(name.text));
  if (!pointer || pointer->kind != catalog::PointerKind::kTable) return Status();
  return policy::MayAct(who, policy::Action::kCommit, name.text);
}
bool Creates(const work::ForeignChange& change) {
  return std::any_of(change.requirements.begin(), change.requirements.end(),
                     [](const iceberg::Requirement& requirement) {
                       return std::holds_alternative<iceberg::AssertCreate>(requirement);
                     });
}

// A commit that creates a table requires that it does not exist yet, so that requirement has
// failed.
Result<work::ForeignAnswer> Commit(RestCall& call, const work::ForeignCommit& commit,
                                   const work::ReplyOf& reply) {
  auto answer = work::CommitForeign(call.workspace, commit, reply);
  const bool creates = std::any_of(commit.changes.begin(), commit.changes.end(), Creates);
  if (answer.ok() || !creates || !answer.status().Is(work::kNameTaken) ||
      !answer.status().message().starts_with("Table already"))
    return answer;
  return Status(Code::kConflict, fmt::format("Requirement failed: table already exists ({})",
                                             answer.status().message()))
      .WithError("WH7102");
}
}  // namespace

Result<Reply> CommitTable(RestCall& call) {
  const Name name = TableInPath(call);
  call.tables = {name.text};
  WEIRHOUSE_TRY_STATUS(CheckName(name));
  const auto identifier = call.body.find("identifier");
  if (identifier != call.body.end() && !identifier->is_null()) {
    WEIRHOUSE_TRY(const Name named, ParseIdentifier(*identifier, "identifier"));
    if (named.text != name.text)
      return Malformed("\"identifier\" and the path name different tables");
  }
  work::ForeignCommit commit;
  commit.caller = call.caller;
  WEIRHOUSE_TRY_STATUS(CheckCaller(call, name));
  WEIRHOUSE_TRY(work::ForeignChange change, ChangeOf(name.text, call.body));
  commit.changes.push_back(std::move(change));
  WEIRHOUSE_TRY(const work::ForeignAnswer answer, Commit(call, commit, MakeStoredLoad(call)));
  // A change in a staging area has no effect downstream before it is published.
  call.committed = answer.seq.value() != 0 && !call.who().staging_area;
  const iceberg::TableMetadata& table = *answer.tables.at(0);
  std::string location;
  if (call.who().staging_area) {
    WEIRHOUSE_TRY(const auto pointer, call.workspace.catalog().FindTable(name.text));
    if (pointer) location = pointer->metadata_location;
  }
  return Reply{LoadReply(table, Snapshots::kAll, location), KeptLoad(table)};
}

Result<Reply> CommitTransaction(RestCall& call) {
  WEIRHOUSE_TRY(const json* changes, ParseArray(call.body, "table-changes"));
  if (changes == nullptr || changes->empty())
    return Malformed("\"table-changes\" is missing or empty");
  if (changes->size() > kTableChangesMax) {
    return Malformed(fmt::format("\"table-changes\" has {} tables, more than the limit of {}",
                                 changes->size(), kTableChangesMax));
  }
  work::ForeignCommit commit;
  commit.caller = call.caller;
  std::set<std::string> seen;
  for (const json& request : *changes) {
    if (!request.is_object()) return Malformed("\"table-changes\" must be an array of objects");
    const auto identifier = request.find("identifier");
    if (identifier == request.end())
      return Malformed("an element of \"table-changes\" lacks \"identifier\"");
    WEIRHOUSE_TRY(const Name name, ParseIdentifier(*identifier, "identifier"));
    WEIRHOUSE_TRY_STATUS(CheckName(name));
    call.tables.push_back(name.text);
    if (!seen.insert(name.text).second)
      return Malformed(fmt::format("the transaction changes {} twice", name.text));
    WEIRHOUSE_TRY_STATUS(CheckCaller(call, name));
    WEIRHOUSE_TRY(work::ForeignChange change, ChangeOf(name.text, request));
    commit.changes.push_back(std::move(change));
  }
  work::ReplyOf reply;
  if (const auto stored = MakeStoredReply(call, 204, ""))
    reply = [stored](const std::vector<iceberg::TablePtr>&) { return *stored; };
  WEIRHOUSE_TRY(const work::ForeignAnswer answer, Commit(call, commit, reply));
  // A change in a staging area has no effect downstream before it is published.
  call.committed = answer.seq.value() != 0 && !call.who().staging_area;
  return Reply{NoContent()};
}
}  // namespace weirhouse::rest

// Tables, but for commits: list, create, register, load, drop, rename, credentials, metrics.
#include <fmt/format.h>

#include "api/iceberg/idempotency.h"
#include "api/iceberg/route.h"
#include "ground/base/ascii.h"
#include "ground/base/name.h"
#include "ground/base/text.h"
#include "ground/iceberg/update/update_json.h"

namespace weirhouse::rest {
namespace {
using catalog::PointerKind;
using nlohmann::json;

Result<Snapshots> SnapshotsAsked(const RestCall& call) {
  const auto found = call.request.query.find("snapshots");
  if (found == call.request.query.end() || found->second.empty()) return Snapshots::kAll;
  const std::string mode = LowerCase(found->second);
  if (mode == "all") return Snapshots::kAll;
  if (mode == "refs") return Snapshots::kRefs;
  return Malformed(
      fmt::format("\"snapshots\" must be all or refs, found \"{}\"", EscapeControl(found->second)));
}

bool Knows(const RestCall& call, std::string_view tag) {
  const auto field = call.request.headers.find("if-none-match");
  return field != call.request.headers.end() && NamesTag(field->second, tag);
}

std::string Quoted(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Reply LoadedReply(const iceberg::TableMetadata& table) {
  return {LoadReply(table, Snapshots::kAll), KeptLoad(table)};
}
}  // namespace

Status NotFound(std::string_view name, PointerKind kind) {
  const bool is_table = kind == PointerKind::kTable;
  return Status(Code::kNotFound, fmt::format("{} does not exist: {}", is_table ? "Table" : "View",
                                             EscapeControl(name)))
      .WithError(is_table ? "WH7101" : "WH7103");
}

Result<catalog::TablePointer> FindPointer(RestCall& call, const Name& name, PointerKind kind) {
  call.tables = {name.text};
  if (!name.problem.ok()) return NotFound(name.text, kind);
  const Status allowed = policy::MayAct(call.who(), policy::Action::kRead, name.text);
  if (!allowed.ok()) {
    call.hidden_refusal = allowed;
    return NotFound(name.text, kind);
  }
  WEIRHOUSE_TRY(auto pointer, call.workspace.catalog().FindTable(name.text));
  if (!pointer || pointer->kind != kind) return NotFound(name.text, kind);
  return *std::move(pointer);
}

Result<Reply> ListPointers(RestCall& call, PointerKind kind) {
  const Name name_space = NamespaceInPath(call);
  WEIRHOUSE_TRY_STATUS(CheckVisible(call, name_space));
  WEIRHOUSE_TRY(const Page page, ParsePage(call));
  const std::string levels = Quoted(LevelsToJson(name_space.text));
  // A caller that may see only part of the namespace gets only the names visible to it.
  const bool sees_all = call.who().Covers(name_space.text);
  std::string body = R"({"identifiers":[)";
  std::string last = page.after;
  std::string next;
  bool is_first = true;
  for (bool is_full = true; is_full;) {
    WEIRHOUSE_TRY(auto names,
                  call.workspace.catalog().TableNames(name_space.text, kind, last, page.size + 1));
    is_full = static_cast<std::int64_t>(names.size()) > page.size;
    if (is_full) names.pop_back();  // it belongs to the next page
    for (const std::string& name : names) {
      if (!sees_all && !policy::MayAct(call.who(), policy::Action::kRead, name).ok()) continue;
      body += fmt::format("{}{{\"namespace\":{},\"name\":{}}}", is_first ? "" : ",", levels,
                          Quoted(TableNameView(name).own()));
      is_first = false;
    }
    if (!names.empty()) last = names.back();
    if (!page.wanted) continue;
    if (is_full) next = MakePageToken(last);
    break;
  }
  body += "]";
  if (!next.empty()) body += fmt::format(",\"next-page-token\":\"{}\"", next);
  return Reply{http::JsonResponse(200, body + "}")};
}

Result<Reply> ListTables(RestCall& call) { return ListPointers(call, PointerKind::kTable); }

Result<Reply> CreateTable(RestCall& call) {
  const Name name_space = NamespaceInPath(call);
  WEIRHOUSE_TRY(const std::string own_name, ParseText(call.body, "name"));
  const Name name = JoinName(name_space, own_name);
  call.tables = {name.text};
  WEIRHOUSE_TRY_STATUS(CheckVisible(call, name_space));
  WEIRHOUSE_TRY_STATUS(name.problem);
  WEIRHOUSE_TRY(const bool stage, ParseFlagMember(call.body, "stage-create"));
  const auto location = call.body.find("location");
  if (location != call.body.end() && !location->is_null() && !location->is_string()) {
    return Malformed("\"location\" of a table must be a string");
  }
  WEIRHOUSE_TRY(iceberg::WantedTable wanted, iceberg::ParseWantedTable(call.body, name.text));
  WEIRHOUSE_TRY(
      const iceberg::TablePtr table,
      work::CreateForeign(call.workspace,
                          {call.caller, name_space.text, own_name, std::move(wanted), stage},
                          stage ? work::ReplyOf() : MakeStoredLoad(call)));
  if (stage) return Reply{LoadReply(*table, Snapshots::kAll)};
  call.committed = true;
  return LoadedReply(*table);
}

Result<Reply> RegisterTable(RestCall& call) {
  const Name name_space = NamespaceInPath(call);
  WEIRHOUSE_TRY(const std::string own_name, ParseText(call.body, "name"));
  const Name name = JoinName(name_space, own_name);
  call.tables = {name.text};
  WEIRHOUSE_TRY_STATUS(CheckVisible(call, name_space));
  WEIRHOUSE_TRY_STATUS(name.problem);
  WEIRHOUSE_TRY(const std::string location, ParseText(call.body, "metadata-location"));
  WEIRHOUSE_TRY(const bool overwrite, ParseFlagMember(call.body, "overwrite"));
  WEIRHOUSE_TRY(const iceberg::TablePtr table,
                work::RegisterForeign(call.workspace, call.caller, name.text, location, overwrite,
                                      MakeStoredLoad(call)));
  call.committed = true;
  return LoadedReply(*table);
}

Result<Reply> LoadTable(RestCall& call) {
  WEIRHOUSE_TRY(const Snapshots snapshots, SnapshotsAsked(call));
  WEIRHOUSE_TRY(const auto pointer, FindPointer(call, TableInPath(call), PointerKind::kTable));
  // Checked even if the metadata is cached, because the client must be able to open the file.
  // Iceberg's compatibility kit asks for 404 here, with a type that says it is the file and not the
  // table that is not there.
  const Status there =
      iceberg::CheckMetadataThere(call.workspace.store(), pointer.metadata_location);
  if (there.Is(iceberg::kMetadataMissing)) {
    return Status(Code::kNotFound, fmt::format("Failed to open input stream for file: {}",
                                               pointer.metadata_location))
        .WithError(iceberg::kMetadataMissing)
        .WithHint("put it back from a copy: `wh verify` names every file that is missing");
  }
  WEIRHOUSE_TRY_STATUS(there);
  // The state in a staging area differs from its metadata file.
  if (!call.who().staging_area) {
    const std::string tag = EntityTag(pointer.metadata_location, snapshots);
    if (Knows(call, tag)) {
      Reply reply;
      reply.response.status = 304;
      reply.response.headers.emplace_back("ETag", tag);
      return reply;
    }
  }
  WEIRHOUSE_TRY(const iceberg::TablePtr table,
                work::LoadForeign(call.workspace, call.caller, pointer.name));
  return Reply{LoadReply(*table, snapshots, pointer.metadata_location)};
}

Result<Reply> TableExists(RestCall& call) {
  WEIRHOUSE_TRY_STATUS(FindPointer(call, TableInPath(call), PointerKind::kTable).status());
  return Reply{NoContent()};
}

Result<Reply> DropTable(RestCall& call) {
  WEIRHOUSE_TRY(const bool purge, ParseFlag(call, "purgeRequested"));
  WEIRHOUSE_TRY(const auto pointer, FindPointer(call, TableInPath(call), PointerKind::kTable));
  WEIRHOUSE_TRY_STATUS(work::DropForeign(call.workspace, call.caller, pointer.name, purge,
                                         MakeStoredReply(call, 204, "")));
  call.committed = true;
  return Reply{NoContent()};
}

Result<Reply> Rename(RestCall& call, PointerKind kind) {
  const auto part = [&call](const char* key) -> Result<Name> {
    const auto found = call.body.find(key);
    if (found == call.body.end()) return Malformed(fmt::format("\"{}\" is missing", key));
    return ParseIdentifier(*found, key);
  };
  WEIRHOUSE_TRY(const Name source, part("source"));
  WEIRHOUSE_TRY(const Name destination, part("destination"));
  WEIRHOUSE_TRY_STATUS(FindPointer(call, source, kind).status());
  call.tables = {source.text, destination.text};
  WEIRHOUSE_TRY_STATUS(destination.problem);
  WEIRHOUSE_TRY_STATUS(
      CheckVisible(call, {std::string(TableNameView(destination.text).name_space())}));
  WEIRHOUSE_TRY(const auto taken, call.workspace.catalog().FindTable(destination.text));
  if (taken) {
    return Status(
               Code::kConflict,
               fmt::format("Cannot rename {} to {}. {} already exists", source.text,
                           destination.text, taken->kind == PointerKind::kTable ? "Table" : "View"))
        .WithError("WH7102");
  }
  WEIRHOUSE_TRY_STATUS(work::RenameForeign(call.workspace, call.caller, source.text,
                                           destination.text, MakeStoredReply(call, 204, ""), kind));
  call.committed = true;
  return Reply{NoContent()};
}

Result<Reply> RenameTable(RestCall& call) { return Rename(call, PointerKind::kTable); }

// Clients read the files directly, so no credentials are issued.
Result<Reply> LoadCredentials(RestCall& call) {
  WEIRHOUSE_TRY_STATUS(FindPointer(call, TableInPath(call), PointerKind::kTable).status());
  return Reply{JsonReply({{"storage-credentials", json::array()}})};
}

// Checks the report and discards it.
Result<Reply> ReportMetrics(RestCall& call) {
  WEIRHOUSE_TRY_STATUS(ParseText(call.body, "report-type").status());
  WEIRHOUSE_TRY_STATUS(FindPointer(call, TableInPath(call), PointerKind::kTable).status());
  return Reply{NoContent()};
}
}  // namespace weirhouse::rest

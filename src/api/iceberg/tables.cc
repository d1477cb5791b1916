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

Result<Snapshots> SnapshotsAsked(const Ask& ask) {
  const auto found = ask.request.query.find("snapshots");
  if (found == ask.request.query.end() || found->second.empty()) return Snapshots::kAll;
  const std::string mode = LowerCase(found->second);
  if (mode == "all") return Snapshots::kAll;
  if (mode == "refs") return Snapshots::kRefs;
  return Malformed(
      fmt::format("\"snapshots\" must be all or refs, found \"{}\"", EscapeControl(found->second)));
}

bool Knows(const Ask& ask, std::string_view tag) {
  const auto field = ask.request.headers.find("if-none-match");
  return field != ask.request.headers.end() && NamesTag(field->second, tag);
}

std::string Quoted(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Reply LoadedReply(const iceberg::TableMetadata& table) {
  return {LoadReply(table, Snapshots::kAll), KeptLoad(table)};
}
}  // namespace

Status NotThere(std::string_view name, PointerKind kind) {
  const bool is_table = kind == PointerKind::kTable;
  return Status(Code::kNotFound, fmt::format("{} does not exist: {}", is_table ? "Table" : "View",
                                             EscapeControl(name)))
      .WithError(is_table ? "WH7101" : "WH7103");
}

Result<catalog::TablePointer> PointerOf(Ask& ask, const Name& name, PointerKind kind) {
  ask.tables = {name.text};
  if (!name.problem.ok()) return NotThere(name.text, kind);
  const Status allowed = policy::MayAct(ask.who(), policy::Action::kRead, name.text);
  if (!allowed.ok()) {
    ask.hidden_refusal = allowed;
    return NotThere(name.text, kind);
  }
  WEIRHOUSE_TRY(auto pointer, ask.workspace.catalog().FindTable(name.text));
  if (!pointer || pointer->kind != kind) return NotThere(name.text, kind);
  return *std::move(pointer);
}

Result<Reply> ListPointers(Ask& ask, PointerKind kind) {
  const Name name_space = NamespaceAsked(ask);
  WEIRHOUSE_TRY_STATUS(CheckVisible(ask, name_space));
  WEIRHOUSE_TRY(const Page page, PageAsked(ask));
  const std::string levels = Quoted(LevelsOf(name_space.text));
  // One that only sees the way to what lies below is shown what is its own.
  const bool sees_all = ask.who().Covers(name_space.text);
  std::string body = R"({"identifiers":[)";
  std::string last = page.after;
  std::string next;
  bool is_first = true;
  for (bool is_full = true; is_full;) {
    WEIRHOUSE_TRY(auto names,
                  ask.workspace.catalog().TableNames(name_space.text, kind, last, page.size + 1));
    is_full = static_cast<std::int64_t>(names.size()) > page.size;
    if (is_full) names.pop_back();  // it begins the next page
    for (const std::string& name : names) {
      if (!sees_all && !policy::MayAct(ask.who(), policy::Action::kRead, name).ok()) continue;
      body += fmt::format("{}{{\"namespace\":{},\"name\":{}}}", is_first ? "" : ",", levels,
                          Quoted(TableNameView(name).own()));
      is_first = false;
    }
    if (!names.empty()) last = names.back();
    if (!page.wanted) continue;
    if (is_full) next = TokenOfPage(last);
    break;
  }
  body += "]";
  if (!next.empty()) body += fmt::format(",\"next-page-token\":\"{}\"", next);
  return Reply{http::JsonResponse(200, body + "}")};
}

Result<Reply> ListTables(Ask& ask) { return ListPointers(ask, PointerKind::kTable); }

Result<Reply> CreateTable(Ask& ask) {
  const Name name_space = NamespaceAsked(ask);
  WEIRHOUSE_TRY(const std::string own_name, TextIn(ask.body, "name"));
  const Name name = ChildOf(name_space, own_name);
  ask.tables = {name.text};
  WEIRHOUSE_TRY_STATUS(CheckVisible(ask, name_space));
  WEIRHOUSE_TRY_STATUS(name.problem);
  WEIRHOUSE_TRY(const bool stage, FlagIn(ask.body, "stage-create"));
  const auto location = ask.body.find("location");
  if (location != ask.body.end() && !location->is_null() && !location->is_string()) {
    return Malformed("the location of a table is a text");
  }
  WEIRHOUSE_TRY(iceberg::WantedTable wanted, iceberg::ParseWantedTable(ask.body, name.text));
  WEIRHOUSE_TRY(
      const iceberg::TablePtr table,
      work::CreateForeign(ask.workspace,
                          {ask.caller, name_space.text, own_name, std::move(wanted), stage},
                          stage ? work::ReplyOf() : StoredAsLoad(ask)));
  if (stage) return Reply{LoadReply(*table, Snapshots::kAll)};
  ask.committed = true;
  return LoadedReply(*table);
}

Result<Reply> RegisterTable(Ask& ask) {
  const Name name_space = NamespaceAsked(ask);
  WEIRHOUSE_TRY(const std::string own_name, TextIn(ask.body, "name"));
  const Name name = ChildOf(name_space, own_name);
  ask.tables = {name.text};
  WEIRHOUSE_TRY_STATUS(CheckVisible(ask, name_space));
  WEIRHOUSE_TRY_STATUS(name.problem);
  WEIRHOUSE_TRY(const std::string location, TextIn(ask.body, "metadata-location"));
  WEIRHOUSE_TRY(const bool overwrite, FlagIn(ask.body, "overwrite"));
  WEIRHOUSE_TRY(const iceberg::TablePtr table,
                work::RegisterForeign(ask.workspace, ask.caller, name.text, location, overwrite,
                                      StoredAsLoad(ask)));
  ask.committed = true;
  return LoadedReply(*table);
}

Result<Reply> LoadTable(Ask& ask) {
  WEIRHOUSE_TRY(const Snapshots snapshots, SnapshotsAsked(ask));
  WEIRHOUSE_TRY(const auto pointer, PointerOf(ask, TableAsked(ask), PointerKind::kTable));
  // What is cached here is of no use to a client that cannot open the file.
  WEIRHOUSE_TRY_STATUS(
      iceberg::CheckMetadataThere(ask.workspace.store(), pointer.metadata_location));
  // A staging area's state is not that of its metadata file.
  if (!ask.who().staging_area) {
    const std::string tag = EntityTag(pointer.metadata_location, snapshots);
    if (Knows(ask, tag)) {
      Reply reply;
      reply.response.status = 304;
      reply.response.headers.emplace_back("ETag", tag);
      return reply;
    }
  }
  WEIRHOUSE_TRY(const iceberg::TablePtr table,
                work::LoadForeign(ask.workspace, ask.caller, pointer.name));
  return Reply{LoadReply(*table, snapshots, pointer.metadata_location)};
}

Result<Reply> TableExists(Ask& ask) {
  WEIRHOUSE_TRY_STATUS(PointerOf(ask, TableAsked(ask), PointerKind::kTable).status());
  return Reply{NoContent()};
}

Result<Reply> DropTable(Ask& ask) {
  WEIRHOUSE_TRY(const bool purge, FlagAsked(ask, "purgeRequested"));
  WEIRHOUSE_TRY(const auto pointer, PointerOf(ask, TableAsked(ask), PointerKind::kTable));
  WEIRHOUSE_TRY_STATUS(
      work::DropForeign(ask.workspace, ask.caller, pointer.name, purge, StoredAs(ask, 204, "")));
  ask.committed = true;
  return Reply{NoContent()};
}

Result<Reply> Rename(Ask& ask, PointerKind kind) {
  const auto part = [&ask](const char* key) -> Result<Name> {
    const auto found = ask.body.find(key);
    if (found == ask.body.end()) return Malformed(fmt::format("\"{}\" is missing", key));
    return NameOfIdentifier(*found, key);
  };
  WEIRHOUSE_TRY(const Name source, part("source"));
  WEIRHOUSE_TRY(const Name destination, part("destination"));
  WEIRHOUSE_TRY_STATUS(PointerOf(ask, source, kind).status());
  ask.tables = {source.text, destination.text};
  WEIRHOUSE_TRY_STATUS(destination.problem);
  WEIRHOUSE_TRY_STATUS(
      CheckVisible(ask, {std::string(TableNameView(destination.text).name_space())}));
  WEIRHOUSE_TRY(const auto taken, ask.workspace.catalog().FindTable(destination.text));
  if (taken) {
    return Status(
               Code::kConflict,
               fmt::format("Cannot rename {} to {}. {} already exists", source.text,
                           destination.text, taken->kind == PointerKind::kTable ? "Table" : "View"))
        .WithError("WH7102");
  }
  WEIRHOUSE_TRY_STATUS(work::RenameForeign(ask.workspace, ask.caller, source.text, destination.text,
                                           StoredAs(ask, 204, ""), kind));
  ask.committed = true;
  return Reply{NoContent()};
}

Result<Reply> RenameTable(Ask& ask) { return Rename(ask, PointerKind::kTable); }

// Files are read where they lie: nothing is lent out.
Result<Reply> LoadCredentials(Ask& ask) {
  WEIRHOUSE_TRY_STATUS(PointerOf(ask, TableAsked(ask), PointerKind::kTable).status());
  return Reply{JsonReply({{"storage-credentials", json::array()}})};
}

// A report is a courtesy of the client's: it is checked and let go.
Result<Reply> ReportMetrics(Ask& ask) {
  WEIRHOUSE_TRY_STATUS(TextIn(ask.body, "report-type").status());
  WEIRHOUSE_TRY_STATUS(PointerOf(ask, TableAsked(ask), PointerKind::kTable).status());
  return Reply{NoContent()};
}
}  // namespace weirhouse::rest

// Namespaces: list, create, load, drop, properties.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/iceberg/idempotency.h"
#include "api/iceberg/route.h"
#include "ground/base/name.h"
#include "ground/base/text.h"
#include "ground/base/writers/retry.h"
#include "ground/catalog/catalog.h"

namespace weirhouse::rest {
namespace {
using nlohmann::json;

Status NoNamespace(std::string_view name) {
  return Status(Code::kNotFound, fmt::format("Namespace does not exist: {}", EscapeControl(name)))
      .WithError("WH7033");
}

Result<catalog::NamespaceRecord> RecordOf(RestCall& call, const Name& name) {
  if (!name.problem.ok()) return NoNamespace(name.text);
  const Status allowed = policy::MayAct(call.who(), policy::Action::kRead, name.text);
  if (!allowed.ok()) {
    call.hidden_refusal = allowed;
    return NoNamespace(name.text);
  }
  WEIRHOUSE_TRY(auto found, call.workspace.catalog().FindNamespace(name.text));
  if (!found) return NoNamespace(name.text);
  return *std::move(found);
}

json DescribeNamespace(const catalog::NamespaceRecord& record) {
  return {{"namespace", LevelsToJson(record.name)}, {"properties", record.properties}};
}
}  // namespace

Status CheckVisible(RestCall& call, const Name& name_space) {
  return RecordOf(call, name_space).status();
}

Result<Reply> ListNamespaces(RestCall& call) {
  std::string above;
  const auto parent = call.request.query.find("parent");
  if (parent != call.request.query.end() && !parent->second.empty()) {
    const Name name = ParseNamespaceStep(parent->second);
    WEIRHOUSE_TRY_STATUS(CheckVisible(call, name));
    above = name.text;
  }
  WEIRHOUSE_TRY(const Page page, ParsePage(call));
  WEIRHOUSE_TRY(const auto records, call.workspace.catalog().Namespaces());
  std::vector<std::string_view> names;
  for (const catalog::NamespaceRecord& record : records) {
    const std::string_view name = record.name;
    if (NamespaceView(name).parent() != above) continue;
    if (policy::MayAct(call.who(), policy::Action::kRead, name).ok()) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  json body = {{"namespaces", json::array()}};
  for (const std::string_view name : names) {
    if (page.wanted && name <= page.after) continue;
    if (page.wanted && body["namespaces"].size() == static_cast<std::size_t>(page.size)) {
      std::string last;
      for (const json& level : body["namespaces"].back())
        last += (last.empty() ? "" : ".") + level.get<std::string>();
      body["next-page-token"] = MakePageToken(last);
      break;
    }
    body["namespaces"].push_back(LevelsToJson(name));
  }
  return Reply{JsonReply(body)};
}

Result<Reply> CreateNamespace(RestCall& call) {
  const auto levels = call.body.find("namespace");
  if (levels == call.body.end()) return Malformed("\"namespace\" is missing");
  WEIRHOUSE_TRY(const Name name, ParseLevels(*levels, "namespace"));
  WEIRHOUSE_TRY_STATUS(name.problem);
  WEIRHOUSE_TRY(auto properties, ParseTexts(call.body, "properties"));
  call.tables = {name.text};
  const catalog::NamespaceRecord wanted{name.text, std::move(properties)};
  const json body = DescribeNamespace(wanted);
  Reply reply{JsonReply(body)};
  WEIRHOUSE_TRY_STATUS(work::ChangeNamespace(call.workspace, call.caller,
                                             {catalog::NamespaceChange::What::kCreate, wanted},
                                             MakeStoredReply(call, 200, reply.response.body)));
  return reply;
}

Result<Reply> LoadNamespace(RestCall& call) {
  WEIRHOUSE_TRY(const auto record, RecordOf(call, NamespaceInPath(call)));
  return Reply{JsonReply(DescribeNamespace(record))};
}

Result<Reply> NamespaceExists(RestCall& call) {
  WEIRHOUSE_TRY_STATUS(CheckVisible(call, NamespaceInPath(call)));
  return Reply{NoContent()};
}

Result<Reply> DropNamespace(RestCall& call) {
  const Name name = NamespaceInPath(call);
  call.tables = {name.text};
  WEIRHOUSE_TRY_STATUS(CheckVisible(call, name));
  WEIRHOUSE_TRY_STATUS(work::ChangeNamespace(
      call.workspace, call.caller, {catalog::NamespaceChange::What::kDrop, {name.text, {}}},
      MakeStoredReply(call, 204, "")));
  return Reply{NoContent()};
}

namespace {

Result<Reply> UpdatePropertiesOnce(RestCall& call, const Name& name,
                                   const std::vector<std::string>& removals,
                                   const std::map<std::string, std::string>& updates) {
  WEIRHOUSE_TRY(catalog::NamespaceRecord record, RecordOf(call, name));
  const auto before = record.properties;
  json body = {{"updated", json::array()}, {"removed", json::array()}, {"missing", json::array()}};
  for (const std::string& key : std::set<std::string>(removals.begin(), removals.end()))
    body[record.properties.erase(key) > 0 ? "removed" : "missing"].push_back(key);
  for (const auto& [key, value] : updates) {
    record.properties[key] = value;
    body["updated"].push_back(key);
  }
  Reply reply{JsonReply(body)};
  WEIRHOUSE_TRY_STATUS(
      policy::MayAct(call.who(), policy::Action::kSetNamespaceProperties, name.text));
  if (record.properties == before) return reply;
  WEIRHOUSE_TRY_STATUS(
      work::ChangeNamespace(call.workspace, call.caller,
                            {catalog::NamespaceChange::What::kSet, std::move(record), before},
                            MakeStoredReply(call, 200, reply.response.body)));
  return reply;
}
}  // namespace

Result<Reply> UpdateNamespaceProperties(RestCall& call) {
  const Name name = NamespaceInPath(call);
  call.tables = {name.text};
  WEIRHOUSE_TRY(const auto removals, ParseList(call.body, "removals"));
  WEIRHOUSE_TRY(const auto updates, ParseTexts(call.body, "updates"));
  for (const std::string& key : removals) {
    if (updates.count(key) == 0) continue;
    return Status(Code::kInvalidInput,
                  fmt::format("a property cannot be set and removed at once: \"{}\"",
                              EscapeControl(key)))
        .WithError("WH8094");
  }
  // Computed from the current properties; the commit fails if they have changed meanwhile.
  return WithRetries(catalog::kWhilePointersMove,
                     [&] { return UpdatePropertiesOnce(call, name, removals, updates); });
}
}  // namespace weirhouse::rest

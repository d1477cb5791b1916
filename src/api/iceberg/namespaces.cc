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

Result<catalog::NamespaceRecord> RecordOf(Ask& ask, const Name& name) {
  if (!name.problem.ok()) return NoNamespace(name.text);
  const Status allowed = policy::MayAct(ask.who(), policy::Action::kRead, name.text);
  if (!allowed.ok()) {
    ask.hidden_refusal = allowed;
    return NoNamespace(name.text);
  }
  WEIRHOUSE_TRY(auto found, ask.workspace.catalog().FindNamespace(name.text));
  if (!found) return NoNamespace(name.text);
  return *std::move(found);
}

json DescribeNamespace(const catalog::NamespaceRecord& record) {
  return {{"namespace", LevelsOf(record.name)}, {"properties", record.properties}};
}
}  // namespace

Status CheckVisible(Ask& ask, const Name& name_space) { return RecordOf(ask, name_space).status(); }

Result<Reply> ListNamespaces(Ask& ask) {
  std::string above;
  const auto parent = ask.request.query.find("parent");
  if (parent != ask.request.query.end() && !parent->second.empty()) {
    const Name name = NamespaceOfStep(parent->second);
    WEIRHOUSE_TRY_STATUS(CheckVisible(ask, name));
    above = name.text;
  }
  WEIRHOUSE_TRY(const Page page, PageAsked(ask));
  WEIRHOUSE_TRY(const auto records, ask.workspace.catalog().Namespaces());
  std::vector<std::string_view> names;
  for (const catalog::NamespaceRecord& record : records) {
    const std::string_view name = record.name;
    if (NamespaceView(name).parent() != above) continue;
    if (policy::MayAct(ask.who(), policy::Action::kRead, name).ok()) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  json body = {{"namespaces", json::array()}};
  for (const std::string_view name : names) {
    if (page.wanted && name <= page.after) continue;
    if (page.wanted && body["namespaces"].size() == static_cast<std::size_t>(page.size)) {
      std::string last;
      for (const json& level : body["namespaces"].back())
        last += (last.empty() ? "" : ".") + level.get<std::string>();
      body["next-page-token"] = TokenOfPage(last);
      break;
    }
    body["namespaces"].push_back(LevelsOf(name));
  }
  return Reply{JsonReply(body)};
}

Result<Reply> CreateNamespace(Ask& ask) {
  const auto levels = ask.body.find("namespace");
  if (levels == ask.body.end()) return Malformed("\"namespace\" is missing");
  WEIRHOUSE_TRY(const Name name, NameOfLevels(*levels, "namespace"));
  WEIRHOUSE_TRY_STATUS(name.problem);
  WEIRHOUSE_TRY(auto properties, TextsIn(ask.body, "properties"));
  ask.tables = {name.text};
  const catalog::NamespaceRecord wanted{name.text, std::move(properties)};
  const json body = DescribeNamespace(wanted);
  Reply reply{JsonReply(body)};
  WEIRHOUSE_TRY_STATUS(work::ChangeNamespace(ask.workspace, ask.caller,
                                             {catalog::NamespaceChange::What::kCreate, wanted},
                                             StoredAs(ask, 200, reply.response.body)));
  return reply;
}

Result<Reply> LoadNamespace(Ask& ask) {
  WEIRHOUSE_TRY(const auto record, RecordOf(ask, NamespaceAsked(ask)));
  return Reply{JsonReply(DescribeNamespace(record))};
}

Result<Reply> NamespaceExists(Ask& ask) {
  WEIRHOUSE_TRY_STATUS(CheckVisible(ask, NamespaceAsked(ask)));
  return Reply{NoContent()};
}

Result<Reply> DropNamespace(Ask& ask) {
  const Name name = NamespaceAsked(ask);
  ask.tables = {name.text};
  WEIRHOUSE_TRY_STATUS(CheckVisible(ask, name));
  WEIRHOUSE_TRY_STATUS(work::ChangeNamespace(
      ask.workspace, ask.caller, {catalog::NamespaceChange::What::kDrop, {name.text, {}}},
      StoredAs(ask, 204, "")));
  return Reply{NoContent()};
}

namespace {

Result<Reply> UpdatePropertiesOnce(Ask& ask, const Name& name,
                                   const std::vector<std::string>& removals,
                                   const std::map<std::string, std::string>& updates) {
  WEIRHOUSE_TRY(catalog::NamespaceRecord record, RecordOf(ask, name));
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
      policy::MayAct(ask.who(), policy::Action::kSetNamespaceProperties, name.text));
  if (record.properties == before) return reply;
  WEIRHOUSE_TRY_STATUS(work::ChangeNamespace(
      ask.workspace, ask.caller, {catalog::NamespaceChange::What::kSet, std::move(record), before},
      StoredAs(ask, 200, reply.response.body)));
  return reply;
}
}  // namespace

Result<Reply> UpdateNamespaceProperties(Ask& ask) {
  const Name name = NamespaceAsked(ask);
  ask.tables = {name.text};
  WEIRHOUSE_TRY(const auto removals, ListIn(ask.body, "removals"));
  WEIRHOUSE_TRY(const auto updates, TextsIn(ask.body, "updates"));
  for (const std::string& key : removals) {
    if (updates.count(key) == 0) continue;
    return Status(Code::kInvalidInput,
                  fmt::format("a property cannot be set and removed at once: \"{}\"",
                              EscapeControl(key)))
        .WithError("WH8094");
  }
  // Worked out from what stands now; the commit refuses it if that has changed meanwhile.
  return WithRetries(catalog::kWhilePointersMove,
                     [&] { return UpdatePropertiesOnce(ask, name, removals, updates); });
}
}  // namespace weirhouse::rest

// Namespaces, as other engines create, change and drop them.
#include <fmt/format.h>

#include "ground/base/failpoint.h"
#include "work/foreign/foreign_commit.h"
#include "work/foreign/foreign_name.h"
#include "work/foreign/foreign_publication.h"

namespace weirhouse::work {
namespace {
using What = catalog::NamespaceChange::What;

constexpr std::size_t kPropertiesMax = 1000;
constexpr std::size_t kPropertyBytesMax = 64 << 10;  // of one key or value

policy::Action ActionOf(What what) {
  switch (what) {
    case What::kCreate:
      return policy::Action::kCreateNamespace;
    case What::kSet:
      return policy::Action::kSetNamespaceProperties;
    case What::kDrop:
      break;
  }
  return policy::Action::kDropNamespace;
}

std::string_view WordOf(What what) {
  switch (what) {
    case What::kCreate:
      return "create namespace";
    case What::kSet:
      return "set namespace properties";
    case What::kDrop:
      break;
  }
  return "drop namespace";
}

Status CheckProperties(const catalog::NamespaceRecord& wanted) {
  if (wanted.properties.size() > kPropertiesMax) {
    return MalformedRequest(
        fmt::format("a namespace has at most {} properties: \"{}\" would have {}", kPropertiesMax,
                    wanted.name, wanted.properties.size()));
  }
  for (const auto& [key, value] : wanted.properties) {
    if (key.empty() || key.size() > kPropertyBytesMax || value.size() > kPropertyBytesMax) {
      return MalformedRequest(
          fmt::format("keys and values of properties hold 1 to {} bytes: namespace \"{}\"",
                      kPropertyBytesMax, wanted.name));
    }
  }
  return Status();
}

Status NamespaceTaken(std::string_view name) {
  return Status(Code::kConflict, fmt::format("Namespace already exists: {}", name))
      .WithError(kNameTaken);
}
Status NamespaceNotEmpty(std::string_view name) {
  return Status(Code::kConflict, fmt::format("Namespace {} is not empty", name))
      .WithError("WH7130")
      .WithHint("drop its tables, views and namespaces first");
}

// The catalog's refusal with the code and words of this room.
Status TranslateRefusal(const Status& status, const catalog::NamespaceChange& change) {
  const std::string& name = change.wanted.name;
  if (status.Is(catalog::kNoNamespace)) {  // it, or the parent of one that is created
    return NoSuchNamespace(change.what == What::kCreate ? NamespaceOf(name) : name);
  }
  if (status.Is(catalog::kNamespaceExists)) return NamespaceTaken(name);
  if (status.Is(catalog::kNamespaceNotEmpty)) return NamespaceNotEmpty(name);
  return status;
}
}  // namespace

Status ChangeNamespace(Workspace& workspace, const Caller& caller,
                       const catalog::NamespaceChange& change,
                       const std::optional<catalog::StoredReply>& reply) {
  const std::string& name = change.wanted.name;
  WEIRHOUSE_TRY_STATUS(CheckNamespaceName(name));
  if (change.what != What::kCreate &&
      !policy::MayAct(caller.who, policy::Action::kRead, name).ok()) {
    return NoSuchNamespace(name);
  }
  WEIRHOUSE_TRY_STATUS(policy::MayAct(caller.who, ActionOf(change.what), name));
  WEIRHOUSE_TRY_STATUS(CheckProperties(change.wanted));
  ForeignPublication publication(workspace, caller, std::string(WordOf(change.what)));
  publication.request().layer = catalog::Layer::kMaintenance;
  publication.request().namespaces.push_back(change);
  publication.request().reply = reply;
  publication.Describe(name, std::nullopt, {{"properties", change.wanted.properties}});
  publication.Identify(workspace.random().Uuid4());
  const auto committed = publication.Commit();
  return committed.ok() ? Status() : TranslateRefusal(committed.status(), change);
}
}  // namespace weirhouse::work

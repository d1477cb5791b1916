#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ground/base/name.h"
#include "ground/base/text.h"
#include "rules/policy/policy.h"

namespace weirhouse::policy {
namespace {

constexpr std::pair<Role, std::string_view> kRoles[] = {{Role::kReader, "reader"},
                                                        {Role::kWriter, "writer"},
                                                        {Role::kMaintainer, "maintainer"},
                                                        {Role::kPublisher, "publisher"},
                                                        {Role::kAdmin, "admin"}};

bool OnNamespace(Action action) {
  return action == Action::kCreateNamespace || action == Action::kSetNamespaceProperties ||
         action == Action::kDropNamespace;
}

bool IsBelow(std::string_view name, std::string_view scope) {
  return name == scope ||
         (name.size() > scope.size() && name.starts_with(scope) && name[scope.size()] == '.');
}

// Whether `role` may do `action` anywhere.
bool RoleMay(Role role, Action action) {
  if (role == Role::kAdmin || action == Action::kRead) return true;
  switch (action) {
    case Action::kCreateTable:
    case Action::kRegisterTable:
    case Action::kCreateView:
    case Action::kReplaceView:
      return role == Role::kWriter;
    case Action::kCommit:
      return role == Role::kWriter || role == Role::kMaintainer;
    default:
      return false;
  }
}

std::string RolesThatMay(Action action) {
  std::vector<std::string> names;
  for (const auto& [role, name] : kRoles) {
    if (RoleMay(role, action)) names.emplace_back(name);
  }
  return Join(names, " or ");
}

Status Denied(std::string message, std::string hint) {
  return Status(Code::kPermissionDenied, std::move(message))
      .WithError("WH7070")
      .WithHint(std::move(hint));
}

std::string ScopesOf(const Principal& who) {
  return who.scopes.empty() ? "nothing" : Join(who.scopes, ", ");
}

// Namespaces above a scope are visible, so that clients can find their way down.
bool SeesOnTheWay(const Principal& who, std::string_view name) {
  const auto leads_to = [&](std::string_view below) { return IsBelow(below, name); };
  return std::any_of(who.scopes.begin(), who.scopes.end(), leads_to) ||
         std::any_of(who.view_tables.begin(), who.view_tables.end(), leads_to);
}

Status MayActInView(const Principal& who, Action action, std::string_view name) {
  const bool listed =
      std::find(who.view_tables.begin(), who.view_tables.end(), name) != who.view_tables.end();
  if (action == Action::kRead) {
    if (listed || who.Covers(name) || SeesOnTheWay(who, name)) return Status::Ok();
  } else if (action == Action::kCommit && listed) {
    return Status::Ok();
  }
  return Denied(
      fmt::format("the token of staging area {} may not {}: \"{}\"", ToString(*who.staging_area),
                  ActionName(action), name),
      fmt::format(
          "it reads and writes {} alone; open a staging area for more tables, or use a token "
          "of your own",
          Join(who.view_tables, ", ")));
}

Status OfTheProject(std::string_view what, std::string_view name, std::string hint) {
  return Status(Code::kPermissionDenied, fmt::format("{}: \"{}\"", what, name))
      .WithError("WH7075")
      .WithHint(std::move(hint));
}

Status LayerAllows(Action action, std::string_view name) {
  const Layer layer = LayerOf(name);
  if (layer == Layer::kFeature || layer == Layer::kSystem) {
    return OfTheProject(
        fmt::format("only the project itself writes to namespace \"{}\"; no one else may {}",
                    NamespaceView(name).first(), ActionName(action)),
        name, "read it, or write to a table of your own in another namespace");
  }
  if (OnNamespace(action)) {
    const bool is_layer = layer != Layer::kOpen && !NamespaceView(name).has_parent();
    if (is_layer && action == Action::kDropNamespace) {
      return OfTheProject("the namespace of a layer cannot be dropped", name,
                          "drop its tables, if their layer allows it");
    }
    return Status::Ok();
  }
  if (layer != Layer::kRaw || action == Action::kCreateTable || action == Action::kRegisterTable ||
      action == Action::kCommit) {
    return Status::Ok();
  }
  return Status(Code::kPermissionDenied,
                fmt::format("raw keeps what arrived, so no one may {}: \"{}\"", ActionName(action),
                            name))
      .WithError("WH7072")
      .WithHint(
          "leave raw as it is and correct the data in a processed table; a mistaken raw table "
          "is left unused");
}
}  // namespace

std::string_view RoleName(Role role) {
  for (const auto& [known, name] : kRoles) {
    if (known == role) return name;
  }
  return "unknown";
}

Result<Role> ParseRole(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& [role, known] : kRoles) {
    if (known == name) return role;
    names.emplace_back(known);
  }
  const std::string near = DidYouMean(name, names);
  return Status(Code::kInvalidInput, fmt::format("no such role: \"{}\"", name))
      .WithError("WH7090")
      .WithHint(near.empty() ? "roles are " + Join(names, ", ") : near);
}

bool Principal::Covers(std::string_view name_space) const {
  return std::any_of(scopes.begin(), scopes.end(), [&](const std::string& scope) {
    return scope == "*" || IsBelow(name_space, scope);
  });
}

std::string_view ActionName(Action action) {
  switch (action) {
    case Action::kRead:
      return "read it";
    case Action::kCreateTable:
      return "create the table";
    case Action::kRegisterTable:
      return "register the table";
    case Action::kCommit:
      return "change the table";
    case Action::kDropTable:
      return "drop the table";
    case Action::kPurgeTable:
      return "drop and purge the table";
    case Action::kRenameTable:
      return "rename the table";
    case Action::kCreateNamespace:
      return "create the namespace";
    case Action::kSetNamespaceProperties:
      return "set properties of the namespace";
    case Action::kDropNamespace:
      return "drop the namespace";
    case Action::kCreateView:
      return "create the view";
    case Action::kReplaceView:
      return "replace the view";
    case Action::kDropView:
      return "drop the view";
    case Action::kRenameView:
      return "rename the view";
    case Action::kRegisterOver:
      return "register over the table";
  }
  return "do this";
}

Layer LayerOf(std::string_view name) {
  const std::string_view first = NamespaceView(name).first();
  if (first == "raw") return Layer::kRaw;
  if (first == "processed") return Layer::kProcessed;
  if (first == "feature") return Layer::kFeature;
  if (first == "quarantine" || first == "system" || first == "training_set") return Layer::kSystem;
  return Layer::kOpen;
}

std::string_view LayerName(Layer layer) {
  switch (layer) {
    case Layer::kRaw:
      return "raw";
    case Layer::kProcessed:
      return "processed";
    case Layer::kFeature:
      return "feature";
    case Layer::kSystem:
      return "system";
    case Layer::kOpen:
      return "open";
  }
  return "unknown";
}

Status MayAct(const Principal& who, Action action, std::string_view name, const TableRules* rules) {
  if (who.staging_area) {
    WEIRHOUSE_TRY_STATUS(MayActInView(who, action, name));
  } else if (!who.Covers(name) && !(action == Action::kRead && SeesOnTheWay(who, name))) {
    return Denied(fmt::format("token \"{}\" reaches {}, not \"{}\"", who.name, ScopesOf(who), name),
                  "ask an admin: wh token create --name NAME --role ROLE --on NAMESPACE");
  } else if (!RoleMay(who.role, action)) {
    const bool publishes = who.role == Role::kPublisher && action == Action::kCommit;
    return Denied(
        fmt::format("role {} may not {}: \"{}\" (token \"{}\")", RoleName(who.role),
                    ActionName(action), name, who.name),
        publishes
            ? fmt::format("open a staging area and write through it: wh staging open "
                          "{}",
                          name)
            : fmt::format("this needs role {}: ask an admin for a token", RolesThatMay(action)));
  }
  if (action == Action::kRead) return Status::Ok();
  WEIRHOUSE_TRY_STATUS(LayerAllows(action, name));
  if (rules == nullptr || rules->made_by.empty()) return Status::Ok();
  return OfTheProject(
      fmt::format("{} makes this table; no one else may {}", rules->made_by, ActionName(action)),
      name,
      fmt::format("change {} and run `wh run`, or write to a table of your own", rules->made_by));
}
}  // namespace weirhouse::policy

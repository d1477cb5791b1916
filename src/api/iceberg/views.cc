// Views, in Iceberg's sense: SQL with a name. (Staging areas are tables seen through a run.)
#include <fmt/format.h>

#include "api/iceberg/idempotency.h"
#include "api/iceberg/route.h"
#include "ground/iceberg/view/view_update_json.h"

namespace weirhouse::rest {
namespace {
using catalog::PointerKind;
using nlohmann::json;

work::ViewReplyOf StoredAsView(const Ask& ask) {
  if (ask.caller.idempotency_key.empty()) return {};
  return [&ask](const work::SqlView& view) {
    return *StoredAs(ask, 200, ViewReply(view.metadata_location, view.metadata).body);
  };
}
}  // namespace

Result<Reply> ListViews(Ask& ask) { return ListPointers(ask, PointerKind::kView); }

Result<Reply> CreateView(Ask& ask) {
  const Name name_space = NamespaceAsked(ask);
  WEIRHOUSE_TRY(const std::string own_name, TextIn(ask.body, "name"));
  const Name name = ChildOf(name_space, own_name);
  ask.tables = {name.text};
  WEIRHOUSE_TRY_STATUS(CheckVisible(ask, name_space));
  WEIRHOUSE_TRY_STATUS(name.problem);
  WEIRHOUSE_TRY(const iceberg::WantedView wanted, iceberg::ParseWantedView(ask.body));
  WEIRHOUSE_TRY(const work::SqlView view,
                work::CreateView(ask.workspace, ask.caller, name.text, wanted, StoredAsView(ask)));
  return Reply{ViewReply(view.metadata_location, view.metadata)};
}

Result<Reply> RegisterView(Ask& ask) {
  const Name name_space = NamespaceAsked(ask);
  WEIRHOUSE_TRY(const std::string own_name, TextIn(ask.body, "name"));
  const Name name = ChildOf(name_space, own_name);
  ask.tables = {name.text};
  WEIRHOUSE_TRY_STATUS(CheckVisible(ask, name_space));
  WEIRHOUSE_TRY_STATUS(name.problem);
  WEIRHOUSE_TRY(const std::string location, TextIn(ask.body, "metadata-location"));
  WEIRHOUSE_TRY(const work::SqlView view, work::RegisterView(ask.workspace, ask.caller, name.text,
                                                             location, StoredAsView(ask)));
  return Reply{ViewReply(view.metadata_location, view.metadata)};
}

Result<Reply> LoadView(Ask& ask) {
  WEIRHOUSE_TRY(const auto pointer, PointerOf(ask, ViewAsked(ask), PointerKind::kView));
  WEIRHOUSE_TRY(const work::SqlView view, work::LoadView(ask.workspace, ask.caller, pointer.name));
  return Reply{ViewReply(view.metadata_location, view.metadata)};
}

Result<Reply> ViewExists(Ask& ask) {
  WEIRHOUSE_TRY_STATUS(PointerOf(ask, ViewAsked(ask), PointerKind::kView).status());
  return Reply{NoContent()};
}

Result<Reply> ReplaceView(Ask& ask) {
  WEIRHOUSE_TRY(const auto pointer, PointerOf(ask, ViewAsked(ask), PointerKind::kView));
  WEIRHOUSE_TRY(const json* requirements, ArrayIn(ask.body, "requirements"));
  WEIRHOUSE_TRY(const json* updates, ArrayIn(ask.body, "updates"));
  work::ViewChange change;
  if (requirements != nullptr) {
    WEIRHOUSE_TRY(change.requirements, iceberg::ParseViewRequirements(*requirements));
  }
  if (updates != nullptr) {
    WEIRHOUSE_TRY(change.updates, iceberg::ParseViewUpdates(*updates));
  }
  WEIRHOUSE_TRY(const work::SqlView view, work::ReplaceView(ask.workspace, ask.caller, pointer.name,
                                                            change, StoredAsView(ask)));
  return Reply{ViewReply(view.metadata_location, view.metadata)};
}

Result<Reply> DropView(Ask& ask) {
  WEIRHOUSE_TRY(const auto pointer, PointerOf(ask, ViewAsked(ask), PointerKind::kView));
  WEIRHOUSE_TRY_STATUS(
      work::DropView(ask.workspace, ask.caller, pointer.name, StoredAs(ask, 204, "")));
  return Reply{NoContent()};
}

Result<Reply> RenameView(Ask& ask) { return Rename(ask, PointerKind::kView); }
}  // namespace weirhouse::rest

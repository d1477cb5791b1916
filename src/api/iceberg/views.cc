// Views, in Iceberg's sense: SQL with a name. (Staging areas are tables seen through a run.)
#include <fmt/format.h>

#include "api/iceberg/idempotency.h"
#include "api/iceberg/route.h"
#include "ground/iceberg/view/view_update_json.h"

namespace weirhouse::rest {
namespace {
using catalog::PointerKind;
using nlohmann::json;

work::ViewReplyOf StoredAsView(const RestCall& call) {
  if (call.caller.idempotency_key.empty()) return {};
  return [&call](const work::SqlView& view) {
    return *MakeStoredReply(call, 200, ViewReply(view.metadata_location, view.metadata).body);
  };
}
}  // namespace

Result<Reply> ListViews(RestCall& call) { return ListPointers(call, PointerKind::kView); }

Result<Reply> CreateView(RestCall& call) {
  const Name name_space = NamespaceInPath(call);
  WEIRHOUSE_TRY(const std::string own_name, ParseText(call.body, "name"));
  const Name name = JoinName(name_space, own_name);
  call.tables = {name.text};
  WEIRHOUSE_TRY_STATUS(CheckVisible(call, name_space));
  WEIRHOUSE_TRY_STATUS(name.problem);
  WEIRHOUSE_TRY(const iceberg::WantedView wanted, iceberg::ParseWantedView(call.body));
  WEIRHOUSE_TRY(const work::SqlView view, work::CreateView(call.workspace, call.caller, name.text,
                                                           wanted, StoredAsView(call)));
  return Reply{ViewReply(view.metadata_location, view.metadata)};
}

Result<Reply> RegisterView(RestCall& call) {
  const Name name_space = NamespaceInPath(call);
  WEIRHOUSE_TRY(const std::string own_name, ParseText(call.body, "name"));
  const Name name = JoinName(name_space, own_name);
  call.tables = {name.text};
  WEIRHOUSE_TRY_STATUS(CheckVisible(call, name_space));
  WEIRHOUSE_TRY_STATUS(name.problem);
  WEIRHOUSE_TRY(const std::string location, ParseText(call.body, "metadata-location"));
  WEIRHOUSE_TRY(const work::SqlView view, work::RegisterView(call.workspace, call.caller, name.text,
                                                             location, StoredAsView(call)));
  return Reply{ViewReply(view.metadata_location, view.metadata)};
}

Result<Reply> LoadView(RestCall& call) {
  WEIRHOUSE_TRY(const auto pointer, FindPointer(call, ViewInPath(call), PointerKind::kView));
  WEIRHOUSE_TRY(const work::SqlView view,
                work::LoadView(call.workspace, call.caller, pointer.name));
  return Reply{ViewReply(view.metadata_location, view.metadata)};
}

Result<Reply> ViewExists(RestCall& call) {
  WEIRHOUSE_TRY_STATUS(FindPointer(call, ViewInPath(call), PointerKind::kView).status());
  return Reply{NoContent()};
}

Result<Reply> ReplaceView(RestCall& call) {
  WEIRHOUSE_TRY(const auto pointer, FindPointer(call, ViewInPath(call), PointerKind::kView));
  WEIRHOUSE_TRY(const json* requirements, ParseArray(call.body, "requirements"));
  WEIRHOUSE_TRY(const json* updates, ParseArray(call.body, "updates"));
  work::ViewChange change;
  if (requirements != nullptr) {
    WEIRHOUSE_TRY(change.requirements, iceberg::ParseViewRequirements(*requirements));
  }
  if (updates != nullptr) {
    WEIRHOUSE_TRY(change.updates, iceberg::ParseViewUpdates(*updates));
  }
  WEIRHOUSE_TRY(
      const work::SqlView view,
      work::ReplaceView(call.workspace, call.caller, pointer.name, change, StoredAsView(call)));
  return Reply{ViewReply(view.metadata_location, view.metadata)};
}

Result<Reply> DropView(RestCall& call) {
  WEIRHOUSE_TRY(const auto pointer, FindPointer(call, ViewInPath(call), PointerKind::kView));
  WEIRHOUSE_TRY_STATUS(
      work::DropView(call.workspace, call.caller, pointer.name, MakeStoredReply(call, 204, "")));
  return Reply{NoContent()};
}

Result<Reply> RenameView(RestCall& call) { return Rename(call, PointerKind::kView); }
}  // namespace weirhouse::rest

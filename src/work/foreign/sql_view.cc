// Views of other engines: metadata files of their own, committed in the same transaction as tables.
#include <fmt/format.h>

#include <charconv>

#include "ground/base/failpoint.h"
#include "ground/base/request/json_depth.h"
#include "ground/iceberg/view/view_metadata.h"
#include "ground/iceberg/view/view_update_json.h"
#include "work/foreign/client_file.h"
#include "work/foreign/foreign_commit.h"
#include "work/foreign/foreign_location.h"
#include "work/foreign/foreign_name.h"
#include "work/foreign/foreign_publication.h"
#include "work/workspace/tables/live_file.h"

namespace weirhouse::work {
namespace {
using catalog::PointerKind;
using nlohmann::json;

constexpr std::int64_t kViewBytesMax = 64 << 20;

Status MalformedView(const std::string& path, std::string_view why) {
  return Status(Code::kInvalidInput, fmt::format("view metadata cannot be used: {}: {}", why, path))
      .WithError("WH7107");
}

Result<json> ParseView(const std::string& bytes, const std::string& path) {
  if (MeasureJsonDepth(bytes) > kSentDepthMax) return MalformedView(path, "it is nested too deep");
  json metadata = json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (metadata.is_discarded()) return MalformedView(path, "it is not JSON");
  const Status checked = iceberg::CheckViewMetadata(metadata);
  if (!checked.ok()) return MalformedView(path, checked.message());
  return metadata;
}

// Of a view that the catalog has: its file was well-formed when the view was made.
Result<json> ReadStoredView(Workspace& workspace, const std::string& path) {
  WEIRHOUSE_TRY(const std::string bytes, iceberg::ReadMetadata(workspace.store(), path));
  auto metadata = ParseView(bytes, path);
  if (metadata.ok()) return metadata;
  return Status(Code::kCorruption, metadata.status().message())
      .WithError("WH7050")
      .WithHint("put the file back from a copy; `wh verify --deep` names every file that changed");
}

Result<catalog::TablePointer> ViewPointer(Workspace& workspace, const Caller& caller,
                                          const std::string& name) {
  if (!policy::MayAct(caller.who, policy::Action::kRead, name).ok()) return NoSuchView(name);
  WEIRHOUSE_TRY(const auto pointer, workspace.catalog().FindTable(name));
  if (!pointer || pointer->kind != PointerKind::kView) return NoSuchView(name);
  return *pointer;
}

// Checks the view's location and `write.metadata.path` as a table's are. Returns the folders that
// it must have to itself.
Result<std::vector<std::string>> CheckPlaces(Workspace& workspace, const std::string& name,
                                             const json& metadata) {
  iceberg::TableMetadata view;
  view.name = name;
  view.location = metadata.at("location").get<std::string>();
  const auto properties = metadata.find("properties");
  if (properties != metadata.end()) {
    for (const auto& [key, value] : properties->items()) {
      view.properties[key] = value.get<std::string>();
    }
  }
  std::vector<std::string> places = PlacesOf(workspace, view);
  WEIRHOUSE_TRY(const auto others, OtherLocations(workspace, name, places));
  WEIRHOUSE_TRY_STATUS(policy::CheckLocations(WarehouseOf(workspace), view, others));
  return places;
}

// The number that the next metadata file's name begins with.
int NextVersion(std::string_view former) {
  const auto slash = former.rfind('/');
  const std::string_view file = slash == std::string_view::npos ? former : former.substr(slash + 1);
  int version = -1;
  std::from_chars(file.data(), file.data() + file.size(), version);
  return version < 0 || version > 99'998 ? 0 : version + 1;
}

std::string MetadataFolder(const json& metadata) {
  const auto properties = metadata.find("properties");
  if (properties != metadata.end() && properties->contains("write.metadata.path")) {
    return PlainLocation((*properties)["write.metadata.path"].get<std::string>());
  }
  return metadata.at("location").get<std::string>() + "/metadata";
}

// Writes the metadata of one view and moves its pointer. `former` is absent for a new view;
// `places` is empty if they stay the same.
Result<SqlView> PublishView(Workspace& workspace, const Caller& caller, const std::string& name,
                            const std::optional<catalog::TablePointer>& former, json metadata,
                            std::vector<std::string> places, const ViewReplyOf& reply) {
  ForeignPublication publication(workspace, caller, former ? "replace view" : "create view");
  SqlView view;
  view.metadata_location =
      fmt::format("{}/{:05}-{}.metadata.json", MetadataFolder(metadata),
                  former ? NextVersion(former->metadata_location) : 0, workspace.random().Uuid4());
  view.metadata = std::move(metadata);
  const std::string bytes = view.metadata.dump(-1, ' ', false, json::error_handler_t::replace);
  WEIRHOUSE_FAILPOINT("foreign.view.before_write");
  WEIRHOUSE_TRY_STATUS(workspace.store().Write(view.metadata_location, bytes));
  catalog::FileRecord file;
  file.path = view.metadata_location;
  file.table = name;
  file.kind = catalog::FileKind::kMetadata;
  file.size_bytes = static_cast<std::int64_t>(bytes.size());
  file.sha256 = Sha256Of(bytes);
  publication.AddOwnFiles({file});
  catalog::TableChange change;
  change.name = name;
  change.uuid = view.metadata.at("view-uuid").get<std::string>();
  if (former) change.expected_metadata_location = former->metadata_location;
  change.metadata_location = view.metadata_location;
  change.kind = PointerKind::kView;
  change.places = std::move(places);
  publication.request().tables.push_back(change);
  publication.Describe(name, change.expected_metadata_location,
                       {{"view", change.uuid}, {"metadata", view.metadata_location}});
  publication.Identify(view.metadata_location);
  if (reply) publication.request().reply = reply(view);
  WEIRHOUSE_TRY(const catalog::CommitAnswer committed, publication.Commit());
  if (committed.repeated) return LoadView(workspace, caller, name);
  return view;
}

Status ViewTakenMeanwhile(Workspace& workspace, const std::string& name, const Status& status) {
  if (!status.Is(catalog::kPointerMoved)) return status;
  WEIRHOUSE_TRY_STATUS(CheckNameFree(workspace, name, PointerKind::kView));
  return status;
}

Status CheckMayBeMade(Workspace& workspace, const Caller& caller, const std::string& name) {
  WEIRHOUSE_TRY_STATUS(CheckTableName(name));
  WEIRHOUSE_TRY_STATUS(policy::MayAct(caller.who, policy::Action::kCreateView, name));
  WEIRHOUSE_TRY_STATUS(CheckNamespaceExists(workspace, NamespaceOf(name)));
  return CheckNameFree(workspace, name, PointerKind::kView);
}

// One attempt, on the current state.
Result<SqlView> ReplaceOnce(Workspace& workspace, const Caller& caller, const std::string& name,
                            const ViewChange& change, const ViewReplyOf& reply) {
  WEIRHOUSE_TRY(const catalog::TablePointer pointer, ViewPointer(workspace, caller, name));
  WEIRHOUSE_TRY_STATUS(policy::MayAct(caller.who, policy::Action::kReplaceView, name));
  WEIRHOUSE_TRY(const json base, ReadStoredView(workspace, pointer.metadata_location));
  WEIRHOUSE_TRY_STATUS(iceberg::CheckViewRequirements(base, change.requirements));
  WEIRHOUSE_TRY(json next,
                iceberg::ApplyViewUpdates(base, change.updates, workspace.clock().Now()));
  if (next == base) {
    SqlView view{pointer.metadata_location, base};
    if (reply) workspace.catalog().KeepReply(reply(view)).Ignore("the first reply stays");
    return view;
  }
  next["location"] = PlainLocation(next.at("location").get<std::string>());
  std::vector<std::string> places;
  if (next.at("location") != base.at("location") || MetadataFolder(next) != MetadataFolder(base)) {
    WEIRHOUSE_TRY(places, CheckPlaces(workspace, name, next));
  }
  return PublishView(workspace, caller, name, pointer, std::move(next), std::move(places), reply);
}
}  // namespace

Result<SqlView> CreateView(Workspace& workspace, const Caller& caller, const std::string& name,
                           const iceberg::WantedView& wanted, const ViewReplyOf& reply) {
  WEIRHOUSE_TRY_STATUS(CheckMayBeMade(workspace, caller, name));
  const LakeUse lake;
  std::string location;
  if (wanted.location) {
    location = PlainLocation(*wanted.location);
  } else {
    WEIRHOUSE_TRY(location, NewLocation(workspace, name));
  }
  WEIRHOUSE_TRY(json metadata,
                iceberg::NewViewMetadata(wanted, location, workspace.random().Uuid4(),
                                         workspace.clock().Now()));
  WEIRHOUSE_TRY(std::vector<std::string> places, CheckPlaces(workspace, name, metadata));
  auto view = PublishView(workspace, caller, name, std::nullopt, std::move(metadata),
                          std::move(places), reply);
  if (!view.ok()) return ViewTakenMeanwhile(workspace, name, view.status());
  return view;
}

Result<SqlView> ReplaceView(Workspace& workspace, const Caller& caller, const std::string& name,
                            const ViewChange& change, const ViewReplyOf& reply) {
  const LakeUse lake;
  return WithRetries(catalog::kWhilePointersMove,
                     [&] { return ReplaceOnce(workspace, caller, name, change, reply); });
}

Result<SqlView> RegisterView(Workspace& workspace, const Caller& caller, const std::string& name,
                             const std::string& metadata_location, const ViewReplyOf& reply) {
  WEIRHOUSE_TRY_STATUS(CheckMayBeMade(workspace, caller, name));
  const std::string path = LocalPathOf(metadata_location);
  const LakeUse lake;
  WEIRHOUSE_TRY_STATUS(policy::CheckInside(WarehouseOf(workspace), path));
  const auto info = workspace.store().Stat(path);
  if (info.status().code() == Code::kNotFound) return MalformedView(path, "it does not exist");
  if (!info.ok()) return info.status();
  if (info->size_bytes > kViewBytesMax) return MalformedView(path, "it is larger than 64 MiB");
  WEIRHOUSE_TRY(const std::string bytes, workspace.store().Read(path));
  WEIRHOUSE_TRY(json metadata, ParseView(bytes, path));
  const std::string lies_in = LocationOfMetadata(path);
  if (!lies_in.empty() && lies_in != PlainLocation(metadata.at("location").get<std::string>())) {
    return MalformedView(path, "it lies in another view's folder");
  }
  WEIRHOUSE_TRY(const std::vector<std::string> places, CheckPlaces(workspace, name, metadata));
  SqlView view{path, std::move(metadata)};
  ForeignPublication publication(workspace, caller, "register view");
  catalog::TableChange change;
  change.name = name;
  change.uuid = view.metadata.at("view-uuid").get<std::string>();
  change.metadata_location = path;
  change.kind = PointerKind::kView;
  change.places = places;
  publication.request().tables.push_back(change);
  publication.Describe(name, std::nullopt, {{"view", change.uuid}, {"metadata", path}});
  publication.Identify(workspace.random().Uuid4());
  WEIRHOUSE_TRY(const catalog::FileRecord file,
                ClientFiles(workspace.store()).RecordOne(name, path, catalog::FileKind::kMetadata));
  publication.AddClientFiles({file});
  if (reply) publication.request().reply = reply(view);
  const auto committed = publication.Commit();
  if (!committed.ok()) return ViewTakenMeanwhile(workspace, name, committed.status());
  return view;
}

Result<SqlView> LoadView(Workspace& workspace, const Caller& caller, const std::string& name) {
  WEIRHOUSE_TRY(const catalog::TablePointer pointer, ViewPointer(workspace, caller, name));
  SqlView view;
  view.metadata_location = pointer.metadata_location;
  WEIRHOUSE_TRY(view.metadata, ReadStoredView(workspace, pointer.metadata_location));
  return view;
}

Status DropView(Workspace& workspace, const Caller& caller, const std::string& name,
                const std::optional<catalog::StoredReply>& reply) {
  WEIRHOUSE_TRY(const catalog::TablePointer pointer, ViewPointer(workspace, caller, name));
  WEIRHOUSE_TRY_STATUS(policy::MayAct(caller.who, policy::Action::kDropView, name));
  ForeignPublication publication(workspace, caller, "drop view");
  publication.request().layer = catalog::Layer::kMaintenance;
  publication.request().drops.push_back({name, pointer.metadata_location});
  publication.request().reply = reply;
  publication.Describe(name, pointer.metadata_location, {{"view", pointer.uuid}});
  publication.Identify(workspace.random().Uuid4());
  return publication.Commit().status();
}
}  // namespace weirhouse::work

#include "work/foreign/foreign_publication.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "work/project/event/event_type.h"

namespace weirhouse::work {
namespace {
constexpr std::size_t kRunNameBytesMax = 200;  // of a transaction over many tables

// A client that overwrites a file, or whose disk failed, is at fault, not our storage: the same
// commit would always fail, and only another file helps.
Status FaultOfClient(const Status& failed) {
  if (failed.Is(catalog::kOtherBytes)) {
    return Status(Code::kInvalidInput, failed.message())
        .WithError("WH7104")
        .WithHint("write new files under new names");
  }
  if (failed.Is(platform::kSyncFailedBefore)) {
    return Status(Code::kInvalidInput, "a file of the commit cannot be used: " + failed.message())
        .WithError("WH7104")
        .WithHint(failed.hint());
  }
  return failed;
}
}  // namespace

ForeignPublication::ForeignPublication(Workspace& workspace, const Caller& caller,
                                       std::string operation)
    : workspace_(workspace),
      caller_(caller),
      operation_(std::move(operation)),
      publication_(workspace, catalog::Layer::kOpen) {}

void ForeignPublication::Describe(const std::string& name, const std::optional<std::string>& base,
                                  nlohmann::json what) {
  described_[name] = std::move(what);
  bases_[name] = base ? nlohmann::json(*base) : nlohmann::json();
}

void ForeignPublication::PlanRun() {
  catalog::RunPlan plan;
  plan.kind = catalog::RunKind::kForeign;
  std::vector<std::string> names;
  for (const auto& [name, what] : described_.items()) names.push_back(name);
  plan.name = fmt::format("{}: {}", caller_.who.name, Join(names, ", "));
  if (plan.name.size() > kRunNameBytesMax) {
    plan.name = fmt::format("{}: {} tables", caller_.who.name, names.size());
  }
  plan.inputs = {{"tables", bases_}};
  plan.parameters = {{"operation", operation_},
                     {"principal", caller_.who.id},
                     {"who", caller_.who.name},
                     {"engine", caller_.engine},
                     {"remote", caller_.remote}};
  std::vector<std::string> pieces = {"foreign", caller_.who.id, operation_, bases_.dump()};
  pieces.insert(pieces.end(), identity_.begin(), identity_.end());
  plan.step_identity = Sha256OfPieces(pieces);
  std::vector<std::string> key = {"foreign", caller_.who.id};
  if (caller_.idempotency_key.empty()) {
    key.push_back(plan.step_identity.ToHex());
    key.push_back(workspace_.random().Uuid4());
  } else {
    key.push_back(caller_.idempotency_key);
    key.push_back(caller_.request_digest);
  }
  plan.idempotency_key = Sha256OfPieces(key).ToHex();
  nlohmann::json record = plan.parameters;
  record["kind"] = plan.kind;
  record["name"] = plan.name;
  record["step"] = plan.step_identity.ToHex();
  record["attempt"] = 1;
  record["tables"] = described_;
  request().lineage.Describe(catalog::ThisRun(), std::move(record));
  publication_.PlanAs(std::move(plan));
}

Result<catalog::CommitAnswer> ForeignPublication::Commit() {
  PlanRun();
  WEIRHOUSE_FAILPOINT("foreign.before_sync");
  Result<catalog::CommitAnswer> answer = publication_.Commit();
  if (!answer.ok()) return FaultOfClient(answer.status());
  WEIRHOUSE_FAILPOINT("foreign.after_commit");
  return answer;
}

catalog::OutboxEvent TableCommittedBy(const Caller& caller, const std::string& table,
                                      std::int64_t rows_added, const std::string& operation) {
  return MakeEvent(EventKind::kTableCommitted, table,
                   {{"table", table},
                    {"batch", ""},
                    {"rows_added", rows_added},
                    {"by", caller.who.name},
                    {"engine", caller.engine},
                    {"operation", operation}});
}
}  // namespace weirhouse::work

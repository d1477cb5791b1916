#include "work/foreign/foreign_publication.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/failpoint.h"
#include "ground/base/resource/memory_reserve.h"
#include "ground/base/text.h"
#include "work/project/event_type.h"

namespace weirhouse::work {
namespace {
constexpr std::size_t kRunNameBytesMax = 200;  // of a transaction over many tables

// Nothing was written, and nothing will be.
bool IsDefinite(const Status& status) {
  switch (status.code()) {
    case Code::kConflict:
    case Code::kInvalidInput:
    case Code::kNotFound:
    case Code::kPermissionDenied:
      return true;
    default:
      return status.error_code() == "WH7084";
  }
}
}  // namespace

ForeignPublication::ForeignPublication(Workspace& workspace, const Caller& caller,
                                       std::string operation)
    : workspace_(workspace), caller_(caller), operation_(std::move(operation)) {
  request_.layer = "open";
}

ForeignPublication::~ForeignPublication() {
  const UseMemoryReserve reserve;
  if (!keep_own_) RemoveOwnFiles();
}

void ForeignPublication::AddOwnFiles(const std::vector<catalog::FileRecord>& files) {
  for (const catalog::FileRecord& file : files) {
    own_.push_back(file.path);
    to_sync_.push_back(file.path);
    request_.files.push_back(file);
  }
}

void ForeignPublication::AddClientFiles(const std::vector<catalog::FileRecord>& files) {
  for (const catalog::FileRecord& file : files) {
    to_sync_.push_back(file.path);
    request_.files.push_back(file);
  }
}

void ForeignPublication::Describe(const std::string& name, const std::optional<std::string>& base,
                                  nlohmann::json what) {
  described_[name] = std::move(what);
  bases_[name] = base ? nlohmann::json(*base) : nlohmann::json();
}

void ForeignPublication::PlanRun() {
  catalog::RunPlan plan;
  plan.kind = "foreign";
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
  request_.nodes.push_back({"run", "", std::move(record)});
  request_.idempotency_key = plan.idempotency_key;
  request_.plan = std::move(plan);
}

Result<catalog::CommitAnswer> ForeignPublication::Commit() {
  PlanRun();
  WEIRHOUSE_FAILPOINT("foreign.before_sync");
  WEIRHOUSE_TRY_STATUS(MakeDurable());
  WEIRHOUSE_FAILPOINT("foreign.before_commit");
  auto answer = workspace_.catalog().Commit(request_);
  if (!answer.ok() && answer.status().error_code() == "WH7003") {
    keep_own_ = true;
    const auto outcome = workspace_.catalog().Outcome(request_.idempotency_key);
    if (outcome.ok() && *outcome) return **outcome;
    return answer;
  }
  if (!answer.ok() && answer.status().error_code() == "WH7087") {
    // Files are written once. A client that writes over one is at fault, not our storage.
    return Status(Code::kInvalidInput, answer.status().message())
        .WithError("WH7104")
        .WithHint("write new files under new names");
  }
  // Under a key that was answered before, what was staged now is named by no one.
  keep_own_ = answer.ok() ? !answer->repeated : !IsDefinite(answer.status());
  WEIRHOUSE_FAILPOINT("foreign.after_commit");
  return answer;
}

Status ForeignPublication::MakeDurable() {
  if (to_sync_.empty()) return Status();
  const Status synced = workspace_.store().Flush(to_sync_);
  if (synced.error_code() != "WH7034") return synced;
  // The same commit would fail for ever: another file is what helps.
  return Status(Code::kInvalidInput, "a file of the commit cannot be used: " + synced.message())
      .WithError("WH7104")
      .WithHint(synced.hint());
}

void ForeignPublication::RemoveOwnFiles() {
  for (const std::string& path : own_) {
    workspace_.store().Delete(path).Ignore("an orphan that the sweep finds");
  }
  own_.clear();
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

#include "api/iceberg/idempotency.h"

#include <fmt/format.h>

#include "ground/base/ascii.h"
#include "ground/base/digest.h"
#include "ground/base/text.h"

namespace weirhouse::rest {
namespace {
constexpr char kField[] = "idempotency-key";
constexpr std::string_view kLoad = "@load ";
constexpr std::size_t kUuidBytes = 36;

bool IsUuid7(std::string_view text) {
  if (text.size() != kUuidBytes) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (is_hyphen ? c != '-' : !is_hex) return false;
  }
  return text[14] == '7' && std::string_view("89abAB").find(text[19]) != std::string_view::npos;
}

std::string DigestOf(const Route& route, const http::HttpRequest& request) {
  Sha256 digest;
  digest.UpdateSized(route.operation);
  for (const auto* fields : {&request.parameters, &request.query}) {
    digest.UpdateInt(static_cast<std::int64_t>(fields->size()));
    for (const auto& [name, value] : *fields) {
      digest.UpdateSized(name);
      digest.UpdateSized(value);
    }
  }
  digest.UpdateSized(request.body);
  return digest.Finish().ToHex();
}

Result<http::HttpResponse> Rebuild(RestCall& call, const catalog::StoredReply& stored) {
  http::HttpResponse response;
  response.status = stored.status;
  if (!stored.body.starts_with(kLoad)) {
    response.body = stored.body;
    return response;
  }
  const std::size_t end = stored.body.find('\n');
  const std::string location = stored.body.substr(kLoad.size(), end - kLoad.size());
  const std::string name = stored.body.substr(end + 1);
  if (!location.empty()) {
    auto table = iceberg::LoadTable(call.workspace.store(), name, location);
    if (table.ok()) return LoadReply(**table, Snapshots::kAll);
  }
  // The file was removed, or the reply was for a staging area: a newer state is as good an answer.
  WEIRHOUSE_TRY(const iceberg::TablePtr table,
                work::LoadForeign(call.workspace, call.caller, name));
  WEIRHOUSE_TRY(const auto pointer, call.workspace.catalog().FindTable(name));
  return LoadReply(*table, Snapshots::kAll, pointer ? pointer->metadata_location : std::string());
}
}  // namespace

KeysAtWork::Hold::Hold(KeysAtWork& keys, std::string key) : keys_(keys), key_(std::move(key)) {
  if (key_.empty()) return;
  std::unique_lock lock(keys_.mutex_);
  keys_.freed_.wait(lock, [this] { return !keys_.held_.contains(key_); });
  keys_.held_.insert(key_);
}

KeysAtWork::Hold::~Hold() {
  if (key_.empty()) return;
  {
    const std::lock_guard lock(keys_.mutex_);
    keys_.held_.erase(key_);
  }
  keys_.freed_.notify_all();
}

Status ReadKey(const Route& route, RestCall& call) {
  const auto found = call.request.headers.find(kField);
  if (route.kind == Kind::kRead || found == call.request.headers.end()) return Status();
  std::string key = found->second;
  if (!IsUuid7(key)) {
    return Status(Code::kInvalidInput, "the idempotency key is not a UUID of version 7")
        .WithError("WH8091")
        .WithHint("36 characters, for example 017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  }
  key = LowerCase(key);
  call.caller.idempotency_key = fmt::format("{}:{}", call.who().id, key);
  call.caller.request_digest = DigestOf(route, call.request);
  call.reply_kept_until = call.workspace.clock().Now() + kReplyKept;
  return Status();
}

Result<std::optional<http::HttpResponse>> FindKept(RestCall& call) {
  if (call.caller.idempotency_key.empty()) return std::optional<http::HttpResponse>();
  WEIRHOUSE_TRY(const auto stored, call.workspace.catalog().FindReply(call.caller.idempotency_key));
  if (!stored) return std::optional<http::HttpResponse>();
  if (stored->request != call.caller.request_digest) {
    return Status(Code::kInvalidInput, "the idempotency key was used for another request")
        .WithError("WH8092")
        .WithHint("make a new key for each request; repeat one only with the same request");
  }
  WEIRHOUSE_TRY(http::HttpResponse response, Rebuild(call, *stored));
  return std::optional<http::HttpResponse>(std::move(response));
}

void Keep(RestCall& call, const Reply& reply) {
  auto stored = MakeStoredReply(call, reply.response.status,
                                reply.kept.empty() ? reply.response.body : reply.kept);
  if (!stored) return;
  const auto kept = call.workspace.catalog().FindReply(stored->key);
  if (kept.ok() && !*kept)
    call.workspace.catalog().KeepReply(*stored).Ignore(
        "the reply is correct even if it is not stored");
}

bool IsSettled(int status) {
  return status < 500 && status != 401 && status != 408 && status != 429;
}

std::optional<catalog::StoredReply> MakeStoredReply(const RestCall& call, int status,
                                                    std::string body) {
  if (call.caller.idempotency_key.empty()) return std::nullopt;
  catalog::StoredReply stored;
  stored.key = call.caller.idempotency_key;
  stored.request = call.caller.request_digest;
  stored.status = status;
  stored.body = std::move(body);
  stored.kept_until = call.reply_kept_until;
  return stored;
}

work::ReplyOf MakeStoredLoad(const RestCall& call) {
  if (call.caller.idempotency_key.empty()) return {};
  return [&call](const std::vector<iceberg::TablePtr>& tables) {
    WEIRHOUSE_CHECK(tables.size() == 1);
    return *MakeStoredReply(call, 200, KeptLoad(*tables.front()));
  };
}

std::string KeptLoad(const iceberg::TableMetadata& table) {
  return fmt::format("{}{}\n{}", kLoad, table.metadata_location, table.name);
}
}  // namespace weirhouse::rest

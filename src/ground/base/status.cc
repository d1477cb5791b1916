#include "ground/base/status.h"

#include <cstdio>
#include <cstdlib>

namespace weirhouse {
namespace {
const std::string kEmpty;
const std::optional<SourceSpan> kNoSpan;
const std::vector<Diagnostic> kNoDiagnostics;
}  // namespace

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kOk:
      return "ok";
    case Code::kInvalidInput:
      return "invalid input";
    case Code::kGateFailed:
      return "gate failed";
    case Code::kContractRefused:
      return "contract refused";
    case Code::kConflict:
      return "conflict";
    case Code::kNotFound:
      return "not found";
    case Code::kPermissionDenied:
      return "permission denied";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kCorruption:
      return "corruption";
    case Code::kInternal:
      return "internal error";
  }
  return "internal error";
}

int ExitCode(Code code) {
  switch (code) {
    case Code::kOk:
      return 0;
    case Code::kInternal:
      return 1;
    case Code::kInvalidInput:
      return 2;
    case Code::kGateFailed:
      return 3;
    case Code::kContractRefused:
      return 4;
    case Code::kConflict:
      return 5;
    case Code::kNotFound:
      return 6;
    case Code::kPermissionDenied:
      return 7;
    case Code::kUnavailable:
      return 8;
    case Code::kCorruption:
      return 11;  // 9 is a difference that was looked for, 10 changes of a plan
  }
  return 1;
}

Status::Status(Code code, std::string message) {
  WEIRHOUSE_CHECK(code != Code::kOk);
  payload_ = std::make_shared<Payload>();
  payload_->code = code;
  payload_->message = std::move(message);
}

const std::string& Status::message() const { return payload_ ? payload_->message : kEmpty; }
const std::string& Status::hint() const { return payload_ ? payload_->hint : kEmpty; }
const std::string& Status::error_code() const { return payload_ ? payload_->error_code : kEmpty; }
bool Status::Is(Reason reason) const { return !ok() && payload_->error_code == reason.code(); }
const std::optional<SourceSpan>& Status::span() const {
  return payload_ ? payload_->span : kNoSpan;
}
const std::vector<Diagnostic>& Status::diagnostics() const {
  return payload_ ? payload_->diagnostics : kNoDiagnostics;
}

// A copy may share the payload, so a builder first makes it its own.
Status::Payload& Status::Mutable() {
  WEIRHOUSE_CHECK(payload_ != nullptr);
  if (payload_.use_count() > 1) payload_ = std::make_shared<Payload>(*payload_);
  return *payload_;
}

Status&& Status::WithHint(std::string hint) && {
  Mutable().hint = std::move(hint);
  return std::move(*this);
}
Status&& Status::WithError(std::string error_code) && {
  Mutable().error_code = std::move(error_code);
  return std::move(*this);
}
Status&& Status::WithError(Reason reason) && {
  Mutable().error_code = std::string(reason.code());
  return std::move(*this);
}
Status&& Status::WithSpan(SourceSpan span) && {
  Mutable().span = std::move(span);
  return std::move(*this);
}
Status&& Status::WithDiagnostics(std::vector<Diagnostic> diagnostics) && {
  Mutable().diagnostics = std::move(diagnostics);
  return std::move(*this);
}
Status&& Status::WithContext(std::string_view context) && {
  Payload& payload = Mutable();
  payload.message = std::string(context) + ": " + payload.message;
  return std::move(*this);
}

std::string Status::ToString() const {
  if (ok()) return "ok";
  std::string text(CodeName(code()));
  if (!error_code().empty()) text += " [" + error_code() + "]";
  text += ": " + message();
  if (span()) {
    text += " at " + span()->path + ":" + std::to_string(span()->line) + ":" +
            std::to_string(span()->column);
  }
  for (const Diagnostic& diagnostic : diagnostics()) {
    text += "\n  " + diagnostic.error_code + ": " + diagnostic.message;
    if (diagnostic.span) {
      text += " at " + diagnostic.span->path + ":" + std::to_string(diagnostic.span->line) + ":" +
              std::to_string(diagnostic.span->column);
    }
  }
  if (!hint().empty()) text += " (" + hint() + ")";
  return text;
}

namespace internal {
void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "weirhouse: invariant broken: %s at %s:%d\n", condition, file, line);
  std::abort();
}
}  // namespace internal
}  // namespace weirhouse

#include "ground/base/finding/findings.h"

#include <utility>

namespace weirhouse {

Diagnostic ToDiagnostic(const Status& status) {
  Diagnostic diagnostic;
  diagnostic.error_code = status.error_code();
  diagnostic.message = status.message();
  diagnostic.span = status.span();
  diagnostic.hint = status.hint();
  return diagnostic;
}

void Findings::Add(const Status& status) {
  if (status.ok()) return;
  const std::vector<Diagnostic>& listed = status.diagnostics();
  if (listed.empty()) {
    diagnostics_.push_back(ToDiagnostic(status));
  } else {
    diagnostics_.insert(diagnostics_.end(), listed.begin(), listed.end());
  }
}

void Findings::Add(const SourceSpan& span, std::string_view code, std::string message,
                   std::string hint, std::string caret_note) {
  Diagnostic diagnostic;
  diagnostic.error_code = std::string(code);
  diagnostic.message = std::move(message);
  diagnostic.span = span;
  diagnostic.hint = std::move(hint);
  diagnostic.caret_note = std::move(caret_note);
  diagnostics_.push_back(std::move(diagnostic));
}

void Findings::AddAt(const SourceSpan& span, const Status& status) {
  Add(status.span().value_or(span), status.error_code(), status.message(), status.hint());
}

Status Findings::Finish() const {
  return diagnostics_.empty() ? Status() : Finish(diagnostics_.front().message);
}

Status Findings::Finish(std::string message) const {
  if (diagnostics_.empty()) return Status();
  const Diagnostic& first = diagnostics_.front();
  Status status(Code::kInvalidInput, std::move(message));
  if (first.span) status = std::move(status).WithSpan(*first.span);
  return std::move(status)
      .WithError(first.error_code)
      .WithHint(first.hint)
      .WithDiagnostics(diagnostics_);
}
}  // namespace weirhouse

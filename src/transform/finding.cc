#include "transform/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace weirhouse::transform {

Status StatusOfFindings(std::vector<Diagnostic> findings, const std::string& path) {
  WEIRHOUSE_CHECK(!findings.empty());
  const auto place = [](const Diagnostic& finding) {
    return finding.span ? std::tuple(finding.span->line, finding.span->column) : std::tuple(0, 0);
  };
  std::stable_sort(findings.begin(), findings.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return place(a) < place(b); });
  const Diagnostic first = findings.front();
  std::string message = first.message;
  if (findings.size() > 1) {
    message = fmt::format("{} errors in {}; the first: {}", findings.size(), path, first.message);
  }
  Status status = Status(Code::kInvalidInput, std::move(message)).WithError(first.error_code);
  if (!first.hint.empty()) status = std::move(status).WithHint(first.hint);
  if (first.span) status = std::move(status).WithSpan(*first.span);
  return std::move(status).WithDiagnostics(std::move(findings));
}
}  // namespace weirhouse::transform

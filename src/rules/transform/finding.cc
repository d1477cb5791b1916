#include "rules/transform/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>

namespace weirhouse::transform {

Status StatusOfFindings(std::vector<Diagnostic> findings, const std::string& path) {
  WEIRHOUSE_CHECK(!findings.empty());
  const auto place = [](const Diagnostic& finding) {
    const int line = finding.span ? finding.span->line : 0;
    const int column = finding.span ? finding.span->column : 0;
    return std::tuple<int, int, std::string_view, std::string_view>(
        line, column, finding.error_code, finding.message);
  };
  std::sort(findings.begin(), findings.end(),
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

// Findings about SQL files, collected and reported together.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::transform {

inline Diagnostic Finding(std::string code, SourceSpan span, std::string message,
                          std::string caret_note = {}, std::string hint = {}) {
  Diagnostic finding;
  finding.error_code = std::move(code);
  finding.message = std::move(message);
  finding.span = std::move(span);
  finding.caret_note = std::move(caret_note);
  finding.hint = std::move(hint);
  return finding;
}

// One status with all `findings` (at least one), sorted by place.
Status StatusOfFindings(std::vector<Diagnostic> findings, const std::string& path);
}  // namespace weirhouse::transform

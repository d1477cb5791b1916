// Collects all findings about a file that a person wrote, so that they are reported together.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse {

// The finding that a Status without diagnostics stands for.
Diagnostic ToDiagnostic(const Status& status);

// Findings in the order in which they were added. Threads: one.
class Findings {
 public:
  // Adds the diagnostics of `status`, or `status` itself if it has none; nothing if it is OK.
  void Add(const Status& status);
  void Add(const SourceSpan& span, std::string_view code, std::string message,
           std::string hint = "", std::string caret_note = "");
  // Adds a Status made elsewhere, at `span` unless it has a place of its own.
  void AddAt(const SourceSpan& span, const Status& status);

  bool empty() const { return diagnostics_.empty(); }
  const std::vector<Diagnostic>& all() const { return diagnostics_; }
  // OK if nothing was added. Otherwise kInvalidInput with the code, place and hint of the first
  // finding, and all findings as diagnostics. The message is that of the first finding, or
  // `message`.
  Status Finish() const;
  Status Finish(std::string message) const;

 private:
  std::vector<Diagnostic> diagnostics_;
};
}  // namespace weirhouse

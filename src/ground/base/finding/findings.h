// What is wrong with what a person wrote, gathered, so that all of it is told at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse {

// The one finding that a Status without a list of its own is.
Diagnostic DiagnosticOf(const Status& status);

// In the order they were added. Threads: one.
class Findings {
 public:
  // Takes over what `status` lists, or itself; nothing if it is OK.
  void Add(const Status& status);
  void Add(const SourceSpan& span, std::string_view code, std::string message,
           std::string hint = "", std::string caret_note = "");
  // Takes over a Status made elsewhere, placed at `span` unless it has a place.
  void AddAt(const SourceSpan& span, const Status& status);

  bool empty() const { return diagnostics_.empty(); }
  const std::vector<Diagnostic>& all() const { return diagnostics_; }
  // OK if nothing was added; else kInvalidInput with the code, place and hint of the first, and all
  // of them. The message is the first one's, or `message`.
  Status Finish() const;
  Status Finish(std::string message) const;

 private:
  std::vector<Diagnostic> diagnostics_;
};
}  // namespace weirhouse

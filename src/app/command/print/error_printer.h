// Errors as people read them: code, what, place with a caret, hint, note; or one JSON document.
//
//   error[WH2104]: unknown column "arr_dely"
//     --> processed/arrival.sql:3:97
//    3 | SELECT r.flight_id, r.arr_dely FROM records.arrival AS r
//      |                     ^^^^^^^^^^ not in contract arrival 1.0.0
//      = help: did you mean "arr_delay"?   = note: nothing was run; 1 error, 0 warnings
//
// Loads nothing: the thin executable links it too.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "ground/base/status.h"

namespace weirhouse::command {

inline constexpr std::size_t kDiagnosticsShownMax = 20;

struct ErrorStyle {
  bool color = false;
  int columns = 100;  // a source line is cut to this width around its caret
  // Whether it is true that nothing was run: said where files were at fault.
  bool nothing_was_run = false;
  // The text of a line of a file of the project, where the error does not bring it.
  std::function<std::optional<std::string>(const std::string& path, int line)> line_of{};
};

// Ends in a line feed. Control characters are escaped.
std::string FormatError(const Status& status, const ErrorStyle& style);
// {"schema_version":1,"error":{code,message,exit_code,hint,diagnostics:[…]}}, all diagnostics.
nlohmann::json ErrorAsJson(const Status& status);
}  // namespace weirhouse::command

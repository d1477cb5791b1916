// Errors as text for people (code, what, place with a caret, hint, note), or as one JSON document.
//
//   error[WH2104]: unknown column "arr_dely"
//     --> processed/arrival.sql:3:97
//    3 | SELECT r.flight_id, r.arr_dely FROM records.arrival AS r
//      |                     ^^^^^^^^^^ not in contract arrival 1.0.0
//      = help: did you mean "arr_delay"?
//      = note: nothing was run; 1 error, 0 warnings
//
// Links no Arrow, DuckDB or SQLite: the thin executable uses it too.
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
  // Whether nothing was run, which is then stated: true if project files were at fault.
  bool nothing_was_run = false;
  // The text of a line of a project file, if the error does not carry it.
  std::function<std::optional<std::string>(const std::string& path, int line)> line_of{};
};

// Ends in a line feed. Control characters are escaped.
std::string FormatError(const Status& status, const ErrorStyle& style);
// {"schema_version":1,"error":{code,message,exit_code,hint,diagnostics:[…]}}, all diagnostics.
nlohmann::json ErrorAsJson(const Status& status);
}  // namespace weirhouse::command

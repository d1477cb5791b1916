// PostgreSQL's errors as statuses.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::platform {

// What the server said of a statement.
struct PostgresError {
  std::string state;     // SQLSTATE, five characters; empty if no server answered
  std::string severity;  // ERROR, FATAL, PANIC
  std::string message;
};
// The server, or the way to it, is gone: nothing more can be asked on this connection.
bool EndsConnection(const PostgresError& error);
// `what` was attempted ("run \"SELECT …\""), `where` is the address as people see it. The
// transaction it was in is undone for certain.
Status StatusOfPostgres(const PostgresError& error, std::string_view what, std::string_view where);
// Why no connection came about, from libpq's text, which carries no SQLSTATE.
Status StatusOfConnecting(std::string_view message, std::string_view where);
// COMMIT, or a write outside of a transaction, was sent and no answer came.
Status OutcomeUnknown(std::string_view why, std::string_view what, std::string_view where);
}  // namespace weirhouse::platform

// PostgreSQL's errors as statuses.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse::platform {

// The server's error for one statement.
struct PostgresError {
  std::string state;     // SQLSTATE, five characters; empty if no server answered
  std::string severity;  // ERROR, FATAL, PANIC
  std::string message;
};
// Whether the connection is unusable after this error: the server or the network is gone.
bool EndsConnection(const PostgresError& error);
// `what` is the attempt ("run \"SELECT …\""), `where` the address as people see it. The transaction
// around it is certainly rolled back.
Status PostgresErrorToStatus(const PostgresError& error, std::string_view what,
                             std::string_view where);
// The status for a failed connection, from libpq's text, which has no SQLSTATE.
Status ConnectErrorToStatus(std::string_view message, std::string_view where);
// The status for a COMMIT, or a write outside a transaction, that was sent and never answered.
Status OutcomeUnknown(std::string_view why, std::string_view what, std::string_view where);
}  // namespace weirhouse::platform

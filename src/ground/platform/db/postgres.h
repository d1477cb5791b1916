// PostgreSQL over libpq. Only ground/catalog uses it; everyone else uses the catalog.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/platform/db/database.h"

namespace weirhouse::platform {

// The place of a catalog: one schema of one database of one server. Several projects share a
// database by having a schema each.
struct PostgresAddress {
  std::string url;     // for the server: without `schema=`; may hold a password, so never shown
  std::string schema;  // at most 63 bytes
  std::string shown;   // "postgresql://host:5432/lake?schema=flights", for people
};
// Reads "postgresql://user:password@host:port/database?option=value…" with libpq's options and one
// of ours, `schema=NAME` (default: `default_schema`). kInvalidInput (WH7044) without the text,
// which may hold a password.
Result<PostgresAddress> ParsePostgresUrl(std::string_view url, std::string_view default_schema);

// A connection whose search path is the schema.
//
// Begin takes an advisory lock of the schema until the transaction ends, whichever connection
// opened it, so writers run one after the other. The server ends a writer whose client is silent
// for 20 s. When Commit returns, the server has flushed to its disk (a session turns
// synchronous_commit on if the server has it off). Text is kept byte for byte, as SQLite keeps it:
// what PostgreSQL cannot hold (NUL, invalid UTF-8) is stored as private-use characters. The server
// must be version 13 or newer and the database's encoding UTF8 (WH7045). A pooler in between must
// pool sessions, not transactions.
class Postgres : public Database {
 public:
  // Creates the schema if it does not exist; with `read_only` a missing schema is kNotFound
  // (WH7012).
  //   kUnavailable       WH7040 the server does not answer, or has no free connection
  //   kPermissionDenied  WH7043 the server refuses the user, or the right to create the schema
  static Result<std::unique_ptr<Database>> Open(const PostgresAddress& address, bool read_only);
  Dialect dialect() const override { return Dialect::kPostgres; }
};
}  // namespace weirhouse::platform

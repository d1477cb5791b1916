// PostgreSQL over libpq, wrapped once. For ground/catalog only: everyone else goes through the catalog.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/platform/db/database.h"

namespace weirhouse::platform {

// Where a catalog lies: one schema of one database of one server. Several projects share a database
// by having a schema each.
struct PostgresAddress {
  std::string url;     // for the server: without `schema=`; may hold a password, so never shown
  std::string schema;  // at most 63 bytes
  std::string shown;   // "postgresql://host:5432/lake?schema=flights", for people
};
// Reads "postgresql://user:password@host:port/database?option=value…" with libpq's options and one
// of ours, `schema=NAME` (default: `default_schema`). kInvalidInput (WH7044) without the text,
// which may hold a password.
Result<PostgresAddress> ParsePostgresUrl(std::string_view url, std::string_view default_schema);

// A connection whose names are those of the schema.
//
// Begin takes an advisory lock of the schema until the transaction ends, whoever opened it, so that
// writers come one after the other; a writer whose client went silent is ended by the server after
// 20 s. Commit has flushed to the server's disk when it answers (a session of a server that is set
// to synchronous_commit=off turns it on for itself). Text is kept byte for byte, as SQLite keeps
// it: what PostgreSQL cannot hold (NUL, bytes that are no UTF-8) is stored as private-use
// characters. The server must be version 13 or newer and the database's encoding UTF8 (WH7045). A
// pooler in between must pool sessions, not transactions.
class Postgres : public Database {
 public:
  // Makes the schema unless `read_only`, which is kNotFound (WH7012) if there is none.
  //   kUnavailable       WH7040 the server does not answer, or has no connection left
  //   kPermissionDenied  WH7043 it refuses the user, or the right to make the schema
  static Result<std::unique_ptr<Database>> Open(const PostgresAddress& address, bool read_only);
  Dialect dialect() const override { return Dialect::kPostgres; }
};
}  // namespace weirhouse::platform

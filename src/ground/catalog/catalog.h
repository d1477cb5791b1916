// The one transactional database: pointers, lineage, verdicts, metrics, offsets, answers and outbox
// of a run, all in one transaction. On SQLite or PostgreSQL, under one conformance suite.
#pragma once

#include <memory>
#include <string>

#include "ground/base/random.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/commit.h"
#include "ground/catalog/ledger.h"
#include "ground/catalog/lineage_store.h"
#include "ground/catalog/outbox.h"
#include "ground/catalog/run_log.h"
#include "ground/catalog/settings.h"
#include "ground/catalog/table_catalog.h"

namespace weirhouse::catalog {

// One object that is all of its parts, each of which says what it does. A function takes the part that
// it needs.
//
// Threads: any; writes are serialized inside. All reads see one committed state each.
class Catalog : public CommitLog,
                public RunLog,
                public TableCatalog,
                public Ledger,
                public LineageStore,
                public Outbox,
                public SettingStore {
 public:
  // Where it lies, for people: a path, or a server's address without the password.
  virtual std::string place() const = 0;
};

struct CatalogOptions {
  bool read_only = false;
  bool create = true;  // false: kNotFound (WH7012) where there is none
  // From now on this one writes, alone: what an earlier claimant still tries to write is refused
  // (kUnavailable WH7100), whatever it believes to hold.
  bool claim = false;
  Clock* clock = nullptr;    // null = SystemClock()
  Random* random = nullptr;  // null = SystemRandom(); makes the project's id at creation
};
// Opens (or creates, with all migrations) the catalog in the SQLite file `path`. Reads use a
// second, read-only connection in WAL mode. The views `iceberg_tables` and
// `iceberg_namespace_properties` let pyiceberg's SqlCatalog (catalog name "weirhouse") read; it
// cannot write.
Result<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& path,
                                                   const CatalogOptions& options = {});
// The same on a PostgreSQL server, in the schema that `url` names (`?schema=…`), or else
// `default_schema`. Writers of one schema come one after the other, whichever machine they are on;
// connections that ended are opened anew. `url` may hold a password, which no message repeats.
//   kInvalidInput  WH7044 the URL cannot be read, WH7045 the server cannot be used
//   kUnavailable   WH7040 the server does not answer
Result<std::unique_ptr<Catalog>> OpenPostgresCatalog(const std::string& url,
                                                     const std::string& default_schema,
                                                     const CatalogOptions& options = {});
}  // namespace weirhouse::catalog

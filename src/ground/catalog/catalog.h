// The one transactional database of a project. A run commits its table pointers, lineage, verdicts,
// metrics, offsets, replies and outbox events in one transaction. Drivers: SQLite and PostgreSQL,
// under one conformance suite (conformance.h).
#pragma once

#include <memory>
#include <string>

#include "ground/base/random.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/base/writers/retry.h"
#include "ground/catalog/commit.h"
#include "ground/catalog/ledger.h"
#include "ground/catalog/lineage_store.h"
#include "ground/catalog/outbox.h"
#include "ground/catalog/run_log.h"
#include "ground/catalog/settings.h"
#include "ground/catalog/table_catalog.h"

namespace weirhouse::catalog {

// Reasons for which a commit is refused and on which callers act; kOutcomeUnknown (base/status.h)
// is another.
inline constexpr Reason kPointerMoved{"WH7002"};    // another writer won
inline constexpr Reason kNothingWritten{"WH7084"};  // the commit failed and did not take place
// a file of the same path was committed with other bytes
inline constexpr Reason kOtherBytes{"WH7087"};
// the namespace, or the parent of a new one, does not exist
inline constexpr Reason kNoNamespace{"WH7096"};
inline constexpr Reason kNamespaceExists{"WH7097"};
inline constexpr Reason kNamespaceNotEmpty{"WH7098"};
inline constexpr Reason kWriterReplaced{"WH7100"};  // another process has claimed the project
// the catalog's file was moved or replaced while it was open
inline constexpr Reason kCatalogMoved{"WH7069"};

// For changes that other engines request: retried while another writer moves the same pointers,
// since the requirements may hold of the new state too. Other conflicts are returned to the client.
// (Apache Iceberg's REST catalog server retries too; a round here takes a few milliseconds.)
inline constexpr RetryPolicy kWhilePointersMove{
    8, [](const Status& outcome) { return outcome.Is(kPointerMoved); }};

// The catalog, composed of its parts; each part is documented in its own header. Functions take
// only the part that they need.
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
  // The catalog's place, for display: a path, or a server's address without the password.
  virtual std::string place() const = 0;
};

struct CatalogOptions {
  bool read_only = false;
  bool create = true;  // false: kNotFound (WH7012) if there is no catalog
  // This catalog becomes the only writer: writes of an earlier claimant are refused from now on
  // (kUnavailable WH7100).
  bool claim = false;
  Clock* clock = nullptr;    // null = SystemClock()
  Random* random = nullptr;  // null = SystemRandom(); makes the project's id at creation
};
// Opens the catalog in the SQLite file `path`, or creates it, and runs the migrations that are
// missing. Reads use separate read-only connections in WAL mode. The views `iceberg_tables` and
// `iceberg_namespace_properties` let pyiceberg's SqlCatalog (catalog name "weirhouse") read tables;
// it cannot write.
Result<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& path,
                                                   const CatalogOptions& options = {});
// As OpenSqliteCatalog, on a PostgreSQL server, in the schema that `url` names (`?schema=…`), or
// else `default_schema`. Writers of one schema run one after the other, on whichever machine; lost
// connections are reopened. `url` may hold a password, which no message repeats.
//   kInvalidInput  WH7044 the URL cannot be read, WH7045 the server cannot be used
//   kUnavailable   WH7040 the server does not answer
Result<std::unique_ptr<Catalog>> OpenPostgresCatalog(const std::string& url,
                                                     const std::string& default_schema,
                                                     const CatalogOptions& options = {});
}  // namespace weirhouse::catalog

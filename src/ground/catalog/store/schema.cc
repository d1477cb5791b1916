#include "ground/catalog/store/schema.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "ground/catalog/store/dialect.h"
#include "ground/catalog/store/place_fill.h"
#include "ground/catalog/store/tally.h"

namespace weirhouse::catalog {
namespace {
// Times are microseconds since 1970 UTC, digests 64 hexadecimal digits, `seq` a commit sequence.
// Only SQL that PostgreSQL accepts too, apart from what dialect.h translates.
constexpr std::string_view kProgress = R"sql(
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE counter (name TEXT PRIMARY KEY, next BIGINT NOT NULL) WITHOUT ROWID;
INSERT INTO counter (name, next) VALUES ('record', 1);

CREATE TABLE run (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  step_identity TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  inputs TEXT NOT NULL,
  parameters TEXT NOT NULL,
  record_ids_wanted BIGINT NOT NULL,
  first_record_id BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('planned', 'committed', 'halted', 'discarded', 'failed')),
  attempt INTEGER NOT NULL,
  planned_at BIGINT NOT NULL,
  finished_at BIGINT,
  seq BIGINT,
  error TEXT
);
CREATE UNIQUE INDEX run_step ON run (kind, step_identity);
CREATE INDEX run_by_state ON run (state, id);
CREATE INDEX run_by_name ON run (kind, name, id);

-- record: canonical JSON of the commit; chain: h_n over it (CommitEntry::chain).
CREATE TABLE commit_log (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  run BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('committed', 'halted')),
  layer TEXT NOT NULL,
  batch TEXT NOT NULL,
  committed_at BIGINT NOT NULL,
  batch_end BIGINT,
  record TEXT NOT NULL,
  chain TEXT NOT NULL
);
CREATE INDEX commit_by_batch_end ON commit_log (state, batch_end);

CREATE TABLE answer (
  idempotency_key TEXT PRIMARY KEY,
  content TEXT NOT NULL,
  seq BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE consumer_offset (
  consumer TEXT PRIMARY KEY,
  position BIGINT NOT NULL,
  generation BIGINT NOT NULL,
  seq BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  data TEXT NOT NULL,
  seq BIGINT NOT NULL,
  attempts INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'dead'))
);
CREATE INDEX outbox_pending ON outbox (id) WHERE state = 'pending';
CREATE INDEX outbox_by_seq ON outbox (seq);
)sql";

constexpr std::string_view kTables = R"sql(
CREATE TABLE table_pointer (
  name TEXT PRIMARY KEY,
  namespace TEXT NOT NULL,
  short_name TEXT NOT NULL,
  uuid TEXT NOT NULL,
  metadata_location TEXT NOT NULL,
  previous_metadata_location TEXT,
  seq BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE snapshot (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  table_name TEXT NOT NULL,
  snapshot_id BIGINT NOT NULL,
  sequence_number BIGINT NOT NULL,
  ref TEXT NOT NULL,
  operation TEXT NOT NULL,
  added_rows BIGINT NOT NULL,
  deleted_rows BIGINT NOT NULL,
  total_rows BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  run BIGINT NOT NULL
);
CREATE INDEX snapshot_as_of ON snapshot (table_name, ref, seq, id);
CREATE INDEX snapshot_by_sequence ON snapshot (table_name, ref, sequence_number);
CREATE INDEX snapshot_by_seq ON snapshot (seq);

CREATE TABLE file (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  path TEXT NOT NULL,
  table_name TEXT NOT NULL,
  kind TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  seq BIGINT NOT NULL,
  run BIGINT NOT NULL
);
CREATE UNIQUE INDEX file_path ON file (path);
CREATE INDEX file_by_table ON file (table_name, id);
CREATE INDEX file_by_seq ON file (seq);

CREATE TABLE object (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  record_count BIGINT NOT NULL,
  first_record_id BIGINT NOT NULL,
  path TEXT NOT NULL,
  batch TEXT NOT NULL,
  contract_version TEXT NOT NULL,
  sender TEXT NOT NULL,
  arrived_at BIGINT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  seq BIGINT NOT NULL
);
CREATE UNIQUE INDEX object_arrival ON object (source, name, digest) WHERE state <> 'duplicate';
CREATE INDEX object_by_record ON object (first_record_id, id);
CREATE INDEX object_by_batch ON object (batch, id);
CREATE INDEX object_by_seq ON object (seq);

CREATE TABLE parse_attempt (
  source TEXT NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  PRIMARY KEY (source, name, digest)
) WITHOUT ROWID;

CREATE TABLE landing (
  path TEXT PRIMARY KEY,
  size_bytes BIGINT NOT NULL,
  mtime_us BIGINT NOT NULL,
  inode BIGINT NOT NULL,
  source TEXT NOT NULL,
  digest TEXT NOT NULL,
  state TEXT NOT NULL,
  seq BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX landing_by_source ON landing (source, path);

-- What pyiceberg's SqlCatalog and Java's JdbcCatalog read. Views, so that a client that knows no
-- policy cannot write here.
CREATE VIEW iceberg_tables AS
  SELECT 'weirhouse' AS catalog_name, namespace AS table_namespace, short_name AS table_name,
         metadata_location, previous_metadata_location, 'TABLE' AS iceberg_type
  FROM table_pointer;
CREATE VIEW iceberg_namespace_properties AS
  SELECT DISTINCT 'weirhouse' AS catalog_name, namespace, 'exists' AS property_key,
         'true' AS property_value
  FROM table_pointer;
)sql";

constexpr std::string_view kJudgementAndLineage = R"sql(
CREATE TABLE verdict (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  gate TEXT NOT NULL,
  table_name TEXT NOT NULL,
  state TEXT NOT NULL,
  batch TEXT NOT NULL,
  batch_end BIGINT NOT NULL,
  checks TEXT NOT NULL,
  override_reason TEXT NOT NULL,
  override_by TEXT NOT NULL,
  run BIGINT NOT NULL,
  seq BIGINT NOT NULL
);
CREATE INDEX verdict_by_gate ON verdict (gate, id);
CREATE INDEX verdict_by_run ON verdict (run, id);
CREATE INDEX verdict_by_seq ON verdict (seq);

CREATE TABLE metric (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  table_name TEXT NOT NULL,
  name TEXT NOT NULL,
  batch TEXT NOT NULL,
  batch_end BIGINT NOT NULL,
  in_baseline INTEGER NOT NULL,
  value TEXT NOT NULL,
  run BIGINT NOT NULL,
  seq BIGINT NOT NULL
);
CREATE INDEX metric_window ON metric (table_name, name, batch_end, id);
CREATE INDEX metric_by_seq ON metric (seq);

CREATE TABLE record_state (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  table_name TEXT NOT NULL,
  state TEXT NOT NULL,
  count BIGINT NOT NULL,
  run BIGINT NOT NULL,
  seq BIGINT NOT NULL
);
CREATE INDEX record_state_by_seq ON record_state (seq);

CREATE TABLE node (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  record TEXT NOT NULL,
  seq BIGINT NOT NULL
);
CREATE UNIQUE INDEX node_key ON node (kind, key);
CREATE INDEX node_by_seq ON node (seq);

-- In commit order, with two covering indices: one for each direction of a walk.
CREATE TABLE edge (
  seq BIGINT NOT NULL,
  src BIGINT NOT NULL,
  dst BIGINT NOT NULL,
  kind TEXT NOT NULL,
  run BIGINT NOT NULL,
  PRIMARY KEY (seq, src, dst, kind)
) WITHOUT ROWID;
CREATE INDEX edge_out ON edge (src, dst, kind, seq, run);
CREATE INDEX edge_in ON edge (dst, src, kind, seq, run);

CREATE TABLE prediction (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL,
  model TEXT NOT NULL,
  at BIGINT NOT NULL,
  request TEXT NOT NULL,
  vector TEXT NOT NULL,
  vector_digest TEXT NOT NULL,
  output TEXT NOT NULL,
  features_seq BIGINT NOT NULL,
  seq BIGINT NOT NULL
);
CREATE UNIQUE INDEX prediction_id ON prediction (id);
CREATE INDEX prediction_by_seq ON prediction (seq);
)sql";

// table_span: under which names the rows of a table were recorded, for tables that were renamed, or
// that took the name of a dropped one; see span.h. `seq` of a namespace: 0 = from the beginning.
constexpr std::string_view kNames = R"sql(
DROP VIEW iceberg_tables;
DROP VIEW iceberg_namespace_properties;

ALTER TABLE table_pointer ADD COLUMN kind TEXT NOT NULL DEFAULT 'table';
CREATE INDEX table_pointer_listing ON table_pointer (namespace, kind, name);

INSERT INTO counter (name, next) SELECT 'commit', coalesce(max(seq), 0) + 1 FROM commit_log;

CREATE TABLE table_span (
  name TEXT NOT NULL,
  number INTEGER NOT NULL,
  recorded_as TEXT NOT NULL,
  after_seq BIGINT NOT NULL,
  until_seq BIGINT NOT NULL,
  PRIMARY KEY (name, number)
);

CREATE TABLE namespace (name TEXT PRIMARY KEY, seq BIGINT NOT NULL);
INSERT INTO namespace (name, seq) VALUES ('raw', 0), ('processed', 0), ('feature', 0),
  ('quarantine', 0), ('system', 0), ('training_set', 0);
CREATE TABLE namespace_property (
  namespace TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (namespace, key)
);

CREATE TABLE reply (
  key TEXT PRIMARY KEY,
  request TEXT NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  kept_until BIGINT NOT NULL
);
CREATE INDEX reply_by_end ON reply (kept_until);

-- DISTINCT, so that PostgreSQL takes no writes through it either.
CREATE VIEW iceberg_tables AS
  SELECT DISTINCT 'weirhouse' AS catalog_name, namespace AS table_namespace, short_name AS table_name,
         metadata_location, previous_metadata_location,
         CASE kind WHEN 'view' THEN 'VIEW' ELSE 'TABLE' END AS iceberg_type
  FROM table_pointer;
CREATE VIEW iceberg_namespace_properties AS
  SELECT 'weirhouse' AS catalog_name, name AS namespace, 'exists' AS property_key,
         'true' AS property_value
  FROM namespace
  UNION
  SELECT 'weirhouse' AS catalog_name, namespace, 'exists' AS property_key, 'true' AS property_value
  FROM table_pointer
  UNION ALL
  SELECT 'weirhouse' AS catalog_name, namespace, key AS property_key, value AS property_value
  FROM namespace_property WHERE key <> 'exists';
)sql";

// Files that a commit released; `removed` 1 = deleted from the disk.
constexpr std::string_view kReleased = R"sql(
CREATE TABLE released_file (
  path TEXT PRIMARY KEY,
  seq BIGINT NOT NULL,
  removed INTEGER NOT NULL
);
CREATE INDEX released_waiting ON released_file (seq) WHERE removed = 0;
)sql";

// 0: the file was recorded before its change time was kept.
constexpr std::string_view kLandingTimes = R"sql(
ALTER TABLE landing ADD COLUMN ctime_us BIGINT NOT NULL DEFAULT 0;
)sql";

// Attempts used to count every try of an object's batch; now they count those that ended the
// process while the object itself was parsed. An object above the limit of three was quarantined
// whole and stays so until it is retried explicitly.
constexpr std::string_view kAttempts = R"sql(
DELETE FROM parse_attempt WHERE attempts <= 3;
)sql";

// Checksums of every table, so that changes from outside are detected: see tally.h.
constexpr std::string_view kTallies = R"sql(
CREATE TABLE tally (
  table_name TEXT PRIMARY KEY,
  row_count BIGINT NOT NULL,
  digest TEXT NOT NULL,
  seq BIGINT NOT NULL
) WITHOUT ROWID;
)sql";

// Totals, and indexes for frequent queries, so that neither costs more as the history grows: see
// totals.cc.
constexpr std::string_view kTotals = R"sql(
INSERT INTO counter (name, next) SELECT 'runs', count(*) FROM run;
INSERT INTO counter (name, next) SELECT 'objects', count(*) FROM object;
INSERT INTO counter (name, next) SELECT 'events', count(*) FROM outbox;
INSERT INTO counter (name, next)
  SELECT 'object_records', CAST(coalesce(sum(record_count), 0) AS BIGINT) FROM object;
CREATE TABLE record_total (
  source TEXT NOT NULL,
  table_name TEXT NOT NULL,
  state TEXT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (source, table_name, state)
) WITHOUT ROWID;
INSERT INTO record_total (source, table_name, state, count)
  SELECT r.source, r.table_name, r.state, CAST(sum(r.count) AS BIGINT)
  FROM record_state r JOIN commit_log c ON c.seq = r.seq
  WHERE c.state = 'committed' GROUP BY r.source, r.table_name, r.state;
CREATE INDEX commit_by_layer ON commit_log (layer, state, seq);
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 'dead';
CREATE INDEX object_refused ON object (id) WHERE state = 'quarantined';
CREATE INDEX object_attempted ON object (attempts) WHERE attempts > 0;
)sql";

// The deliveries owed to targets. The counter `outbox` is the first event that is not routed yet.
constexpr std::string_view kDeliveries = R"sql(
CREATE TABLE delivery (
  event BIGINT NOT NULL,
  target TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'given_up', 'dropped')),
  tries INTEGER NOT NULL,
  next_try BIGINT NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (event, target)
);
CREATE INDEX delivery_pending ON delivery (target, event) WHERE state = 'pending';
CREATE INDEX delivery_given_up ON delivery (target, event) WHERE state = 'given_up';
INSERT INTO counter (name, next) SELECT 'outbox', coalesce(min(CASE state WHEN 'pending' THEN id END),
  max(id) + 1, 1) FROM outbox;
)sql";

// Marks released files in their own rows, so that those in use are found without scanning all that
// ever existed.
constexpr std::string_view kHeldFiles = R"sql(
ALTER TABLE file ADD COLUMN released INTEGER NOT NULL DEFAULT 0;
UPDATE file SET released = 1 WHERE path IN (SELECT path FROM released_file);
DROP INDEX file_by_table;
CREATE INDEX file_held ON file (table_name, id) WHERE released = 0;
)sql";

// The folders that belong to one table alone; see place.cc. `place` '' = unknown. `kept_until` 0 =
// of an existing table; else the time until which the folder of a dropped table stays reserved.
constexpr std::string_view kPlaces = R"sql(
CREATE TABLE table_place (
  place TEXT NOT NULL,
  table_name TEXT NOT NULL,
  kept_until BIGINT NOT NULL,
  PRIMARY KEY (place, table_name, kept_until)
) WITHOUT ROWID;
CREATE INDEX table_place_by_name ON table_place (table_name, place);
CREATE INDEX table_place_kept ON table_place (kept_until) WHERE kept_until > 0;
)sql";

constexpr int kPlacesVersion = 12;

constexpr std::array<Migration, 12> kMigrations{{
    {1, "runs, commits, offsets, outbox", kProgress},
    {2, "tables, objects", kTables},
    {3, "judgement, lineage, predictions", kJudgementAndLineage},
    {4, "names: views, renames, namespaces; replies", kNames},
    {5, "released files", kReleased},
    {6, "change times of landed files", kLandingTimes},
    {7, "parse attempts of the object alone", kAttempts},
    {8, "tallies of rows", kTallies},
    {9, "totals", kTotals},
    {10, "deliveries", kDeliveries},
    {11, "files still in the books", kHeldFiles},
    {kPlacesVersion, "places of tables", kPlaces},
}};

Status VersionMismatch(int found) {
  const int newest = kMigrations.back().version;
  if (found > newest) {
    return Status(Code::kInvalidInput,
                  fmt::format("the catalog was written by a newer program: its version is {}, this "
                              "program supports up to {}",
                              found, newest))
        .WithError("WH7083")
        .WithHint("use the version of the program that wrote it, or a newer one");
  }
  return Status(
             Code::kInvalidInput,
             fmt::format(
                 "the catalog is older than this program: its version is {}, this program needs {}",
                 found, newest))
      .WithError("WH7083")
      .WithHint("run any writing command: it brings the catalog up to date");
}

Status Apply(platform::Database& db, const Migration& migration, ProcessTime now, Random& random) {
  WEIRHOUSE_TRY_STATUS(db.Script(MigrationFor(db.dialect(), migration.sql)));
  if (migration.version == 1) {
    const std::string project = nlohmann::json(random.Uuid4()).dump();
    WEIRHOUSE_TRY_STATUS(
        db.Run("INSERT INTO setting (key, value) VALUES ('project_id', ?)", {project}));
  }
  if (migration.version == kPlacesVersion) WEIRHOUSE_TRY_STATUS(FillPlaces(db));
  return db.Run("INSERT INTO migration (version, name, applied_at) VALUES (?, ?, ?)",
                {std::int64_t{migration.version}, std::string(migration.name), Micros(now)});
}

// A migration writes outside the tallies, so they are recomputed with it.
Status ApplyAndCount(platform::Database& db, const Migration& migration, ProcessTime now,
                     Random& random) {
  WEIRHOUSE_TRY(const auto drift, TallyDrift(db));
  WEIRHOUSE_TRY_STATUS(Apply(db, migration, now, random));
  return RetakeTallies(db, drift);
}
}  // namespace

std::span<const Migration> Migrations() { return kMigrations; }

Result<int> SchemaVersion(platform::Database& db) {
  WEIRHOUSE_TRY(const bool there, db.HasTable("migration"));
  if (!there) return 0;
  int version = 0;
  WEIRHOUSE_TRY_STATUS(
      db.Each("SELECT max(version) FROM migration", {}, [&](const platform::DatabaseRow& row) {
        version = static_cast<int>(row.Int(0));
        return Status::Ok();
      }));
  return version;
}

Status Migrate(platform::Database& db, ProcessTime now, Random& random) {
  WEIRHOUSE_TRY(const int before, SchemaVersion(db));
  if (before > kMigrations.back().version) return VersionMismatch(before);
  for (const Migration& migration : kMigrations) {
    if (migration.version <= before) continue;
    WEIRHOUSE_TRY_STATUS(db.Begin());
    Status status = Status::Ok();
    // Read under the write lock, because another process may have migrated first.
    auto version = SchemaVersion(db);
    if (!version.ok()) {
      status = version.status();
    } else if (*version < migration.version) {
      if (*version == 0) {
        status = db.Script(
            "CREATE TABLE migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, "
            "applied_at BIGINT NOT NULL)");
      }
      if (status.ok()) status = ApplyAndCount(db, migration, now, random);
    }
    if (status.ok()) status = db.Commit();
    if (!status.ok()) {
      db.Rollback();
      return std::move(status).WithContext(
          fmt::format("could not bring the catalog to version {}", migration.version));
    }
  }
  return Status::Ok();
}

Status CheckVersion(platform::Database& db) {
  WEIRHOUSE_TRY(const int version, SchemaVersion(db));
  if (version != kMigrations.back().version) return VersionMismatch(version);
  return Status::Ok();
}
}  // namespace weirhouse::catalog

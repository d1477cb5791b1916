#include "ground/catalog/store/index_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/text.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;

constexpr int kFaultsShown = 5;

Status Damaged(std::string_view what, std::string_view reindex) {
  return Status(
             Code::kCorruption,
             fmt::format("an index of the catalog's database does not match its table: {}", what))
      .WithError("WH7009")
      .WithHint(fmt::format("nothing was changed; stop all writers, keep a copy, rebuild the "
                            "indexes: {}; then run `wh verify --deep`",
                            reindex));
}

// ---- SQLite
Status CheckSqlite(Database& db) {
  std::vector<std::string> faults;
  WEIRHOUSE_TRY_STATUS(db.Each(fmt::format("PRAGMA integrity_check({})", kFaultsShown), {},
                               [&](const DatabaseRow& row) {
                                 if (row.Text(0) != "ok") faults.push_back(row.Text(0));
                                 return Status::Ok();
                               }));
  if (faults.empty()) return Status::Ok();
  return Damaged(Join(faults, "; "), "`sqlite3 .weirhouse/catalog.db REINDEX`");
}

// ---- PostgreSQL
Status DamagedOnServer(Database& db, const std::string& what) {
  std::string schema = "name";
  WEIRHOUSE_TRY_STATUS(
      db.Each("SELECT quote_ident(current_schema())", {}, [&](const DatabaseRow& row) {
        schema = row.Text(0);
        return Status::Ok();
      }));
  return Damaged(what, fmt::format("`psql -c 'REINDEX SCHEMA {}'`", schema));
}

struct Index {
  std::int64_t oid = 0;
  std::string name;
  std::string table;
  std::string predicate;             // of a partial index
  std::vector<std::string> columns;  // in key order
};

Result<std::vector<Index>> Indexes(Database& db) {
  std::vector<Index> indexes;
  WEIRHOUSE_TRY_STATUS(db.Each(
      "SELECT i.indexrelid::bigint, c.relname, t.relname, coalesce(pg_get_expr(i.indpred, "
      "i.indrelid), ''), pg_get_indexdef(i.indexrelid, k.number, true) FROM pg_index i JOIN "
      "pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace "
      "n ON n.oid = t.relnamespace JOIN pg_am a ON a.oid = c.relam CROSS JOIN LATERAL "
      "generate_series(1, i.indnkeyatts::int) AS k(number) WHERE n.nspname = current_schema() AND "
      "a.amname = 'btree' AND i.indisvalid ORDER BY t.relname, c.relname, k.number",
      {}, [&](const DatabaseRow& row) {
        if (indexes.empty() || indexes.back().oid != row.Int(0)) {
          indexes.push_back({row.Int(0), row.Text(1), row.Text(2), row.Text(3), {}});
        }
        indexes.back().columns.push_back(row.Text(4));
        return Status::Ok();
      }));
  return indexes;
}

Result<bool> HasAmcheck(Database& db) {
  bool there = false;
  WEIRHOUSE_TRY_STATUS(
      db.Each("SELECT 1 FROM pg_extension e JOIN pg_proc p ON p.pronamespace = e.extnamespace "
              "WHERE e.extname = 'amcheck' AND p.proname = 'bt_index_check' AND p.pronargs = 2 AND "
              "has_function_privilege(p.oid, 'EXECUTE')",
              {}, [&](const DatabaseRow&) {
                there = true;
                return Status::Ok();
              }));
  return there;
}

// amcheck reports damage as an error.
Status CheckByAmcheck(Database& db, const Index& index) {
  std::string schema;
  WEIRHOUSE_TRY_STATUS(
      db.Each("SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = "
              "e.extnamespace WHERE e.extname = 'amcheck'",
              {}, [&](const DatabaseRow& row) {
                schema = row.Text(0);
                return Status::Ok();
              }));
  const Status checked =
      db.Each(fmt::format("SELECT {}.bt_index_check({}::regclass, true)", schema, index.oid), {},
              [](const DatabaseRow&) { return Status::Ok(); });
  if (checked.ok() || checked.code() == Code::kUnavailable) return checked;
  // The failed statement ended the transaction, so no more can be read in it.
  return Damaged(
      fmt::format("\"{}\" of table \"{}\": {}", index.name, index.table, checked.message()),
      "`REINDEX SCHEMA name` in psql");
}

// Counts the rows that a look-up by the index does not find. A sample of 100 % is the one scan that
// no planner replaces by an index; and with sorting disabled, the requested order, over all columns
// from their own values to their own values, leaves only this index.
std::string LookUpAll(const Index& index) {
  std::vector<std::string> asked;
  std::vector<std::string> given;
  std::string there = "true";
  for (const std::string& column : index.columns) {
    asked.push_back("b." + column);
    given.push_back("a." + column);
    there += fmt::format(" AND a.{} IS NOT NULL", column);
  }
  return fmt::format(
      "SELECT count(*) FROM (SELECT *, ctid FROM {0} TABLESAMPLE SYSTEM (100){1}) a WHERE {2} AND "
      "NOT EXISTS (SELECT 1 FROM (SELECT b.ctid AS place FROM {0} b WHERE ({3}) >= ({4}) AND ({3}) "
      "<= ({4}){5} ORDER BY {3} OFFSET 0) c WHERE c.place = a.ctid)",
      index.table, index.predicate.empty() ? std::string() : " WHERE " + index.predicate, there,
      Join(asked, ", "), Join(given, ", "),
      index.predicate.empty() ? std::string() : " AND " + index.predicate);
}

// False if the planner does not use the index; then nothing is known about it.
Result<bool> Uses(Database& db, const std::string& sql, const Index& index) {
  bool uses = false;
  WEIRHOUSE_TRY_STATUS(db.Each("EXPLAIN " + sql, {}, [&](const DatabaseRow& row) {
    uses = uses ||
           (row.Text(0) + " ").find(fmt::format(" using {} ", index.name)) != std::string::npos;
    return Status::Ok();
  }));
  return uses;
}

Status CheckByLookUps(Database& db, const Index& index) {
  const std::string sql = LookUpAll(index);
  WEIRHOUSE_TRY(const bool uses, Uses(db, sql, index));
  if (!uses) return Status::Ok();
  std::int64_t lost = 0;
  WEIRHOUSE_TRY_STATUS(db.Each(sql, {}, [&](const DatabaseRow& row) {
    lost = row.Int(0);
    return Status::Ok();
  }));
  if (lost == 0) return Status::Ok();
  return DamagedOnServer(db, fmt::format("\"{}\" does not find {} of the rows of table \"{}\"",
                                         index.name, lost, index.table));
}

// The planner's settings in this transaction.
std::string Planning(std::string_view allowed) {
  std::string script;
  for (const char* way : {"seqscan", "tidscan", "bitmapscan", "hashjoin", "mergejoin", "material",
                          "sort", "incremental_sort"}) {
    script += fmt::format("SET LOCAL enable_{} TO {};", way, allowed);
  }
  return script;
}

Status CheckPostgres(Database& db) {
  WEIRHOUSE_TRY(const std::vector<Index> indexes, Indexes(db));
  WEIRHOUSE_TRY(const bool amcheck, HasAmcheck(db));
  if (amcheck) {
    for (const Index& index : indexes) WEIRHOUSE_TRY_STATUS(CheckByAmcheck(db, index));
    return Status::Ok();
  }
  // Each row must be looked up through the index and in no other way.
  WEIRHOUSE_TRY_STATUS(db.Script(Planning("off")));
  for (const Index& index : indexes) WEIRHOUSE_TRY_STATUS(CheckByLookUps(db, index));
  return db.Script(Planning("DEFAULT"));
}
}  // namespace

Status CheckFirstIndexes(Database& db) {
  if (db.dialect() == platform::Dialect::kSqlite) return Status::Ok();
  WEIRHOUSE_TRY(const std::vector<Index> indexes, Indexes(db));
  const auto first = [](const Index& index) {
    return index.table == "migration" || index.table == "setting";
  };
  if (std::none_of(indexes.begin(), indexes.end(), first)) return Status::Ok();
  WEIRHOUSE_TRY_STATUS(db.Script(Planning("off")));
  for (const Index& index : indexes) {
    if (first(index)) WEIRHOUSE_TRY_STATUS(CheckByLookUps(db, index));
  }
  return db.Script(Planning("DEFAULT"));
}

Status CheckIndexes(Database& db) {
  return db.dialect() == platform::Dialect::kSqlite ? CheckSqlite(db) : CheckPostgres(db);
}
}  // namespace weirhouse::catalog

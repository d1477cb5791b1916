#include "ground/catalog/store/layout_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ground/base/text.h"
#include "ground/catalog/store/schema.h"
#include "ground/platform/db/sqlite.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;

constexpr std::size_t kLayoutFaultsShown = 5;

// (table, view, index, unique index or trigger; name) → its definition, without blanks.
using Layout = std::map<std::pair<std::string, std::string>, std::string>;

std::string WithoutBlanks(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; });
  return text;
}

Result<Layout> LayoutOfSqlite(Database& db) {
  Layout layout;
  WEIRHOUSE_TRY_STATUS(
      db.Each("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND "
              "substr(name, 1, 7) <> 'sqlite_'",
              {}, [&](const DatabaseRow& row) {
                const std::string sql = row.Text(2);
                const bool unique = sql.starts_with("CREATE UNIQUE ");
                layout[{unique ? "unique index" : row.Text(0), row.Text(1)}] = WithoutBlanks(sql);
                return Status::Ok();
              }));
  return layout;
}

// Without definitions: the server does not keep them as they were written.
Result<Layout> LayoutOfPostgres(Database& db) {
  Layout layout;
  WEIRHOUSE_TRY_STATUS(db.Each(
      "SELECT CASE c.relkind WHEN 'r' THEN 'table' ELSE 'view' END, c.relname FROM pg_class c JOIN "
      "pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind "
      "IN ('r', 'v') UNION ALL SELECT CASE WHEN i.indisunique THEN 'unique index' ELSE 'index' "
      "END, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n "
      "ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND i.indisvalid AND "
      "i.indisready UNION ALL SELECT 'trigger', g.tgname FROM pg_trigger g JOIN pg_class c ON "
      "c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = "
      "current_schema() AND NOT g.tgisinternal",
      {}, [&](const DatabaseRow& row) {
        layout[{row.Text(0), row.Text(1)}] = "";
        return Status::Ok();
      }));
  return layout;
}

// The layout that the migrations create in an empty database.
Result<Layout> OurLayout() {
  WEIRHOUSE_TRY(const auto empty, platform::Sqlite::Open(":memory:", /*read_only=*/false));
  WEIRHOUSE_TRY_STATUS(Migrate(*empty, ProcessTime(), SystemRandom()));
  return LayoutOfSqlite(*empty);
}

std::vector<std::string> Compare(const Layout& found, const Layout& ours, bool definitions) {
  std::vector<std::string> faults;
  for (const auto& [what, definition] : ours) {
    const auto there = found.find(what);
    if (there == found.end()) {
      faults.push_back(fmt::format("{} \"{}\" is missing", what.first, what.second));
    } else if (definitions && there->second != definition) {
      faults.push_back(fmt::format("{} \"{}\" has another definition", what.first, what.second));
    }
  }
  for (const auto& [what, definition] : found) {
    if (!ours.contains(what) && (definitions || what.first == "trigger")) {
      faults.push_back(
          fmt::format("{} \"{}\" was added from outside", what.first, EscapeControl(what.second)));
    }
  }
  return faults;
}
}  // namespace

Status CheckLayout(Database& db) {
  const bool sqlite = db.dialect() == platform::Dialect::kSqlite;
  WEIRHOUSE_TRY(const Layout ours, OurLayout());
  WEIRHOUSE_TRY(const Layout found, sqlite ? LayoutOfSqlite(db) : LayoutOfPostgres(db));
  std::vector<std::string> faults = Compare(found, ours, /*definitions=*/sqlite);
  if (faults.empty()) return Status::Ok();
  if (faults.size() > kLayoutFaultsShown) faults.resize(kLayoutFaultsShown);
  return Status(Code::kCorruption,
                fmt::format("the layout of the catalog's database was changed: {}",
                            Join(faults, "; ")))
      .WithError("WH7008")
      .WithHint("stop all writers and restore an earlier copy of the catalog");
}
}  // namespace weirhouse::catalog

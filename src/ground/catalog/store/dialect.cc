#include "ground/catalog/store/dialect.h"

#include <fmt/format.h>

#include <vector>

namespace weirhouse::catalog {
namespace {
constexpr std::string_view kNumbered = "INTEGER PRIMARY KEY AUTOINCREMENT";
constexpr std::string_view kCreateTable = "CREATE TABLE ";

std::string Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string replaced;
  for (std::size_t at = 0;;) {
    const std::size_t found = text.find(from, at);
    replaced += text.substr(at, found - at);
    if (found == std::string_view::npos) return replaced;
    replaced += to;
    at = found + from.size();
  }
}

std::string_view WordAt(std::string_view text, std::size_t at) {
  return text.substr(at, text.find(' ', at) - at);
}

// The tables that number their rows, and the column that holds the number.
std::vector<std::pair<std::string_view, std::string_view>> NumberedColumns(std::string_view sql) {
  std::vector<std::pair<std::string_view, std::string_view>> columns;
  for (std::size_t at = sql.find(kNumbered); at != std::string_view::npos;
       at = sql.find(kNumbered, at + 1)) {
    const std::size_t table = sql.rfind(kCreateTable, at) + kCreateTable.size();
    const std::size_t column = sql.find_last_of(" (", at - 2) + 1;
    columns.emplace_back(WordAt(sql, table), WordAt(sql, column));
  }
  return columns;
}
}  // namespace

std::string MigrationFor(platform::Dialect dialect, std::string_view sql) {
  if (dialect == platform::Dialect::kSqlite) return std::string(sql);
  std::string text = Replaced(sql, " WITHOUT ROWID", "");
  text = Replaced(text, " TEXT", " TEXT COLLATE \"C\"");
  text = Replaced(text, kNumbered, "BIGINT PRIMARY KEY");
  for (const auto& [table, column] : NumberedColumns(sql)) {
    text += fmt::format(
        "CREATE FUNCTION next_{0}() RETURNS BIGINT LANGUAGE plpgsql AS "
        "'BEGIN RETURN (SELECT coalesce(max({1}), 0) + 1 FROM {0}); END';\n"
        "ALTER TABLE {0} ALTER COLUMN {1} SET DEFAULT next_{0}();\n",
        table, column);
  }
  return text;
}
}  // namespace weirhouse::catalog

// Assigns folders to tables: no table or view may be inside a folder of another, whoever requests
// it and however many servers write. Checked in the transaction that assigns the folder; writers
// run one after the other.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ground/catalog/store/row.h"
#include "ground/catalog/store/sql_catalog.h"
#include "ground/catalog/write/publish.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;

// Visits the rows of folders that are equal to, inside or around `place`. Text that begins with
// "/a/" sorts between it and "/a0", because "0" follows the slash.
Status EachAround(Database& db, const std::string& place, ProcessTime now,
                  const std::function<Status(PlaceRecord)>& visit) {
  const auto visit_row = [&](const DatabaseRow& row) {
    const std::int64_t kept_until = row.Int(2);
    if (kept_until != 0 && kept_until <= Micros(now)) return Status::Ok();
    return visit({row.Text(1), row.Text(0), kept_until == 0});
  };
  for (std::size_t end = place.find('/', 1);; end = place.find('/', end + 1)) {
    WEIRHOUSE_TRY_STATUS(
        db.Each("SELECT place, table_name, kept_until FROM table_place WHERE place = ? ORDER BY "
                "table_name",
                {place.substr(0, end)}, visit_row));
    if (end == std::string::npos) break;
  }
  return db.Each(
      "SELECT place, table_name, kept_until FROM table_place WHERE place > ? AND place < ? ORDER "
      "BY "
      "place, table_name",
      {place + "/", place + "0"}, visit_row);
}

Status PlaceTaken(const std::string& table, const std::string& place, const PlaceRecord& other) {
  return Status(Code::kConflict,
                fmt::format("table \"{}\" cannot be placed in {}: {} {} {}", table, place,
                            other.place, other.standing ? "belongs to" : "is being deleted with",
                            fmt::format("\"{}\"", other.table)))
      .WithError("WH7002")
      .WithHint("choose a folder of its own, or leave the location out");
}
}  // namespace

Status ClaimPlaces(CommitContext& commit, const TableChange& change) {
  if (change.places.empty()) return Status::Ok();
  std::set<std::string> former;
  WEIRHOUSE_TRY_STATUS(
      commit.db.Each("SELECT place FROM table_place WHERE table_name = ? AND kept_until = 0",
                     {change.name}, [&](const DatabaseRow& row) {
                       former.insert(row.Text(0));
                       return Status::Ok();
                     }));
  const std::set<std::string> wanted(change.places.begin(), change.places.end());
  if (former == wanted) return Status::Ok();
  WEIRHOUSE_TRY_STATUS(commit.db.Run(
      "DELETE FROM table_place WHERE kept_until > 0 AND kept_until <= ?", {Micros(commit.now)}));
  for (const std::string& place : wanted) {
    if (place.empty()) {
      return Status(Code::kInternal, fmt::format("a folder of \"{}\" has no path", change.name))
          .WithError("WH7085");
    }
    if (former.contains(place)) continue;
    WEIRHOUSE_TRY_STATUS(EachAround(commit.db, place, commit.now, [&](const PlaceRecord& other) {
      if (other.standing && other.table == change.name) return Status::Ok();
      return PlaceTaken(change.name, place, other);
    }));
  }
  WEIRHOUSE_TRY_STATUS(commit.db.Run(
      "DELETE FROM table_place WHERE table_name = ? AND kept_until = 0", {change.name}));
  for (const std::string& place : wanted) {
    WEIRHOUSE_TRY_STATUS(
        commit.db.Run("INSERT INTO table_place (place, table_name, kept_until) VALUES (?, ?, 0)",
                      {place, change.name}));
  }
  return Status::Ok();
}

Status LeavePlaces(CommitContext& commit, const TableDrop& drop) {
  if (!drop.places_kept_until) {
    return commit.db.Run("DELETE FROM table_place WHERE table_name = ? AND kept_until = 0",
                         {drop.name});
  }
  return commit.db.Run(
      "UPDATE table_place SET kept_until = ? WHERE table_name = ? AND kept_until = 0",
      {std::max<std::int64_t>(1, Micros(*drop.places_kept_until)), drop.name});
}

Status RenamePlaces(CommitContext& commit, const TableRename& rename) {
  return commit.db.Run(
      "UPDATE table_place SET table_name = ? WHERE table_name = ? AND kept_until = 0",
      {rename.new_name, rename.name});
}

Result<std::vector<PlaceRecord>> SqlCatalog::PlacesAround(const std::vector<std::string>& places) {
  std::set<std::pair<std::string, std::string>> seen;
  std::vector<PlaceRecord> found;
  const auto keep = [&](PlaceRecord record) {
    if (seen.emplace(record.place, record.table).second) found.push_back(std::move(record));
    return Status::Ok();
  };
  const ProcessTime now = clock_->Now();
  const auto read = [&](Database& db) -> Status {
    found.clear();
    seen.clear();
    WEIRHOUSE_TRY_STATUS(
        db.Each("SELECT table_name FROM table_place WHERE place = '' ORDER BY table_name", {},
                [&](const DatabaseRow& row) { return keep({row.Text(0), "", true}); }));
    for (const std::string& place : places) {
      WEIRHOUSE_TRY_STATUS(EachAround(db, place, now, keep));
    }
    return Status::Ok();
  };
  WEIRHOUSE_TRY_STATUS(ReadOneState(read));
  std::sort(found.begin(), found.end(), [](const PlaceRecord& a, const PlaceRecord& b) {
    return std::tie(a.place, a.table) < std::tie(b.place, b.table);
  });
  return found;
}

Status SqlCatalog::ReleasePlaces(const std::vector<std::string>& places) {
  return Write([&](Database& db) {
    for (const std::string& place : places) {
      WEIRHOUSE_TRY_STATUS(
          db.Run("DELETE FROM table_place WHERE place = ? AND kept_until > 0", {place}));
    }
    return Status::Ok();
  });
}
}  // namespace weirhouse::catalog

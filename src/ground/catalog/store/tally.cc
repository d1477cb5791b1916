#include "ground/catalog/store/tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;
using platform::Dialect;

constexpr std::size_t kWordHexDigits = 16;

// Tables that only commits write, so that the chain's last statement about them holds until the
// next one. Between commits, runs are planned, events sent, parse attempts counted, replies stored
// and released files removed.
constexpr std::array<std::string_view, 17> kWrittenByCommitsAlone{
    "answer",    "consumer_offset",    "edge",          "file",       "landing",    "metric",
    "namespace", "namespace_property", "node",          "object",     "prediction", "record_state",
    "setting",   "snapshot",           "table_pointer", "table_span", "verdict"};

std::array<std::uint64_t, 4> WordsOf(const Digest& digest) {
  std::array<std::uint64_t, 4> words{};
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    std::uint64_t& word = words[words.size() - 1 - i / sizeof(std::uint64_t)];
    word = word << 8 | digest.bytes[i];
  }
  return words;
}

void AddWords(std::array<std::uint64_t, 4>& sum, const std::array<std::uint64_t, 4>& words) {
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const std::uint64_t with_carry = words[i] + carry;
    carry = with_carry < carry ? 1 : 0;
    sum[i] += with_carry;
    if (sum[i] < with_carry) carry = 1;
  }
}

void RemoveWords(std::array<std::uint64_t, 4>& sum, const std::array<std::uint64_t, 4>& words) {
  std::uint64_t borrow = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const std::uint64_t with_borrow = words[i] + borrow;
    borrow = with_borrow < borrow ? 1 : 0;
    if (sum[i] < with_borrow) borrow = 1;
    sum[i] -= with_borrow;
  }
}

// Reads rows from the table itself, because SQLite might otherwise use an index that covers all
// columns.
std::string FromTable(const Database& db, const std::string& table) {
  return db.dialect() == Dialect::kSqlite ? table + " NOT INDEXED" : table;
}

Status Changed(std::string_view table, std::string_view why) {
  return Status(Code::kCorruption,
                fmt::format("rows of the catalog's table \"{}\" were changed: {}", table, why))
      .WithError("WH7008")
      .WithHint("the catalog was changed from outside: keep the file and restore a backup");
}

std::string Difference(const Tally& found, const Tally& recorded) {
  if (found.rows > recorded.rows) {
    return fmt::format("it has {} that this program did not write",
                       found.rows - recorded.rows == 1
                           ? std::string("a row")
                           : fmt::format("{} rows", found.rows - recorded.rows));
  }
  if (found.rows < recorded.rows) {
    return fmt::format("{} of {} rows are missing", recorded.rows - found.rows, recorded.rows);
  }
  return "a row differs from what was written";
}

// Refuses a row of a commit that does not exist.
Status CheckCommitNumbers(Database& db, const std::string& table, std::int64_t last) {
  WEIRHOUSE_TRY(const TallyColumns columns, TallyColumns::Of(db, table));
  if ((", " + columns.list() + ",").find(", seq,") == std::string::npos) return Status::Ok();
  std::int64_t found = 0;
  WEIRHOUSE_TRY_STATUS(db.Each(
      fmt::format("SELECT seq FROM {} WHERE seq > ? OR seq < 0 LIMIT 1", FromTable(db, table)),
      {last}, [&](const DatabaseRow& row) {
        found = row.Int(0);
        return Status::Ok();
      }));
  if (found == 0) return Status::Ok();
  return Changed(table, fmt::format("it holds a row of commit {}, which does not exist", found));
}
// `chained` is the tally that the chain states last; null if it states none.
Status CheckTally(const std::string& table, const Tally& found, const StoredTally& stored,
                  const StatedTally* chained, bool anew) {
  const bool settled = std::find(kWrittenByCommitsAlone.begin(), kWrittenByCommitsAlone.end(),
                                 table) != kWrittenByCommitsAlone.end();
  const bool fits_chain = !settled || chained == nullptr || chained->text == found.ToText();
  if (!stored.readable || found != stored.tally) {
    // If the chain matches the rows, the tally was changed.
    if (settled && chained != nullptr && fits_chain) {
      return Changed(kTallyTable, fmt::format("the tally of \"{}\" was changed", table));
    }
    return Changed(table, Difference(found, stored.tally));
  }
  if (!fits_chain) return Changed(table, "they differ from what the hash chain states");
  if (anew || stored.seq == (chained == nullptr ? 0 : chained->seq)) return Status::Ok();
  return Changed(kTallyTable, fmt::format("the tally of \"{}\" names another commit", table));
}
}  // namespace

void Tally::Add(const Digest& row) {
  ++rows;
  AddWords(sum, WordsOf(row));
}
void Tally::Remove(const Digest& row) {
  --rows;
  RemoveWords(sum, WordsOf(row));
}
void Tally::Add(const Tally& other) {
  rows += other.rows;
  AddWords(sum, other.sum);
}
void Tally::Remove(const Tally& other) {
  rows -= other.rows;
  RemoveWords(sum, other.sum);
}

std::string Tally::sum_hex() const {
  return fmt::format("{:016x}{:016x}{:016x}{:016x}", sum[3], sum[2], sum[1], sum[0]);
}
std::string Tally::ToText() const { return fmt::format("{}:{}", rows, sum_hex()); }

bool ParseSum(std::string_view hex, Tally* tally) {
  if (hex.size() != tally->sum.size() * kWordHexDigits) return false;
  for (std::size_t i = 0; i < tally->sum.size(); ++i) {
    const std::string_view word = hex.substr(i * kWordHexDigits, kWordHexDigits);
    std::uint64_t& value = tally->sum[tally->sum.size() - 1 - i];
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, 16);
    if (error != std::errc() || end != word.data() + word.size()) return false;
  }
  return true;
}

Result<TallyColumns> TallyColumns::Of(Database& db, std::string_view table) {
  TallyColumns columns;
  Sha256 sha;
  sha.UpdateSized("weirhouse row 1");
  sha.UpdateSized(table);
  const std::string_view sql =
      db.dialect() == Dialect::kSqlite
          ? "SELECT name FROM pragma_table_info(?) ORDER BY name"
          : "SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN "
            "pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND "
            "c.relname = ? AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname";
  WEIRHOUSE_TRY_STATUS(db.Each(sql, {std::string(table)}, [&](const DatabaseRow& row) {
    const std::string name = row.Text(0);
    columns.list_ += (columns.count_++ == 0 ? "" : ", ") + name;
    sha.UpdateSized(name);
    return Status::Ok();
  }));
  columns.head_ = std::string(sha.Finish().view());
  return columns;
}

Digest TallyColumns::DigestOf(const DatabaseRow& row, int first) const {
  Sha256 sha;
  sha.Update(head_);
  for (int column = first; column < first + count_; ++column) {
    if (row.IsNull(column)) {
      sha.UpdateInt(-1);
    } else {
      sha.UpdateSized(row.AnyAsText(column));
    }
  }
  return sha.Finish();
}

Result<std::vector<std::string>> TalliedTables(Database& db) {
  const std::string_view sql =
      db.dialect() == Dialect::kSqlite
          ? "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
            "ESCAPE '\\' ORDER BY name"
          : "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
            "n.nspname = current_schema() AND c.relkind = 'r' ORDER BY c.relname";
  std::vector<std::string> tables;
  WEIRHOUSE_TRY_STATUS(db.Each(sql, {}, [&](const DatabaseRow& row) {
    if (std::string name = row.Text(0); name != kTallyTable) tables.push_back(std::move(name));
    return Status::Ok();
  }));
  return tables;
}

Result<Tally> ComputeTally(Database& db, const std::string& table) {
  WEIRHOUSE_TRY(const TallyColumns columns, TallyColumns::Of(db, table));
  Tally tally;
  WEIRHOUSE_TRY_STATUS(
      db.Stream(fmt::format("SELECT {} FROM {}", columns.list(), FromTable(db, table)),
                [&](const DatabaseRow& row) {
                  tally.Add(columns.DigestOf(row));
                  return Status::Ok();
                }));
  return tally;
}

Result<std::map<std::string, StoredTally>> StoredTallies(Database& db) {
  std::map<std::string, StoredTally> stored;
  WEIRHOUSE_TRY_STATUS(db.Each("SELECT table_name, row_count, digest, seq FROM tally", {},
                               [&](const DatabaseRow& row) {
                                 StoredTally& one = stored[row.Text(0)];
                                 one.tally.rows = row.Int(1);
                                 one.readable = ParseSum(row.Text(2), &one.tally);
                                 one.seq = row.Int(3);
                                 return Status::Ok();
                               }));
  return stored;
}

Result<std::map<std::string, Tally>> TallyDrift(Database& db) {
  std::map<std::string, Tally> drift;
  WEIRHOUSE_TRY(const bool kept, db.HasTable(kTallyTable));
  if (!kept) return drift;
  WEIRHOUSE_TRY(const auto stored, StoredTallies(db));
  WEIRHOUSE_TRY(const std::vector<std::string> tables, TalliedTables(db));
  for (const std::string& table : tables) {
    WEIRHOUSE_TRY(const Tally found, ComputeTally(db, table));
    const auto known = stored.find(table);
    Tally difference = known == stored.end() ? Tally() : known->second.tally;
    difference.Remove(found);
    if (difference != Tally()) drift.emplace(table, difference);
  }
  return drift;
}

Status RetakeTallies(Database& db, const std::map<std::string, Tally>& drift) {
  WEIRHOUSE_TRY(const bool kept, db.HasTable(kTallyTable));
  if (!kept) return Status::Ok();
  WEIRHOUSE_TRY_STATUS(db.Run("DELETE FROM tally"));
  WEIRHOUSE_TRY(const std::vector<std::string> tables, TalliedTables(db));
  for (const std::string& table : tables) {
    WEIRHOUSE_TRY(Tally tally, ComputeTally(db, table));
    if (const auto other = drift.find(table); other != drift.end()) tally.Add(other->second);
    WEIRHOUSE_TRY_STATUS(
        db.Run("INSERT INTO tally (table_name, row_count, digest, seq) VALUES (?, ?, ?, 0)",
               {table, tally.rows, tally.sum_hex()}));
  }
  return Status::Ok();
}

Status CheckTallies(Database& db, const std::map<std::string, StatedTally>& stated,
                    std::int64_t last) {
  WEIRHOUSE_TRY(auto stored, StoredTallies(db));
  WEIRHOUSE_TRY(const std::vector<std::string> tables, TalliedTables(db));
  // After a migration all tallies wait for the next commit to state them; otherwise none does.
  const bool anew = std::all_of(stored.begin(), stored.end(),
                                [](const auto& entry) { return entry.second.seq == 0; });
  for (const std::string& table : tables) {
    WEIRHOUSE_TRY_STATUS(CheckCommitNumbers(db, table, last));
    WEIRHOUSE_TRY(const Tally found, ComputeTally(db, table));
    const auto known = stored.extract(table);
    if (known.empty())
      return Changed(kTallyTable, fmt::format("the tally of \"{}\" is missing", table));
    const auto in_chain = stated.find(table);
    const StatedTally* chained = anew || in_chain == stated.end() ? nullptr : &in_chain->second;
    WEIRHOUSE_TRY_STATUS(CheckTally(table, found, known.mapped(), chained, anew));
  }
  if (stored.empty()) return Status::Ok();
  return Changed(kTallyTable, fmt::format("it has a tally of a table that does not exist: \"{}\"",
                                          stored.begin()->first));
}
}  // namespace weirhouse::catalog

// A checksum of each table: the count of its rows and the sum of their digests.
//
// A row's digest is the SHA-256 of the table's name and of every column with its name, so columns
// added by a migration are covered. The sum is taken modulo 2^256 and does not depend on the order
// of rows: a changed or removed row is subtracted in O(1), and a table is compared with its tally
// in one pass. The writer keeps the tallies (tallied_database.h) in the transaction that writes the
// rows; a commit states those of the tables it wrote in its record, which the hash chain covers.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

struct Tally {
  std::int64_t rows = 0;
  std::array<std::uint64_t, 4> sum{};  // the least significant word first

  void Add(const Digest& row);
  void Remove(const Digest& row);
  void Add(const Tally& other);
  void Remove(const Tally& other);
  std::string sum_hex() const;
  // "12:00ab…", as a commit's record states it.
  std::string ToText() const;
  friend bool operator==(const Tally&, const Tally&) = default;
};
// False if `hex` is no sum.
bool ParseSum(std::string_view hex, Tally* tally);

// The table of the tallies: (table_name, row_count, digest, seq). `seq` is the last commit whose
// record states the tally; 0 if none has since the tallies were recomputed.
inline constexpr std::string_view kTallyTable = "tally";

// The columns that make up a row's digest.
class TallyColumns {
 public:
  // All columns of `table`, by name.
  static Result<TallyColumns> Of(platform::Database& db, std::string_view table);
  // "a, b, c"
  const std::string& list() const { return list_; }
  // The digest of a row whose columns begin at `first`.
  Digest DigestOf(const platform::DatabaseRow& row, int first = 0) const;

 private:
  std::string list_;
  std::string head_;
  int count_ = 0;
};

// Names of the tables that have tallies: all but the table of tallies itself.
Result<std::vector<std::string>> TalliedTables(platform::Database& db);
// Computes the tally of `table` from its rows, without using indexes. Inside a transaction.
Result<Tally> ComputeTally(platform::Database& db, const std::string& table);

struct StoredTally {
  Tally tally;
  std::int64_t seq = 0;
  bool readable = true;
};
Result<std::map<std::string, StoredTally>> StoredTallies(platform::Database& db);

// Before a migration: the difference between each stored tally and its table. Zero, unless rows
// were changed outside the catalog.
Result<std::map<std::string, Tally>> TallyDrift(platform::Database& db);
// After a migration: recomputes every tally. A difference found before is kept, so that a migration
// hides no change.
Status RetakeTallies(platform::Database& db, const std::map<std::string, Tally>& drift);

// The tally of a table as the chain last states it.
struct StatedTally {
  std::int64_t seq = 0;
  std::string text;
};
// Compares every table with its tally, and, for tables that only commits change, with the tally
// that the last commit that wrote them states. kCorruption (WH7008) names the first table that
// differs. `last` is the last commit. Inside a transaction.
Status CheckTallies(platform::Database& db, const std::map<std::string, StatedTally>& stated,
                    std::int64_t last);
}  // namespace weirhouse::catalog

// What each table of the database holds, in one number: the count of its rows and the sum of their
// digests.
//
// A row's digest is the SHA-256 of the table's name and of every column, names included, so
// whatever columns a migration adds are covered. The sum is taken modulo 2^256 and does not depend
// on the order of the rows, so that a row which is changed or removed is taken out of it in O(1),
// and a table is compared with its tally in one pass. Tallies are kept by the writer
// (tallied_database.h) in the transaction that writes the rows; a commit states those of the tables
// it wrote in its record, which the hash chain covers.
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

// Where the tallies themselves lie: (table_name, row_count, digest, seq). `seq` is the commit whose
// record states the tally last; 0 if none has since the tallies were taken anew.
inline constexpr std::string_view kTallyTable = "tally";

// How the rows of one table are read to be counted.
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

// Names of the tables that are counted: all but that of the tallies.
Result<std::vector<std::string>> TalliedTables(platform::Database& db);
// Counts the rows of `table` as they lie in it, whatever its indexes say. Inside a transaction.
Result<Tally> TallyOf(platform::Database& db, const std::string& table);

struct StoredTally {
  Tally tally;
  std::int64_t seq = 0;
  bool readable = true;
};
Result<std::map<std::string, StoredTally>> StoredTallies(platform::Database& db);

// Before a migration: by how much each stored tally differs from its table. None does, unless rows
// were changed from outside.
Result<std::map<std::string, Tally>> TallyDrift(platform::Database& db);
// After it: counts every table anew. What was found to differ before goes on differing, so that a
// migration hides nothing.
Status RetakeTallies(platform::Database& db, const std::map<std::string, Tally>& drift);

// The last statement of each tally in the chain.
struct StatedTally {
  std::int64_t seq = 0;
  std::string text;
};
// Compares every table with its tally, and those that change in commits alone with what the last
// commit that wrote them states. kCorruption (WH7008) names the first table that differs. `last` is
// the last commit. Inside a transaction.
Status CheckTallies(platform::Database& db, const std::map<std::string, StatedTally>& stated,
                    std::int64_t last);
}  // namespace weirhouse::catalog

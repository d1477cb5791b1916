// The rows of system.losers: records that are not in their table, and the record that is there
// instead.
//
// The table is written as a log: a record that loses gets a row, and another one when its state
// changes. `LatestLosers` computes the present state. Pure functions over Arrow tables; no disk.
//
//   record, table, state, winner, run    for people; winner = the record that it lost to at that
//   time
//   _group, _content                     32 bytes each: the version (VersionGroup, content digest)
//                                        of a superseded or conflicting record, so that a table
//                                        without history recognizes a repeat; null for duplicates
//
// A row with the state `processed` or `filtered` tells that its record no longer loses; its winner
// is the record itself.
// no more; its winner is the record itself.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/id.h"
#include "ground/base/status.h"
#include "rules/transform/upsert/upsert.h"

namespace arrow {
class Schema;
class Table;
}  // namespace arrow

namespace weirhouse::transform {

inline constexpr std::string_view kLosersTable = "system.losers";

struct StoredLoser {
  RecordId record;
  std::string table;
  RecordState state = RecordState::kDuplicate;
  RecordId winner;
  RunId run;
  std::optional<LostVersion> version;
};

std::shared_ptr<arrow::Schema> LoserSchema();
Result<std::shared_ptr<arrow::Table>> LoserRows(const std::vector<StoredLoser>& losers);
// Reads rows of the table, or of a part of it. Tables from before the version columns lack those.
//   WH6003  a column is missing or a state unknown
Result<std::vector<StoredLoser>> ReadLosers(const arrow::Table& rows);

// One entry for each record and table that has lost, by (table, record): its last row, with the
// winner that is there now. A conflict names the version that won its order, a superseded record
// the current one, a duplicate the first record of its content. `log` may be in any order: of two
// rows the one of the later run counts.
std::vector<StoredLoser> LatestLosers(std::vector<StoredLoser> log);

// The rows to write so that LatestLosers gives `now` for `table`; empty if it does already.
// `before` = LatestLosers, `current` = the records of the table's rows, ascending.
std::vector<StoredLoser> LoserChanges(const std::vector<StoredLoser>& before,
                                      const std::string& table, const std::vector<Loser>& now,
                                      const std::vector<RecordId>& current, RunId run);
}  // namespace weirhouse::transform

// The rows of system.losers: which record is not in its table, and which one stands instead.
//
// The table is written as a log: a record that loses gets a row, and a row more when its state
// changes. `LatestLosers` reads it as it stands. Pure functions over Arrow tables; no disk.
//
//   record, table, state, winner, run    for people; winner = the record that it lost against then
//   _group, _content                     32 bytes each: the version (VersionGroup, content digest)
//                                        of what lost as superseded or conflict, so that a table
//                                        without history knows a repeat of it; null for duplicates
//
// A row whose state is `processed` or `filtered` says that its record lost until then and does so
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
// Rows of the table, or of a part of it. Tables of before the version columns lack those.
//   WH6003  a column is missing or a state unknown
Result<std::vector<StoredLoser>> ReadLosers(const arrow::Table& rows);

// One entry per record and table that has lost, by (table, record): its last row, with the winner
// that stands now. A conflict names what stands for its order, a superseded record what is current,
// a duplicate the first record of its content. `log` is in the order in which it was written, or
// in any: of two rows the one of the later run counts.
std::vector<StoredLoser> LatestLosers(std::vector<StoredLoser> log);

// What must be written so that `now` is what LatestLosers gives for `table`; empty if it does.
// `before` = LatestLosers, `current` = the records of the table's rows, ascending.
std::vector<StoredLoser> LoserChanges(const std::vector<StoredLoser>& before,
                                      const std::string& table, const std::vector<Loser>& now,
                                      const std::vector<RecordId>& current, RunId run);
}  // namespace weirhouse::transform

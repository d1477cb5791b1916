// What upkeep did by itself, in the file `upkeep.json` of the state folder: so that each process
// continues where the last one stopped, and for people who ask. It decides only when to look again:
// if it is lost or damaged, every table has a turn once more.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct UpkeepTurn {
  std::int64_t version = 0;  // of the table's metadata when its turn ended
  ProcessTime at{};
  std::string told;   // what was done; empty: nothing was due
  std::string error;  // why it failed; empty: it did not
};
struct UpkeepLog {
  std::map<std::string, UpkeepTurn> tables;  // by name
  std::optional<ProcessTime> removed_at;     // when released files were last looked for
  std::optional<ProcessTime> swept_at;       // when orphans were; first: when the log began
  std::string error;  // why files could not be removed the last time; empty: they could

  // How often a table at `version` changed since its last turn. One that was made anew since has
  // had none.
  std::int64_t ChangesOf(const std::string& table, std::int64_t version) const;

  static UpkeepLog Read(Workspace& workspace);
  Status Write(Workspace& workspace) const;
};

// A table of the project's own that changed since its last turn.
struct TableDebt {
  std::string table;
  std::int64_t changes = 0;
  bool due = false;  // as often as the policy asks for
};
struct UpkeepDebt {
  bool by_itself = true;
  std::vector<TableDebt> tables;  // that changed, most changes first
  std::size_t due() const;
  std::int64_t released_files = 0;   // that are still on the disk
  std::int64_t removable_files = 0;  // of them, whose grace period is over
  std::optional<UpkeepTurn> last;    // the newest turn that did something
  std::string last_table;
  // What failed the last time, and why: a table's turn, or "(removal of files)".
  std::vector<std::pair<std::string, std::string>> failed;
};
// Cost: the list of tables and of released files; no file of a table is read.
Result<UpkeepDebt> ReadUpkeepDebt(Workspace& workspace);
}  // namespace weirhouse::work

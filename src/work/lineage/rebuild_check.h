// `wh verify --rebuild`: is each table what its full rebuild would be?
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "work/workspace/workspace.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::work {

// One row each, or null where there is none: what stands under a key and what should.
struct RowDifference {
  std::shared_ptr<arrow::Table> stored;
  std::shared_ptr<arrow::Table> rebuilt;
};
// A processed table, a history or a feature table against its rebuild.
struct TableDifference {
  std::string table;
  std::vector<std::string> key;  // the columns by which rows are paired and shown
  std::int64_t stored_rows = 0;
  std::int64_t rebuilt_rows = 0;
  std::int64_t differing = 0;        // pairs that differ, and rows that have no partner
  std::vector<RowDifference> first;  // by key, at most kDifferencesShown
};
inline constexpr std::size_t kDifferencesShown = 20;

struct StateDifference {
  std::string source;
  std::string table;
  std::string state;
  std::int64_t counted = 0;  // as the catalog counts
  std::int64_t rebuilt = 0;
};
// A record of system.losers: what it says, and what it should.
struct LoserDifference {
  RecordId record;
  std::string table;
  std::string stored;  // "superseded by 7"; empty: not there
  std::string rebuilt;
};
// A view's online answers against the kernel over rebuilt feature rows.
struct OnlineDifference {
  std::string view;
  std::int64_t questions = 0;
  std::int64_t differing = 0;
  std::vector<std::string> first;  // one line each
};

// A row of quarantine: how often it stands there, and how often it should.
struct QuarantineDifference {
  std::string source;
  std::string object;
  std::optional<std::int64_t> ordinal;  // of the record in the object; absent: the whole of it
  std::string reason;
  std::int64_t stored = 0;
  std::int64_t rebuilt = 0;
};

struct RebuildReport {
  CommitSeq seq;  // what was compared is the state as of this commit
  std::vector<TableDifference> tables;
  std::int64_t states_compared = 0;
  std::vector<StateDifference> states;  // those that differ
  std::int64_t losers_compared = 0;
  std::int64_t losers_differing = 0;
  std::vector<LoserDifference> losers;  // by table and record, at most kDifferencesShown
  std::int64_t quarantine_rows = 0;     // that stand there, of those compared
  std::int64_t quarantine_differing = 0;
  std::vector<QuarantineDifference> quarantine;  // by source, at most kDifferencesShown
  std::vector<OnlineDifference> online;
  std::vector<std::string> notes;  // what could not be compared, and why

  bool same() const;
};

struct RebuildCheck {
  std::string table;              // "processed.trips", or empty = all
  std::int64_t questions = 2000;  // to the online store, of each view
  std::uint64_t seed = 1;
};
// Computes tables as `wh run --full` does, aside, and compares them with what stands: rows by
// content and by the record they are made of, states of records, what is in quarantine, rows of the feature views that follow, and
// their online answers.
// Writes nothing, so a reader may call it beside a daemon: all of it is as of one commit.
// Memory: as `run --full`. Errors: those of RunFull; WH7020 no such table; WH6015 interrupted.
Result<RebuildReport> CheckRebuild(Workspace& workspace, const RebuildCheck& check,
                                   Progress& progress);
}  // namespace weirhouse::work

#include "rules/transform/upsert/loser_table.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace weirhouse::transform {
namespace {

constexpr std::size_t kDigestBytes = 32;

bool HasLost(RecordState state) {
  return state == RecordState::kDuplicate || state == RecordState::kConflict ||
         state == RecordState::kSuperseded;
}

Status Unreadable(std::string_view what) {
  return Status(Code::kCorruption, fmt::format("{} cannot be read: {}", kLosersTable, what))
      .WithError("WH6003")
      .WithHint("`wh verify --deep` tells whether its files changed; `wh run --full` rewrites it");
}

Status Unbuilt(const arrow::Status& status) {
  return Status(Code::kInternal, "could not keep the records that lost: " + status.ToString());
}

std::optional<Digest> DigestOfLoser(std::string_view bytes) {
  if (bytes.size() != kDigestBytes) return std::nullopt;
  Digest digest;
  std::memcpy(digest.bytes.data(), bytes.data(), kDigestBytes);
  return digest;
}

// One column in one piece, or null if there is none of this name and type.
template <typename ArrayType>
std::shared_ptr<ArrayType> Column(const arrow::Table& rows, const std::string& name) {
  const auto column = rows.GetColumnByName(name);
  if (column == nullptr || column->num_chunks() != 1) return nullptr;
  return std::dynamic_pointer_cast<ArrayType>(column->chunk(0));
}

bool Earlier(const StoredLoser& a, const StoredLoser& b) {
  return std::tie(a.table, a.record, a.run) < std::tie(b.table, b.record, b.run);
}

// Follows the losers of one table from winner to winner.
class Chains {
 public:
  void Add(StoredLoser* loser) { losers_[loser->record.value()] = loser; }

  // The record that finally won; for a conflict within its order.
  RecordId WinnerOf(const StoredLoser& loser) const {
    if (loser.state == RecordState::kDuplicate) return loser.winner;
    RecordId winner = loser.winner;
    for (std::size_t steps = 0; steps <= losers_.size(); ++steps) {
      const auto next = losers_.find(winner.value());
      if (next == losers_.end()) break;
      const RecordState state = next->second->state;
      if (!HasLost(state)) break;
      if (loser.state == RecordState::kConflict && state != RecordState::kConflict) break;
      winner = next->second->winner;
    }
    return winner;
  }

 private:
  std::unordered_map<std::int64_t, const StoredLoser*> losers_;
};
}  // namespace

std::shared_ptr<arrow::Schema> LoserSchema() {
  static const auto schema = arrow::schema(
      {arrow::field("record", arrow::int64(), false), arrow::field("table", arrow::utf8(), false),
       arrow::field("state", arrow::utf8(), false), arrow::field("winner", arrow::int64(), false),
       arrow::field("run", arrow::int64(), false), arrow::field("_group", arrow::binary()),
       arrow::field("_content", arrow::binary())});
  return schema;
}

Result<std::shared_ptr<arrow::Table>> LoserRows(const std::vector<StoredLoser>& losers) {
  arrow::Int64Builder records, winners, runs;
  arrow::StringBuilder tables, states;
  arrow::BinaryBuilder groups, contents;
  for (const StoredLoser& loser : losers) {
    arrow::Status status = records.Append(loser.record.value());
    if (status.ok()) status = tables.Append(loser.table);
    if (status.ok()) status = states.Append(catalog::Name(loser.state));
    if (status.ok()) status = winners.Append(loser.winner.value());
    if (status.ok()) status = runs.Append(loser.run.value());
    if (status.ok()) {
      status = loser.version ? groups.Append(loser.version->group.view()) : groups.AppendNull();
    }
    if (status.ok()) {
      status =
          loser.version ? contents.Append(loser.version->content.view()) : contents.AppendNull();
    }
    if (!status.ok()) return Unbuilt(status);
  }
  arrow::ArrayVector columns;
  for (arrow::ArrayBuilder* builder : std::initializer_list<arrow::ArrayBuilder*>{
           &records, &tables, &states, &winners, &runs, &groups, &contents}) {
    std::shared_ptr<arrow::Array> column;
    if (const auto status = builder->Finish(&column); !status.ok()) return Unbuilt(status);
    columns.push_back(std::move(column));
  }
  return arrow::Table::Make(LoserSchema(), columns, static_cast<std::int64_t>(losers.size()));
}

Result<std::vector<StoredLoser>> ReadLosers(const arrow::Table& rows) {
  std::vector<StoredLoser> losers;
  if (rows.num_rows() == 0) return losers;
  auto whole = rows.CombineChunks();
  if (!whole.ok()) return Unbuilt(whole.status());
  const auto records = Column<arrow::Int64Array>(**whole, "record");
  const auto tables = Column<arrow::StringArray>(**whole, "table");
  const auto states = Column<arrow::StringArray>(**whole, "state");
  const auto winners = Column<arrow::Int64Array>(**whole, "winner");
  const auto runs = Column<arrow::Int64Array>(**whole, "run");
  if (!records || !tables || !states || !winners || !runs) return Unreadable("a column is missing");
  const auto groups = Column<arrow::BinaryArray>(**whole, "_group");
  const auto contents = Column<arrow::BinaryArray>(**whole, "_content");
  losers.reserve(static_cast<std::size_t>(rows.num_rows()));
  for (std::int64_t i = 0; i < rows.num_rows(); ++i) {
    const std::optional<RecordState> state = catalog::KindNamed<RecordState>(states->GetView(i));
    if (!state) return Unreadable(fmt::format("unknown state \"{}\"", states->GetView(i)));
    StoredLoser loser{RecordId(records->Value(i)), std::string(tables->GetView(i)), *state,
                      RecordId(winners->Value(i)), RunId(runs->Value(i)),           std::nullopt};
    if (groups && contents && groups->IsValid(i) && contents->IsValid(i)) {
      const auto group = DigestOfLoser(groups->GetView(i));
      const auto content = DigestOfLoser(contents->GetView(i));
      if (!group || !content) return Unreadable("a digest of the wrong size");
      loser.version = LostVersion{*group, *content};
    }
    losers.push_back(std::move(loser));
  }
  return losers;
}

std::vector<StoredLoser> LatestLosers(std::vector<StoredLoser> log) {
  std::sort(log.begin(), log.end(), Earlier);
  std::vector<StoredLoser> latest;
  for (std::size_t i = 0; i < log.size(); ++i) {
    const bool last = i + 1 == log.size() || log[i + 1].table != log[i].table ||
                      log[i + 1].record != log[i].record;
    if (last && HasLost(log[i].state)) latest.push_back(std::move(log[i]));
  }
  std::vector<RecordId> winners;
  winners.reserve(latest.size());
  for (std::size_t begin = 0; begin < latest.size();) {
    Chains chains;
    std::size_t end = begin;
    for (; end < latest.size() && latest[end].table == latest[begin].table; ++end) {
      chains.Add(&latest[end]);
    }
    for (std::size_t i = begin; i < end; ++i) winners.push_back(chains.WinnerOf(latest[i]));
    begin = end;
  }
  for (std::size_t i = 0; i < latest.size(); ++i) latest[i].winner = winners[i];
  return latest;
}

std::vector<StoredLoser> LoserChanges(const std::vector<StoredLoser>& before,
                                      const std::string& table, const std::vector<Loser>& now,
                                      const std::vector<RecordId>& current, RunId run) {
  std::map<RecordId, const StoredLoser*> known;
  for (const StoredLoser& loser : before) {
    if (loser.table == table) known[loser.record] = &loser;
  }
  std::vector<StoredLoser> changes;
  for (const Loser& loser : now) {
    const auto told = known.find(loser.record);
    const bool same = told != known.end() && told->second->state == loser.state &&
                      told->second->winner == loser.winner;
    if (told != known.end()) known.erase(told);
    if (same) continue;
    changes.push_back({loser.record, table, loser.state, loser.winner, run, loser.version});
  }
  for (const auto& [record, loser] : known) {
    const bool stands = std::binary_search(current.begin(), current.end(), record);
    changes.push_back({record, table, stands ? RecordState::kProcessed : RecordState::kFiltered,
                       record, run, std::nullopt});
  }
  return changes;
}
}  // namespace weirhouse::transform

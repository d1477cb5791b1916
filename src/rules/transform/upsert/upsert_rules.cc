#include "rules/transform/upsert/upsert_rules.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace weirhouse::transform {
namespace {

// A version that won its (key, order): known from before, or a row of this batch.
struct Standing {
  std::string_view order;
  Digest content;
  RecordId record;
  std::optional<std::int64_t> row;  // of this batch; absent = from before
};

bool Beats(const Standing& a, const Standing& b) {
  return std::tie(a.order, a.content) > std::tie(b.order, b.content);
}

// Walks sorted rows key by key.
class OrderWalk {
 public:
  OrderWalk(const RowFacts& facts, const std::vector<std::int64_t>& rows, const KnownRows& known)
      : facts_(facts), rows_(rows), known_(known) {}

  Result<Decision> Run() {
    std::size_t key_index = 0;
    for (std::size_t begin = 0; begin < rows_.size(); ++key_index) {
      const std::size_t end = EndOf(begin, rows_.size(), facts_.keys);
      WEIRHOUSE_TRY_STATUS(Key(begin, end, known_.current[key_index]));
      begin = end;
    }
    return std::move(decision_);
  }

 private:
  RecordId Record(std::size_t at) const { return RecordId(facts_.records[at]); }

  // The end of the range of equal elements that begins at `begin`, at most `limit`.
  template <typename List>
  std::size_t EndOf(std::size_t begin, std::size_t limit, const List& values) const {
    std::size_t end = begin + 1;
    while (end < limit && values[end] == values[begin]) ++end;
    return end;
  }

  Status Key(std::size_t begin, std::size_t end, const iceberg::KeyEntry* current) {
    std::optional<Standing> winner;
    if (current) winner = {current->order, current->content, current->record, std::nullopt};
    std::vector<Standing> fresh;  // new winners of their orders
    for (std::size_t at = begin; at < end;) {
      const std::size_t group_end = EndOf(at, end, facts_.orders);
      WEIRHOUSE_TRY(const auto standing, Group(at, group_end, current));
      if (standing) {
        fresh.push_back(*standing);
        if (!winner || Beats(*standing, *winner)) winner = *standing;
      }
      at = group_end;
    }
    NoteStanding(begin, fresh, *winner, current);
    if (!current) {
      ++decision_.states.processed;
      --decision_.states.superseded;  // Group counted each winner of an order as superseded
    }
    if (!winner->row) return Status::Ok();
    decision_.current.push_back(*winner->row);
    if (current) decision_.deletes.push_back(current->position);
    return Status::Ok();
  }

  // Handles the winners of their orders: which of them lost to the winner of the key, and which
  // must be remembered. With an index of losers the key index remembers the winner.
  void NoteStanding(std::size_t begin, const std::vector<Standing>& fresh, const Standing& winner,
                    const iceberg::KeyEntry* current) {
    const std::string_view key = facts_.keys[begin];
    for (const Standing& standing : fresh) {
      const bool wins = standing.row == winner.row;
      if (wins && known_.remembers_losers_only) continue;
      const LostVersion version{VersionGroup(key, standing.order), standing.content};
      decision_.versions.best.push_back({version.group, version.content, standing.record});
      if (wins) continue;
      decision_.losers.push_back(
          {standing.record, RecordState::kSuperseded, winner.record, false, version});
    }
    if (!current || !winner.row) return;
    const bool stood = std::none_of(fresh.begin(), fresh.end(), [&](const Standing& standing) {
      return standing.order == current->order;
    });
    if (!stood) return;  // it lost as a conflict, in Settle
    const LostVersion version{VersionGroup(key, current->order), current->content};
    decision_.losers.push_back(
        {current->record, RecordState::kSuperseded, winner.record, true, version});
    if (known_.remembers_losers_only) {
      decision_.versions.best.push_back({version.group, version.content, current->record});
    }
  }

  // Decides the rows of one key and one order. Returns the version that newly wins them, if any.
  Result<std::optional<Standing>> Group(std::size_t begin, std::size_t end,
                                        const iceberg::KeyEntry* current) {
    std::optional<Version> best;
    if (const Version* const known = known_.best[group_++]) best = *known;
    const bool is_current = current && current->order == facts_.orders[begin];
    if (!best && is_current) {
      best = Version{{}, current->content, current->record};
    }
    std::vector<std::size_t> fresh;  // first row of each new version, by content
    for (std::size_t at = begin; at < end;) {
      const std::size_t content_end = EndOf(at, end, facts_.contents);
      WEIRHOUSE_TRY(const std::optional<RecordId> same, KnownRecord(at, best));
      if (!same) fresh.push_back(at);
      const RecordId first = same ? *same : Record(at);
      for (std::size_t repeat = same ? at : at + 1; repeat < content_end; ++repeat) {
        ++decision_.states.duplicate;
        decision_.losers.push_back({Record(repeat), RecordState::kDuplicate, first, false});
        if (same && Record(repeat) < first) decision_.older.emplace_back(facts_.keys[repeat]);
      }
      at = content_end;
    }
    if (fresh.empty()) return std::optional<Standing>();
    if (!best) ++decision_.states.superseded;
    decision_.states.conflict += static_cast<std::int64_t>(fresh.size()) - (best ? 0 : 1);
    return Settle(fresh, best);
  }

  // Which of the new versions and the best one so far wins; the others are conflicts.
  std::optional<Standing> Settle(const std::vector<std::size_t>& fresh,
                                 const std::optional<Version>& best) {
    const std::size_t top = fresh.back();
    const bool top_stands = !best || best->content < facts_.contents[top];
    const RecordId stands = top_stands ? Record(top) : best->record;
    const Digest group =
        fresh.size() > 1 || best ? VersionGroup(facts_.keys[top], facts_.orders[top]) : Digest();
    for (std::size_t at : fresh) {
      decision_.history.push_back(rows_[at]);
      if (at == top && top_stands) continue;
      Lose(group, facts_.contents[at], Record(at), stands, /*moved=*/false);
    }
    if (!top_stands) return std::nullopt;
    if (best) Lose(group, best->content, best->record, stands, /*moved=*/true);
    return Standing{facts_.orders[top], facts_.contents[top], Record(top), rows_[top]};
  }

  void Lose(const Digest& group, const Digest& content, RecordId record, RecordId to, bool moved) {
    decision_.versions.others.push_back({group, content, record});
    decision_.losers.push_back(
        {record, RecordState::kConflict, to, moved, LostVersion{group, content}});
  }

  // The record that first brought this row's content, if it came before.
  Result<std::optional<RecordId>> KnownRecord(std::size_t at, const std::optional<Version>& best) {
    if (!best) return std::optional<RecordId>();
    const Digest& content = facts_.contents[at];
    if (best->content == content) return std::optional<RecordId>(best->record);
    if (known_.versions == nullptr) return std::optional<RecordId>();
    WEIRHOUSE_TRY(const auto found,
                  known_.versions->FindOthers(
                      {{VersionGroup(facts_.keys[at], facts_.orders[at]), content, RecordId()}}));
    return found[0];
  }

  const RowFacts& facts_;
  const std::vector<std::int64_t>& rows_;
  const KnownRows& known_;
  Decision decision_;
  std::size_t group_ = 0;
};

// Decides the rows of one key in the order of arrival.
class ArrivalWalk {
 public:
  ArrivalWalk(const RowFacts& facts, const std::vector<std::int64_t>& rows, const KnownRows& known)
      : facts_(facts), rows_(rows), known_(known) {}

  Result<Decision> Run() {
    std::size_t key_index = 0;
    for (std::size_t begin = 0; begin < rows_.size(); ++key_index) {
      std::size_t end = begin + 1;
      while (end < rows_.size() && facts_.keys[end] == facts_.keys[begin]) ++end;
      Key(begin, end, known_.current[key_index]);
      WEIRHOUSE_TRY_STATUS(NewVersions(begin, end, known_.best[key_index]));
      begin = end;
    }
    return std::move(decision_);
  }

 private:
  void Key(std::size_t begin, std::size_t end, const iceberg::KeyEntry* current) {
    std::optional<Standing> winner;
    if (current) winner = {{}, current->content, current->record, std::nullopt};
    for (std::size_t at = begin; at < end; ++at) {
      const RecordId record(facts_.records[at]);
      const Digest& content = facts_.contents[at];
      if (!winner) {
        ++decision_.states.processed;
        winner = {{}, content, record, rows_[at]};
      } else if (winner->content == content) {
        ++decision_.states.duplicate;
        decision_.losers.push_back({record, RecordState::kDuplicate, winner->record, false});
      } else if (record < winner->record) {
        ++decision_.states.superseded;
        decision_.losers.push_back({record, RecordState::kSuperseded, winner->record, false});
      } else {
        ++decision_.states.superseded;
        decision_.losers.push_back(
            {winner->record, RecordState::kSuperseded, record, !winner->row.has_value()});
        winner = {{}, content, record, rows_[at]};
      }
    }
    if (!winner->row) return;
    decision_.current.push_back(*winner->row);
    if (current) decision_.deletes.push_back(current->position);
  }

  // Adds contents that this key never had before to the history.
  Status NewVersions(std::size_t begin, std::size_t end, const Version* best) {
    const Digest group = VersionGroup(facts_.keys[begin], {});
    std::vector<Version> fresh;
    std::vector<std::int64_t> rows;
    for (std::size_t at = begin; at < end; ++at) {
      const Digest& content = facts_.contents[at];
      const bool repeated = (best && best->content == content) ||
                            std::any_of(fresh.begin(), fresh.end(), [&](const Version& version) {
                              return version.content == content;
                            });
      if (repeated) continue;
      fresh.push_back({group, content, RecordId(facts_.records[at])});
      rows.push_back(rows_[at]);
    }
    std::vector<std::optional<RecordId>> others(fresh.size());
    if (known_.versions != nullptr && best && !fresh.empty()) {
      WEIRHOUSE_TRY(others, known_.versions->FindOthers(fresh));
    }
    bool has_best = best != nullptr;
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      if (others[i]) continue;
      decision_.history.push_back(rows[i]);
      auto& changes = has_best ? decision_.versions.others : decision_.versions.best;
      changes.push_back(std::move(fresh[i]));
      has_best = true;
    }
    return Status::Ok();
  }

  const RowFacts& facts_;
  const std::vector<std::int64_t>& rows_;
  const KnownRows& known_;
  Decision decision_;
};

}  // namespace

Result<Decision> DecideByOrder(const RowFacts& facts, const std::vector<std::int64_t>& rows,
                               const KnownRows& known) {
  return OrderWalk(facts, rows, known).Run();
}

Result<Decision> DecideByArrival(const RowFacts& facts, const std::vector<std::int64_t>& rows,
                                 const KnownRows& known) {
  return ArrivalWalk(facts, rows, known).Run();
}
}  // namespace weirhouse::transform

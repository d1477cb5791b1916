#include "rules/feature/join/latest.h"

#include <arrow/api.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>

#include "ground/base/thread.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/visibility.h"
#include "rules/feature/value/arrow_columns.h"

namespace weirhouse::feature {
namespace {
constexpr std::size_t kBlockRows = 64;

// The rows of a piece that some label may choose, with what decides: ascending in (entity, event
// time, known time).
struct Candidates {
  std::vector<std::uint32_t> entity;
  std::vector<std::int64_t> event_time;
  std::vector<std::int64_t> known_time;
  std::vector<std::int64_t> hidden_at;  // empty: kNever for all
  std::vector<std::uint32_t> row;
  // The least known time of each block of rows, so that rows which are not yet known are passed by
  // the block.
  std::vector<std::int64_t> block_known;

  std::size_t size() const { return row.size(); }
  std::int64_t HiddenAt(std::size_t i) const { return hidden_at.empty() ? kNever : hidden_at[i]; }
  bool StandsAt(std::size_t i, std::int64_t known) const {
    return known_time[i] <= known && known < HiddenAt(i);
  }
  void Resize(std::size_t count, bool hides);
  void Sort();
  void FindBlocks();
};

void Candidates::Resize(std::size_t count, bool hides) {
  entity.resize(count);
  event_time.resize(count);
  known_time.resize(count);
  row.resize(count);
  if (hides) hidden_at.resize(count);
}

void Candidates::Sort() {
  const auto before = [&](std::size_t a, std::size_t b) {
    return std::tie(entity[a], event_time[a], known_time[a], row[a]) <
           std::tie(entity[b], event_time[b], known_time[b], row[b]);
  };
  bool sorted = true;
  for (std::size_t i = 1; i < size() && sorted; ++i) sorted = !before(i, i - 1);
  if (sorted) return;
  std::vector<std::size_t> order(size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), before);
  const auto arrange = [&](auto* column) {
    if (column->empty()) return;
    auto arranged = *column;
    for (std::size_t i = 0; i < order.size(); ++i) arranged[i] = (*column)[order[i]];
    *column = std::move(arranged);
  };
  arrange(&entity);
  arrange(&event_time);
  arrange(&known_time);
  arrange(&hidden_at);
  arrange(&row);
}

void Candidates::FindBlocks() {
  block_known.assign(size() / kBlockRows + 1, kNever);
  for (std::size_t i = 0; i < size(); ++i) {
    std::int64_t& least = block_known[i / kBlockRows];
    least = std::min(least, known_time[i]);
  }
}

bool HasDeletes(const FeaturePieces& pieces, std::size_t piece) {
  const auto bounds = pieces.BoundsOf(piece, "op");
  return !bounds || bounds->minimum != 0 || bounds->maximum != 0;
}

class PieceReader {
 public:
  PieceReader(const FeaturePieces& pieces, const LabelOrder& labels,
              const std::vector<std::vector<HiddenVersion>>& hidden, std::int64_t low_at)
      : pieces_(pieces), labels_(labels), hidden_(hidden), low_at_(low_at) {}

  bool MayMatter(std::size_t piece) const {
    if (!labels_.MayHold(pieces_, piece)) return false;
    const auto times = pieces_.BoundsOf(piece, "event_time");
    return !times || (times->minimum <= labels_.last_at() && times->maximum >= low_at_);
  }

  Result<Candidates> Read(std::size_t piece) const {
    std::vector<std::string> columns = labels_.entity_columns();
    columns.insert(columns.end(), {"event_time", "known_time"});
    const bool deletes = HasDeletes(pieces_, piece);
    if (deletes) columns.emplace_back("op");
    WEIRHOUSE_TRY(const auto rows, pieces_.Read(piece, columns));
    WEIRHOUSE_TRY(const std::vector<std::uint32_t> entities, labels_.NumbersOf(*rows));
    WEIRHOUSE_TRY(const auto times, RequireColumn(*rows, "event_time", "the feature table"));
    WEIRHOUSE_TRY(const IntegerView event, IntegerView::Of(*times, "event_time"));
    WEIRHOUSE_TRY(const IntegerView known, KnownTimesOf(*rows));
    IntColumn op;
    if (deletes) {
      WEIRHOUSE_TRY(const auto ops, RequireColumn(*rows, "op", "the feature table"));
      WEIRHOUSE_TRY(op, ReadIntegers(*ops, "op"));
    }
    Candidates found;
    auto next_hidden = hidden_[piece].begin();
    const bool hides = next_hidden != hidden_[piece].end();
    const auto none = std::count(entities.begin(), entities.end(), kNoEntity);
    found.Resize(entities.size() - static_cast<std::size_t>(none), hides);
    std::size_t count = 0;
    const std::int64_t* event_times = event.data();
    const std::int64_t* known_times = known.data();
    for (std::size_t i = 0; i < entities.size(); ++i) {
      std::int64_t hidden_at = kNever;
      if (hides && next_hidden != hidden_[piece].end() && next_hidden->row == i)
        hidden_at = (next_hidden++)->hidden_at;
      if (entities[i] == kNoEntity) continue;
      const std::int64_t event_time = event.IsValid(i) ? event_times[i] : kTimeless;
      if (event_time < low_at_ || event_time > labels_.last_at()) continue;
      if (deletes && op.values[i] != 0) continue;
      found.entity[count] = entities[i];
      found.event_time[count] = event_time;
      found.known_time[count] = std::min(known_times[i], kLatest);
      found.row[count] = static_cast<std::uint32_t>(i);
      if (hides) found.hidden_at[count] = hidden_at;
      ++count;
    }
    found.Resize(count, hides);
    found.Sort();
    found.FindBlocks();
    return found;
  }

 private:
  const FeaturePieces& pieces_;
  const LabelOrder& labels_;
  const std::vector<std::vector<HiddenVersion>>& hidden_;
  std::int64_t low_at_;
};

// A row as great as the best one by times: table key and digest decide.
struct Tied {
  std::size_t label = 0;
  std::int64_t event_time = 0;
  std::int64_t known_time = 0;
  std::uint32_t piece = 0;
  std::uint32_t row = 0;
};

class Chooser {
 public:
  Chooser(const ViewPlan& plan, const LabelOrder& labels, ChoiceRange range)
      : view_(plan.view), labels_(labels), range_(range) {
    best_.resize(labels.size());
  }

  void Take(std::uint32_t piece, const Candidates& rows) {
    for (std::size_t first = 0, last = 0; first < rows.size(); first = last) {
      const std::uint32_t entity = rows.entity[first];
      for (last = first + 1; last < rows.size() && rows.entity[last] == entity;) ++last;
      std::size_t end = first;  // rows before it lie in the range of the label
      const std::int64_t newest = rows.event_time[last - 1];
      const std::size_t labels_end = labels_.end(entity);
      std::size_t label = labels_.begin(entity);
      while (label < labels_end && range_.High(labels_.at(label)) < rows.event_time[first]) ++label;
      for (; label < labels_end; ++label) {
        const std::int64_t at = labels_.at(label);
        if (range_.Low(at) > newest) break;  // as of all later labels
        while (end < last && rows.event_time[end] <= range_.High(at)) ++end;
        TakeFor(label, piece, rows, first, end);
      }
    }
  }

  Status Settle(const FeaturePieces& pieces);
  std::vector<ChosenRow> Finish() && { return std::move(best_); }

 private:
  // The greatest of [first, end) that stands, and those that equal it by times.
  void TakeFor(std::size_t label, std::uint32_t piece, const Candidates& rows, std::size_t first,
               std::size_t end) {
    const std::int64_t known = KnownAt(view_, labels_.known(label));
    std::size_t i = end;
    while (i > first) {
      if (i % kBlockRows == 0 && rows.block_known[i / kBlockRows - 1] > known) {
        i -= std::min(kBlockRows, i - first);
        continue;
      }
      if (rows.StandsAt(--i, known)) break;
      if (i == first) return;
    }
    if (end == first || !rows.StandsAt(i, known)) return;
    Offer(label, piece, rows, i);
    for (std::size_t other = i; other-- > first && rows.event_time[other] == rows.event_time[i] &&
                                rows.known_time[other] == rows.known_time[i];) {
      if (rows.StandsAt(other, known)) Offer(label, piece, rows, other);
    }
  }

  void Offer(std::size_t label, std::uint32_t piece, const Candidates& rows, std::size_t i) {
    const std::int64_t event_time = rows.event_time[i];
    const std::int64_t known_time = rows.known_time[i];
    ChosenRow& best = best_[label];
    if (best.piece != kNoPiece) {
      if (std::tie(event_time, known_time) < std::tie(best.event_time, best.known_time)) return;
      if (event_time == best.event_time && known_time == best.known_time) {
        tied_.push_back({label, event_time, known_time, piece, rows.row[i]});
        return;
      }
    }
    best = {event_time, known_time, piece, rows.row[i]};
  }

  const FeatureView& view_;
  const LabelOrder& labels_;
  ChoiceRange range_;
  std::vector<ChosenRow> best_;
  std::vector<Tied> tied_;
};

// Table keys and digests of some rows.
class RowNames {
 public:
  using Place = std::pair<std::uint32_t, std::uint32_t>;  // piece, row

  explicit RowNames(std::vector<Place> places) : places_(std::move(places)) {
    std::sort(places_.begin(), places_.end());
    places_.erase(std::unique(places_.begin(), places_.end()), places_.end());
    names_.resize(places_.size());
  }

  Status Read(const FeaturePieces& pieces) {
    for (std::size_t first = 0, last = 0; first < places_.size(); first = last) {
      for (last = first; last < places_.size() && places_[last].first == places_[first].first;)
        ++last;
      WEIRHOUSE_TRY(const auto rows, pieces.Read(places_[first].first, {"row_key", "row_digest"}));
      WEIRHOUSE_TRY(const auto keys, ReadBytes(*rows->column(0), "row_key"));
      WEIRHOUSE_TRY(const auto digests, ReadBytes(*rows->column(1), "row_digest"));
      for (std::size_t i = first; i < last; ++i) {
        names_[i] = {std::string(keys[places_[i].second]), std::string(digests[places_[i].second])};
      }
    }
    return Status();
  }

  const std::pair<std::string, std::string>& Of(Place place) const {
    const auto found = std::lower_bound(places_.begin(), places_.end(), place);
    return names_[static_cast<std::size_t>(found - places_.begin())];
  }

 private:
  std::vector<Place> places_;
  std::vector<std::pair<std::string, std::string>> names_;
};

Status Chooser::Settle(const FeaturePieces& pieces) {
  std::erase_if(tied_, [&](const Tied& tied) {  // something greater came later
    return tied.event_time != best_[tied.label].event_time ||
           tied.known_time != best_[tied.label].known_time;
  });
  if (tied_.empty()) return Status();
  std::vector<RowNames::Place> places;
  for (const Tied& tied : tied_) {
    places.emplace_back(tied.piece, tied.row);
    places.emplace_back(best_[tied.label].piece, best_[tied.label].row);
  }
  RowNames names(std::move(places));
  WEIRHOUSE_TRY_STATUS(names.Read(pieces));
  for (const Tied& tied : tied_) {
    ChosenRow& best = best_[tied.label];
    if (names.Of({best.piece, best.row}) < names.Of({tied.piece, tied.row})) {
      best.piece = tied.piece;
      best.row = tied.row;
    }
  }
  return Status();
}
}  // namespace

bool ChoosesRows(const FeatureView& view, const std::vector<std::size_t>& outputs) {
  const std::vector<OutputColumn> columns = OutputColumnsOf(view);
  return std::all_of(outputs.begin(), outputs.end(), [&](std::size_t i) {
    const Aggregate aggregate = view.features[columns[i].feature].aggregate;
    return aggregate == Aggregate::kLatest || aggregate == Aggregate::kLast ||
           aggregate == Aggregate::kSecondsSinceLast;
  });
}

std::int64_t ChoiceRange::High(std::int64_t at) const {
  return at_included ? at : MinusTime(at, 1);
}

std::int64_t ChoiceRange::Low(std::int64_t at) const {
  return look_back_us ? MinusTime(at, *look_back_us) : kTimeless;
}

ChoiceRange RangeOf(const ViewPlan& plan, const PlannedOutput& output) {
  return {output.aggregate == Aggregate::kLatest || plan.view.closed_end,
          output.window ? plan.windows_us[*output.window] : plan.view.ttl_us};
}

std::int64_t LowOf(const ViewPlan& plan, const PlannedOutput& output, std::int64_t at) {
  if (output.window) return WindowLow(plan.view, at, plan.windows_us[*output.window]);
  return plan.view.ttl_us ? MinusTime(at, *plan.view.ttl_us) : kTimeless;
}

Result<std::vector<ChosenRow>> ChooseRows(const ViewPlan& plan, const FeaturePieces& pieces,
                                          const std::vector<std::vector<HiddenVersion>>& hidden,
                                          const LabelOrder& labels, ChoiceRange range,
                                          int threads) {
  Chooser chooser(plan, labels, range);
  if (labels.size() == 0) return std::move(chooser).Finish();
  const PieceReader reader(pieces, labels, hidden, range.Low(labels.first_at()));
  std::vector<std::uint32_t> wanted;
  for (std::size_t piece = 0; piece < pieces.count(); ++piece) {
    if (reader.MayMatter(piece)) wanted.push_back(static_cast<std::uint32_t>(piece));
  }
  const auto together = static_cast<std::size_t>(std::max(threads, 1));
  for (std::size_t first = 0; first < wanted.size(); first += together) {
    const std::size_t count = std::min(together, wanted.size() - first);
    std::vector<Candidates> read(count);
    WEIRHOUSE_TRY_STATUS(ForEachInParallel(count, together, [&](std::size_t i) -> Status {
      WEIRHOUSE_TRY(read[i], reader.Read(wanted[first + i]));
      return Status();
    }));
    for (std::size_t i = 0; i < count; ++i) chooser.Take(wanted[first + i], read[i]);
  }
  WEIRHOUSE_TRY_STATUS(chooser.Settle(pieces));
  return std::move(chooser).Finish();
}
}  // namespace weirhouse::feature

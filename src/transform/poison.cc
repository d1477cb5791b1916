#include "transform/poison.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "table/schema.h"
#include "transform/locate.h"
#include "transform/run.h"

namespace weirhouse::transform {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;

constexpr char kFailedOnValue[] = "WH2114";
constexpr std::size_t kToldInFull = 100;  // rows of which the engine's own words are asked
constexpr std::string_view kEngineSays = ": SQL was refused: ";

bool FailedOnValue(const Status& status) { return status.error_code() == kFailedOnValue; }

// Whether no other rows than the driver's are read: else it cannot be told whose fault an error is.
bool ReadsAlone(const CheckedTransform& checked, const std::string& driver) {
  return std::all_of(checked.references.begin(), checked.references.end(),
                     [&](const TableReference& reference) {
                       return reference.name == driver || reference.kind == TableKind::kSeed;
                     });
}

// Rows of the input on which the SQL may fail.
struct Suspects {
  std::vector<std::int64_t> rows;    // in order
  std::vector<FailingPlace> places;  // one for each of `rows`; empty: unknown
  bool alike = false;                // it fails on all of them or on none
};
constexpr std::size_t kAlikeAsked = 100;  // of rows that are alike, before the others are believed

// Threads: one.
class Search {
 public:
  Search(storage::SqlSession& session, const CheckedTransform& checked, const std::string& driver,
         const RowsPtr& input, ProcessTime run_time, std::size_t told)
      : session_(session),
        checked_(checked),
        driver_(driver),
        input_(input),
        run_time_(run_time),
        told_(told) {}

  Result<GoodRows> Run(const Status& failed) {
    const auto on_none = RunOver(input_->Slice(0, 0));
    if (!on_none.ok() || !ReadsAlone(checked_, driver_)) return failed;
    WEIRHOUSE_TRY(const auto failing, FindFailing(session_, checked_, driver_, input_, run_time_));
    GoodRows good;
    Result<RowsPtr> rows(failed);
    for (const bool guarded : {false, true}) {
      const std::size_t known = bad_.size();
      WEIRHOUSE_TRY_STATUS(TakeReal(failing, guarded));
      if (bad_.size() > known) rows = RunOverGood();
      if (rows.ok()) break;
    }
    if (!rows.ok()) {
      if (!FailedOnValue(rows.status())) return rows.status();
      // It fails where no expression was found to.
      std::vector<RowsPtr> parts;
      WEIRHOUSE_TRY_STATUS(Judge({GoodRowNumbers(), {}, false}, &parts));
      if (!bad_.empty()) rows = RunOverGood();
      if (!rows.ok() && FailedOnValue(rows.status()) && checked_.row_wise) {
        // Together they fail, apart they do not: conditions are taken in another order then.
        auto joined = arrow::ConcatenateTables(parts);
        if (joined.ok()) rows = *joined;
      }
      if (!rows.ok()) return rows.status();
    }
    good.rows = *std::move(rows);
    WEIRHOUSE_TRY(good.poison, Tell());
    return good;
  }

 private:
  Result<RowsPtr> RunOver(const RowsPtr& rows) {
    WEIRHOUSE_TRY_STATUS(RegisterInput(session_, checked_, driver_, rows));
    return RunTransform(session_, checked_, run_time_);
  }

  // What fails where it is tried need not be reached: the engine may do without a cast in a
  // comparison, and takes the parts of a condition in an order of its own. So the SQL itself is
  // asked, of each place apart; of those that others guard only if it goes on to fail.
  Status TakeReal(const std::map<std::int64_t, FailingPlace>& failing, bool guarded) {
    std::map<std::string, Suspects> places;  // by place and expression
    for (const auto& [row, place] : failing) {
      if (place.guarded != guarded) continue;
      Suspects& suspects = places[place.place + " " + place.expression];
      suspects.places.emplace_back(place);
      suspects.rows.push_back(row);
      // An item of the SELECT list is computed for each row that WHERE lets through, or for none.
      suspects.alike = !place.filters;
    }
    for (const auto& [text, suspects] : places) WEIRHOUSE_TRY_STATUS(Judge(suspects, nullptr));
    return Status();
  }

  // Adds those of `suspects` that the SQL fails on alone. Runs over several at a time: over twice
  // as many where those passed, over half as many where it failed. `passed` gets what the SQL gives
  // of the others; null: that is not asked for.
  Status Judge(const Suspects& suspects, std::vector<RowsPtr>* passed) {
    const std::size_t count = suspects.rows.size();
    std::size_t step = std::max<std::size_t>(count, 1);
    std::size_t failed = 0;
    for (std::size_t begin = 0; begin < count;) {
      if (suspects.alike && failed == begin && failed >= kAlikeAsked) {
        for (; begin < count; ++begin) AddBad(suspects, begin);
        break;
      }
      step = std::min(step, count - begin);
      WEIRHOUSE_TRY(const RowsPtr rows, RowsOf(suspects.rows, begin, step));
      const auto answer = RunOver(rows);
      if (answer.ok()) {
        if (passed != nullptr) passed->push_back(*answer);
        begin += step;
        step *= 2;
      } else if (!FailedOnValue(answer.status())) {
        return answer.status();
      } else if (step > 1) {
        step /= 2;
      } else {
        AddBad(suspects, begin++);
        ++failed;
      }
    }
    return Status();
  }
  void AddBad(const Suspects& suspects, std::size_t i) {
    FailingPlace place;
    if (!suspects.places.empty()) {
      place = suspects.places[i];
    } else {
      const SourceSpan& span = checked_.definition.table.span;
      place.place = fmt::format("{}:{}:{}", checked_.definition.path, span.line, span.column);
    }
    bad_.emplace(suspects.rows[i], std::move(place));
  }

  // `count` of the rows `chosen` from the one at `begin` on.
  Result<RowsPtr> RowsOf(const std::vector<std::int64_t>& chosen, std::size_t begin,
                         std::size_t count) const {
    if (chosen[begin + count - 1] - chosen[begin] == static_cast<std::int64_t>(count) - 1)
      return input_->Slice(chosen[begin], static_cast<std::int64_t>(count));
    arrow::Int64Builder builder;
    std::shared_ptr<arrow::Array> indexes;
    arrow::Status status =
        builder.AppendValues(chosen.data() + begin, static_cast<std::int64_t>(count));
    if (status.ok()) status = builder.Finish(&indexes);
    if (!status.ok()) return Status(Code::kInternal, status.ToString());
    auto taken = arrow::compute::Take(arrow::Datum(input_), arrow::Datum(indexes));
    if (!taken.ok()) return Status(Code::kInternal, taken.status().ToString());
    return taken->table();
  }

  std::vector<std::int64_t> GoodRowNumbers() const {
    std::vector<std::int64_t> good;
    for (std::int64_t row = 0; row < input_->num_rows(); ++row) {
      if (bad_.count(row) == 0) good.push_back(row);
    }
    return good;
  }
  Result<RowsPtr> RunOverGood() {
    const std::vector<std::int64_t> good = GoodRowNumbers();
    if (good.empty()) return RunOver(input_->Slice(0, 0));
    WEIRHOUSE_TRY(const RowsPtr rows, RowsOf(good, 0, good.size()));
    return RunOver(rows);
  }

  std::int64_t RecordOf(std::int64_t row) const {
    const auto column = input_->GetColumnByName(std::string(table::kRecordColumn));
    if (column == nullptr) return -1;
    const auto value = column->GetScalar(row);
    if (!value.ok() || !(*value)->is_valid) return -1;
    return static_cast<const arrow::Int64Scalar&>(**value).value;
  }

  Result<std::vector<PoisonRow>> Tell() {
    std::vector<PoisonRow> poison;
    for (const auto& [row, place] : bad_) {
      PoisonRow told{RecordOf(row), place.place, place.expression, {}};
      if (told_ + poison.size() < kToldInFull) {
        const auto alone = RunOver(input_->Slice(row, 1));
        if (!alone.ok()) told.found = WordsOf(alone.status().message());
        const std::string values = ValuesOf(*input_, row, place.columns);
        if (!values.empty()) told.found = CutText(values + ": " + told.found, kFoundBytesMax);
      }
      poison.push_back(std::move(told));
    }
    return poison;
  }
  static std::string WordsOf(const std::string& message) {
    const std::size_t at = message.find(kEngineSays);
    return CutText(at == std::string::npos ? message : message.substr(at + kEngineSays.size()),
                   kFoundBytesMax);
  }

  storage::SqlSession& session_;
  const CheckedTransform& checked_;
  const std::string& driver_;
  const RowsPtr input_;
  const ProcessTime run_time_;
  const std::size_t told_;
  std::map<std::int64_t, FailingPlace> bad_;  // by row of the input
};
}  // namespace

std::string CutText(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

Result<GoodRows> RunAround(storage::SqlSession& session, const CheckedTransform& checked,
                           const std::string& driver, const std::shared_ptr<arrow::Table>& input,
                           ProcessTime run_time, std::size_t told) {
  Result<RowsPtr> rows = RunTransform(session, checked, run_time);
  if (rows.ok()) return GoodRows{*std::move(rows), {}};
  if (!FailedOnValue(rows.status())) return rows.status();
  return Search(session, checked, driver, input, run_time, told).Run(rows.status());
}
}  // namespace weirhouse::transform

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

// Threads: one.
class Search {
 public:
  Search(storage::SqlSession& session, const CheckedTransform& checked, const std::string& driver,
         const RowsPtr& input, ProcessTime run_time)
      : session_(session), checked_(checked), driver_(driver), input_(input), run_time_(run_time) {}

  Result<GoodRows> Run(const Status& failed) {
    const auto on_none = RunOver(input_->Slice(0, 0));
    if (!on_none.ok() || !ReadsAlone(checked_, driver_)) return failed;
    WEIRHOUSE_TRY(const auto failing, FindFailing(session_, checked_, driver_, input_, run_time_));
    WEIRHOUSE_TRY_STATUS(TakeReal(failing));
    GoodRows good;
    Result<RowsPtr> rows = bad_.empty() ? Result<RowsPtr>(failed) : RunOverGood();
    if (!rows.ok()) {
      if (!FailedOnValue(rows.status())) return rows.status();
      WEIRHOUSE_TRY_STATUS(Bisect(0, input_->num_rows()));
      if (!bad_.empty()) rows = RunOverGood();
      if (!rows.ok() && FailedOnValue(rows.status()) && checked_.row_wise) {
        // Together they fail, apart they do not: conditions are taken in another order then.
        auto parts = arrow::ConcatenateTables(parts_);
        if (parts.ok()) rows = *parts;
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
  // comparison. That is so for all rows or for none, so one row for each place tells.
  Status TakeReal(const std::map<std::int64_t, FailingPlace>& failing) {
    std::map<std::string, bool> real;  // by place and expression
    for (const auto& [row, place] : failing) {
      const auto [known, fresh] = real.try_emplace(place.place + " " + place.expression, false);
      if (fresh) {
        const auto alone = RunOver(input_->Slice(row, 1));
        if (!alone.ok() && !FailedOnValue(alone.status())) return alone.status();
        known->second = !alone.ok();
      }
      if (known->second) bad_.emplace(row, place);
    }
    return Status();
  }

  // The rows from `begin` up to `end` that are not known to be bad.
  Result<RowsPtr> Good(std::int64_t begin, std::int64_t end) const {
    arrow::BooleanBuilder keep;
    arrow::Status status = keep.Reserve(end - begin);
    for (std::int64_t row = begin; status.ok() && row < end; ++row)
      keep.UnsafeAppend(bad_.count(row) == 0);
    std::shared_ptr<arrow::Array> mask;
    if (status.ok()) status = keep.Finish(&mask);
    if (!status.ok()) return Status(Code::kInternal, status.ToString());
    auto kept = arrow::compute::Filter(input_->Slice(begin, end - begin), mask);
    if (!kept.ok()) return Status(Code::kInternal, kept.status().ToString());
    return kept->table();
  }
  Result<RowsPtr> RunOverGood() {
    WEIRHOUSE_TRY(const RowsPtr rows, Good(0, input_->num_rows()));
    return RunOver(rows);
  }

  // Adds the rows of [begin, end) that fail alone.
  Status Bisect(std::int64_t begin, std::int64_t end) {
    WEIRHOUSE_TRY(const RowsPtr rows, Good(begin, end));
    if (rows->num_rows() == 0) return Status();
    const auto answer = RunOver(rows);
    if (answer.ok()) {
      parts_.push_back(*answer);
      return Status();
    }
    if (!FailedOnValue(answer.status())) return answer.status();
    if (end - begin == 1) {
      FailingPlace place;
      const SourceSpan& span = checked_.definition.table.span;
      place.place = fmt::format("{}:{}:{}", checked_.definition.path, span.line, span.column);
      bad_.emplace(begin, std::move(place));
      return Status();
    }
    const std::int64_t middle = begin + (end - begin) / 2;
    WEIRHOUSE_TRY_STATUS(Bisect(begin, middle));
    return Bisect(middle, end);
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
      if (poison.size() < kToldInFull) {
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
  std::map<std::int64_t, FailingPlace> bad_;  // by row of the input
  std::vector<RowsPtr> parts_;                // what slices that did not fail gave
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
                           ProcessTime run_time) {
  Result<RowsPtr> rows = RunTransform(session, checked, run_time);
  if (rows.ok()) return GoodRows{*std::move(rows), {}};
  if (!FailedOnValue(rows.status())) return rows.status();
  return Search(session, checked, driver, input, run_time).Run(rows.status());
}
}  // namespace weirhouse::transform

#include "rules/transform/run/poison.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "ground/iceberg/type/schema.h"
#include "rules/transform/cut_text.h"
#include "rules/transform/run/locate.h"
#include "rules/transform/run/row_search.h"
#include "rules/transform/run/run.h"

namespace weirhouse::transform {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;

bool FailedOnValue(const Status& status) { return status.Is(kFailedOnValue); }
constexpr std::size_t kToldInFull = 100;  // rows for which the engine's own message is fetched
constexpr std::string_view kEngineSays = ": SQL was refused: ";

// Whether the query reads only the driver's rows: otherwise an error cannot be attributed to a row.
bool ReadsAlone(const CheckedTransform& checked, const std::string& driver) {
  return std::all_of(checked.references.begin(), checked.references.end(),
                     [&](const TableReference& reference) {
                       return reference.name == driver || reference.kind == TableKind::kSeed;
                     });
}

// Rows of the input on which the SQL may fail, with the places of the failure.
struct Places {
  Suspects suspects;
  std::vector<FailingPlace> places;  // one for each suspect; empty: unknown
};

// Threads: one.
class Search {
 public:
  Search(platform::SqlSession& session, const CheckedTransform& checked, const std::string& driver,
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
      if (!rows.status().Is(kFailedOnValue)) return rows.status();
      // It fails where no failing expression was found.
      std::vector<RowsPtr> parts;
      WEIRHOUSE_TRY_STATUS(Judge({{GoodRowNumbers(), false}, {}}, &parts));
      if (!bad_.empty()) rows = RunOverGood();
      if (!rows.ok() && rows.status().Is(kFailedOnValue) && checked_.row_wise) {
        // They fail together but not alone: then conditions run in another order.
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
  struct Bad {
    FailingPlace place;
    std::string words;  // the engine's message; empty: not known yet
  };

  Result<RowsPtr> RunOver(const RowsPtr& rows) {
    WEIRHOUSE_TRY_STATUS(RegisterInput(session_, checked_, driver_, rows));
    return RunTransform(session_, checked_, run_time_);
  }

  // An expression that fails when it is tried may not be evaluated by the query: the engine may
  // avoid a cast in a comparison, and chooses the order of conditions. So the SQL itself is run,
  // for each place apart; for places that others guard only if it still fails.
  Status TakeReal(const std::map<std::int64_t, FailingPlace>& failing, bool guarded) {
    std::map<std::string, Places> found;  // by place and expression
    for (const auto& [row, place] : failing) {
      if (place.guarded != guarded) continue;
      Places& places = found[place.place + " " + place.expression];
      places.places.emplace_back(place);
      places.suspects.rows.push_back(row);
      // An item of the SELECT list is computed for each row that WHERE lets through, or for none.
      places.suspects.alike = !place.filters;
    }
    for (const auto& [text, places] : found) WEIRHOUSE_TRY_STATUS(Judge(places, nullptr));
    return Status();
  }

  // Adds the rows that the SQL fails on alone. `passed` gets the results for the others; null if
  // they are not needed.
  Status Judge(const Places& places, std::vector<RowsPtr>* passed) {
    const RowQuery query{[&](const RowsPtr& rows) { return RunOver(rows); }, FailedOnValue};
    WEIRHOUSE_TRY(const std::vector<BadRow> found,
                  FindBadRows(query, input_, places.suspects, passed));
    for (const BadRow& one : found) {
      Bad bad;
      if (!places.places.empty()) {
        bad.place = places.places[one.suspect];
      } else {
        const SourceSpan& span = checked_.definition.table.span;
        bad.place.place = fmt::format("{}:{}:{}", checked_.definition.path, span.line, span.column);
      }
      if (!one.why.ok()) bad.words = WordsOf(one.why.message());
      bad_.emplace(places.suspects.rows[one.suspect], std::move(bad));
    }
    return Status();
  }

  std::vector<std::int64_t> GoodRowNumbers() const {
    std::vector<std::int64_t> good;
    for (std::int64_t row = 0; row < input_->num_rows(); ++row) {
      if (bad_.count(row) == 0) good.push_back(row);
    }
    return good;
  }
  Result<RowsPtr> RunOverGood() {
    WEIRHOUSE_TRY(const RowsPtr rows, RowsAt(input_, GoodRowNumbers()));
    return RunOver(rows);
  }

  std::int64_t RecordOf(std::int64_t row) const {
    const auto column = input_->GetColumnByName(std::string(iceberg::kRecordColumn));
    if (column == nullptr) return -1;
    const auto value = column->GetScalar(row);
    if (!value.ok() || !(*value)->is_valid) return -1;
    return static_cast<const arrow::Int64Scalar&>(**value).value;
  }

  Result<std::vector<PoisonRow>> Tell() {
    std::vector<PoisonRow> poison;
    for (const auto& [row, bad] : bad_) {
      PoisonRow told{RecordOf(row), bad.place.place, bad.place.expression, {}};
      if (told_ + poison.size() < kToldInFull) {
        told.found = bad.words;
        const auto alone = told.found.empty() ? RunOver(input_->Slice(row, 1)) : RowsPtr();
        if (!alone.ok()) told.found = WordsOf(alone.status().message());
        const std::string values = ValuesOf(*input_, row, bad.place.columns);
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

  platform::SqlSession& session_;
  const CheckedTransform& checked_;
  const std::string& driver_;
  const RowsPtr input_;
  const ProcessTime run_time_;
  const std::size_t told_;
  std::map<std::int64_t, Bad> bad_;  // by row of the input
};
}  // namespace

Result<GoodRows> RunAround(platform::SqlSession& session, const CheckedTransform& checked,
                           const std::string& driver, const std::shared_ptr<arrow::Table>& input,
                           ProcessTime run_time, std::size_t told) {
  Result<RowsPtr> rows = RunTransform(session, checked, run_time);
  if (rows.ok()) return GoodRows{*std::move(rows), {}};
  if (!rows.status().Is(kFailedOnValue)) return rows.status();
  return Search(session, checked, driver, input, run_time, told).Run(rows.status());
}
}  // namespace weirhouse::transform

// Makes feature rows of the rows that allow it: a row on which an expression fails, or that has no
// time, is left out and reported, and the others are not affected.
#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "ground/base/text.h"
#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/type/key_encoding.h"
#include "ground/iceberg/type/schema.h"
#include "rules/feature/kernel/expression.h"
#include "rules/feature/rows/rows.h"
#include "rules/feature/value/arrow_columns.h"
#include "rules/transform/cut_text.h"
#include "rules/transform/run/locate.h"
#include "rules/transform/run/poison.h"
#include "rules/transform/run/row_search.h"

namespace weirhouse::feature {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;

constexpr std::string_view kTriedTable = "wh_feature_tried";
constexpr std::string_view kEngineSays = "SQL was refused: ";
constexpr std::size_t kToldInFull = 100;  // rows that are reported with the engine's own message

Result<RowsPtr> Kept(const RowsPtr& rows, const std::vector<bool>& keep) {
  if (std::find(keep.begin(), keep.end(), false) == keep.end()) return rows;
  arrow::BooleanBuilder builder;
  std::shared_ptr<arrow::Array> mask;
  arrow::Status built = builder.AppendValues(keep);
  if (built.ok()) built = builder.Finish(&mask);
  if (!built.ok()) return Status(Code::kInternal, built.ToString());
  auto kept = arrow::compute::Filter(rows, mask);
  if (!kept.ok()) return Status(Code::kInternal, kept.status().ToString());
  return kept->table();
}

std::int64_t RecordOf(const arrow::Table& source, std::int64_t row) {
  const auto column = source.GetColumnByName(std::string(iceberg::kRecordColumn));
  if (column == nullptr) return -1;
  const auto value = column->GetScalar(row);
  if (!value.ok() || !(*value)->is_valid || (*value)->type->id() != arrow::Type::INT64) return -1;
  return static_cast<const arrow::Int64Scalar&>(**value).value;
}

// The place of the feature that computes an expression.
std::string PlaceOf(const FeatureView& view, const std::string& sql) {
  SourceSpan span = view.span;
  for (const Feature& feature : view.features) {
    if (feature.of != sql) continue;
    span = feature.span;
    break;
  }
  return fmt::format("{}:{}:{}", span.path, span.line, span.column);
}

// For one expression: the rows on which one part of it may fail.
struct Part {
  transform::Suspects suspects;
  std::vector<std::string> columns;  // that the part names
};

// A row counts as bad if an expression fails on it alone, whatever other rows there are. Threads:
// one.
class Sorter {
 public:
  Sorter(const ViewPlan& plan, RowsPtr source, const std::vector<std::string>& keys,
         platform::SqlSession& session)
      : plan_(plan), source_(std::move(source)), keys_(keys), session_(session) {}

  Result<RowsPtr> Run(std::vector<LeftOutRow>& left_out) {
    const auto whole = Build(source_);
    if (whole.ok() || !Fails(whole.status()) || !Build(source_->Slice(0, 0)).ok()) return whole;
    for (std::size_t i = 0; i < plan_.expressions.size(); ++i) WEIRHOUSE_TRY_STATUS(Ask(i));
    session_.Unregister(std::string(kTriedTable)).Ignore("the next Register replaces it");
    Result<RowsPtr> rows = bad_.empty() ? whole : BuildGood();
    if (!rows.ok()) {
      if (!Fails(rows.status())) return rows;
      WEIRHOUSE_TRY(rows, BuildOneByOne());
    }
    WEIRHOUSE_TRY_STATUS(Tell(left_out));
    return rows;
  }

 private:
  struct Bad {
    std::size_t expression = 0;  // the number of expressions: unknown which
    std::string words;           // the engine's message; empty: not fetched
    std::vector<std::string> columns;
  };

  static bool Fails(const Status& status) {
    return status.Is(kExpressionRefused) && status.code() == Code::kInvalidInput;
  }
  Result<RowsPtr> Build(const RowsPtr& rows) const {
    return BuildFeatureRows(plan_, rows, keys_, session_);
  }
  std::vector<std::int64_t> GoodRowNumbers() const {
    std::vector<std::int64_t> good;
    for (std::int64_t row = 0; row < source_->num_rows(); ++row) {
      if (bad_.count(row) == 0) good.push_back(row);
    }
    return good;
  }
  Result<RowsPtr> BuildGood() const {
    WEIRHOUSE_TRY(const RowsPtr rows, transform::RowsAt(source_, GoodRowNumbers()));
    return Build(rows);
  }

  std::string QueryOf(std::size_t expression) const {
    return fmt::format(
        "SELECT CAST((\n{}\n) AS {}) AS v FROM {}", plan_.expressions[expression].sql,
        SqlTypeName(plan_.value_types[expression], plan_.scales[expression]), kTriedTable);
  }

  // Adds the rows on which one expression fails. The SQL engine tells which of its parts fails;
  // only the expression itself tells whether that matters.
  Status Ask(std::size_t expression) {
    const auto registers = [&](const RowsPtr& rows) {
      return session_.Register(std::string(kTriedTable), rows);
    };
    const std::string sql = QueryOf(expression);
    WEIRHOUSE_TRY(const auto failing,
                  transform::FindFailingExpressions(session_, sql, std::string(kTriedTable),
                                                    source_, ProcessTime(), registers));
    std::map<std::pair<std::int64_t, std::string>, Part> parts;
    for (const auto& [row, part] : failing) {
      if (bad_.count(row) != 0) continue;
      Part& rows = parts[{part.offset, part.sql}];
      rows.suspects.alike = true;
      rows.suspects.rows.push_back(row);
      rows.columns = part.columns;
    }
    const transform::RowQuery query{
        [&](const RowsPtr& rows) -> Result<RowsPtr> {
          WEIRHOUSE_TRY_STATUS(registers(rows));
          return session_.Query(sql);
        },
        [](const Status& status) { return status.code() == Code::kInvalidInput; }};
    for (const auto& [place, part] : parts) {
      WEIRHOUSE_TRY(const auto found,
                    transform::FindBadRows(query, source_, part.suspects, nullptr));
      for (const transform::BadRow& one : found) {
        bad_.emplace(part.suspects.rows[one.suspect],
                     Bad{expression, WordsOf(one.why), part.columns});
      }
    }
    return Status();
  }

  // If not every function may be tried, the view itself is run.
  Result<RowsPtr> BuildOneByOne() {
    const transform::RowQuery query{[&](const RowsPtr& rows) { return Build(rows); }, Fails};
    const std::vector<std::int64_t> rows = GoodRowNumbers();
    std::vector<RowsPtr> passed;
    WEIRHOUSE_TRY(const auto found, transform::FindBadRows(query, source_, {rows, false}, &passed));
    for (const transform::BadRow& one : found)
      bad_.emplace(rows[one.suspect], Bad{plan_.expressions.size(), WordsOf(one.why), {}});
    const auto built = BuildGood();
    if (built.ok() || !Fails(built.status())) return built;
    // They fail together, but not alone.
    std::vector<FeatureRun> runs;
    for (RowsPtr& run : passed) runs.push_back({std::move(run), CommitSeq(0)});
    WEIRHOUSE_TRY(const RowsPtr merged, MergeRuns(plan_, runs));
    auto without = merged->RemoveColumn(merged->num_columns() - 1);  // `_commit_seq`
    if (!without.ok()) return Status(Code::kInternal, without.status().ToString());
    return *without;
  }

  Status Tell(std::vector<LeftOutRow>& left_out) {
    const auto of_sql = [](const LeftOutRow& left) { return contract::IsOfSql(left.kind); };
    auto told = static_cast<std::size_t>(std::count_if(left_out.begin(), left_out.end(), of_sql));
    WEIRHOUSE_TRY(const iceberg::KeyList keys, iceberg::EncodeKeys(*source_, keys_));
    for (const auto& [row, bad] : bad_) {
      LeftOutRow left;
      left.record = RecordOf(*source_, row);
      left.row_key = keys[static_cast<std::size_t>(row)];
      const bool known = bad.expression < plan_.expressions.size();
      left.expression = known ? plan_.expressions[bad.expression].sql : "";
      left.place = PlaceOf(plan_.view, left.expression);
      if (told++ < kToldInFull) {
        left.found = bad.words;
        if (left.found.empty()) left.found = WordsOf(Build(source_->Slice(row, 1)).status());
        const std::string values = transform::ValuesOf(*source_, row, bad.columns);
        if (!values.empty())
          left.found = transform::CutText(values + ": " + left.found, transform::kFoundBytesMax);
      }
      left_out.push_back(std::move(left));
    }
    return Status();
  }
  static std::string WordsOf(const Status& status) {
    const std::string& message = status.message();
    const std::size_t at = message.find(kEngineSays);
    return transform::CutText(
        at == std::string::npos ? message : message.substr(at + kEngineSays.size()),
        transform::kFoundBytesMax);
  }

  const ViewPlan& plan_;
  const RowsPtr source_;
  const std::vector<std::string>& keys_;
  platform::SqlSession& session_;
  std::map<std::int64_t, Bad> bad_;  // by row of the source
};

// Leaves out rows with a null time in a column that the view names.
Result<RowsPtr> WithTimes(const ViewPlan& plan, const RowsPtr& source,
                          const std::vector<std::string>& key_columns,
                          std::vector<LeftOutRow>& left_out) {
  std::vector<std::string> columns;
  if (plan.view.event_time) columns.push_back(*plan.view.event_time);
  if (plan.view.known_time.kind == KnownTime::Kind::kColumn)
    columns.push_back(plan.view.known_time.column);
  // In a table of other engines `_op` marks deletes, which need no time.
  if (source->GetColumnByName("_op") != nullptr) return source;
  std::vector<bool> keep(static_cast<std::size_t>(source->num_rows()), true);
  for (const std::string& name : columns) {
    const auto column = source->GetColumnByName(name);
    if (column == nullptr || column->null_count() == 0) continue;
    std::int64_t row = 0;
    for (const auto& chunk : column->chunks()) {
      for (std::int64_t i = 0; i < chunk->length(); ++i, ++row) {
        const auto at = static_cast<std::size_t>(row);
        if (!chunk->IsNull(i) || !keep[at]) continue;
        keep[at] = false;
        WEIRHOUSE_TRY(const auto key, iceberg::EncodeKeys(*source->Slice(row, 1), key_columns));
        left_out.push_back({RecordOf(*source, row), contract::ViolationKind::kMissingTime, name, "",
                            "null", std::string(key[0])});
      }
    }
  }
  return Kept(source, keep);
}
}  // namespace

Result<std::shared_ptr<arrow::Table>> BuildGoodFeatureRows(
    const ViewPlan& plan, const std::shared_ptr<arrow::Table>& source,
    const std::vector<std::string>& key_columns, platform::SqlSession& session,
    std::vector<LeftOutRow>& left_out) {
  WEIRHOUSE_TRY(const RowsPtr timed, WithTimes(plan, source, key_columns, left_out));
  return Sorter(plan, timed, key_columns, session).Run(left_out);
}
}  // namespace weirhouse::feature

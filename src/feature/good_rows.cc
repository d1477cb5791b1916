// Feature rows of what feature rows can be made of: a row on which an expression fails, or that
// tells no time, is left out and told; the others do not pay for it.
#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "base/text.h"
#include "feature/arrow_columns.h"
#include "feature/expression.h"
#include "feature/rows.h"
#include "table/key_index.h"
#include "table/schema.h"
#include "transform/locate.h"
#include "transform/poison.h"

namespace weirhouse::feature {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;

constexpr std::string_view kTriedTable = "wh_feature_tried";
constexpr char kRow[] = "wh_feature_row";
constexpr std::size_t kToldInFull = 100;  // rows of which the engine's own words are asked

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
  const auto column = source.GetColumnByName(std::string(table::kRecordColumn));
  if (column == nullptr) return -1;
  const auto value = column->GetScalar(row);
  if (!value.ok() || !(*value)->is_valid || (*value)->type->id() != arrow::Type::INT64) return -1;
  return static_cast<const arrow::Int64Scalar&>(**value).value;
}

// Where the feature that computes an expression stands.
std::string PlaceOf(const FeatureView& view, const std::string& sql) {
  SourceSpan span = view.span;
  for (const Feature& feature : view.features) {
    if (feature.of != sql) continue;
    span = feature.span;
    break;
  }
  return fmt::format("{}:{}:{}", span.path, span.line, span.column);
}

// What may be names of columns in `sql`, in their order, each once.
std::vector<std::string> WordsIn(const std::string& sql) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : sql + " ") {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (letter || (!word.empty() && c >= '0' && c <= '9')) {
      word += c;
    } else if (!word.empty()) {
      if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
      word.clear();
    }
  }
  return words;
}

// Threads: one.
class Sorter {
 public:
  Sorter(const ViewPlan& plan, RowsPtr source, const std::vector<std::string>& keys,
         storage::SqlSession& session)
      : plan_(plan), source_(std::move(source)), keys_(keys), session_(session) {}

  Result<RowsPtr> Run(std::vector<LeftOutRow>& left_out) {
    const auto whole = Build(source_);
    if (whole.ok() || !Fails(whole.status()) || !Build(source_->Slice(0, 0)).ok()) return whole;
    WEIRHOUSE_TRY_STATUS(Try());
    Result<RowsPtr> rows = bad_.empty() ? whole : BuildGood();
    if (!rows.ok()) {
      if (!Fails(rows.status())) return rows;
      WEIRHOUSE_TRY_STATUS(Bisect(0, source_->num_rows()));
      if (bad_.empty()) return whole;
      rows = BuildGood();
      if (!rows.ok()) return rows;
    }
    WEIRHOUSE_TRY_STATUS(Tell(left_out));
    return rows;
  }

 private:
  static bool Fails(const Status& status) {
    return status.error_code() == "WH4006" && status.code() == Code::kInvalidInput;
  }
  Result<RowsPtr> Build(const RowsPtr& rows) const {
    return BuildFeatureRows(plan_, rows, keys_, session_);
  }
  Result<RowsPtr> Good(std::int64_t begin, std::int64_t end) const {
    std::vector<bool> keep(static_cast<std::size_t>(end - begin), true);
    for (auto bad = bad_.lower_bound(begin); bad != bad_.end() && bad->first < end; ++bad)
      keep[static_cast<std::size_t>(bad->first - begin)] = false;
    return Kept(source_->Slice(begin, end - begin), keep);
  }
  Result<RowsPtr> BuildGood() const {
    WEIRHOUSE_TRY(const RowsPtr rows, Good(0, source_->num_rows()));
    return Build(rows);
  }

  // Each expression by itself.
  Status Try() {
    std::vector<std::int64_t> numbers(static_cast<std::size_t>(source_->num_rows()));
    std::iota(numbers.begin(), numbers.end(), 0);
    arrow::Int64Builder builder;
    std::shared_ptr<arrow::Array> array;
    arrow::Status built = builder.AppendValues(numbers);
    if (built.ok()) built = builder.Finish(&array);
    if (!built.ok()) return Status(Code::kInternal, built.ToString());
    auto numbered = source_->AddColumn(source_->num_columns(), arrow::field(kRow, arrow::int64()),
                                       std::make_shared<arrow::ChunkedArray>(array));
    if (!numbered.ok()) return Status(Code::kInternal, numbered.status().ToString());
    WEIRHOUSE_TRY_STATUS(session_.Register(std::string(kTriedTable), *numbered));
    // A query for each: what two expressions of a SELECT list share is computed outside of both
    // TRYs, what stands in WHERE is not.
    for (std::size_t i = 0; i < plan_.expressions.size(); ++i) {
      const auto answer = session_.Query(
          fmt::format("SELECT {} FROM {} WHERE TRY(struct_pack(v := CAST((\n{}\n) AS {}))) IS NULL",
                      kRow, kTriedTable, plan_.expressions[i].sql,
                      SqlTypeName(plan_.value_types[i], plan_.scales[i])));
      // Not every function may be tried: then each row is.
      if (!answer.ok() && answer.status().code() == Code::kInvalidInput) continue;
      if (!answer.ok()) return answer.status();
      for (const auto& chunk : (*answer)->column(0)->chunks()) {
        const auto& rows = static_cast<const arrow::Int64Array&>(*chunk);
        for (std::int64_t row = 0; row < rows.length(); ++row) bad_.emplace(rows.Value(row), i);
      }
    }
    session_.Unregister(std::string(kTriedTable)).Ignore("the next Register replaces it");
    return Status();
  }

  Status Bisect(std::int64_t begin, std::int64_t end) {
    WEIRHOUSE_TRY(const RowsPtr rows, Good(begin, end));
    if (rows->num_rows() == 0) return Status();
    const auto built = Build(rows);
    if (built.ok()) return Status();
    if (!Fails(built.status())) return built.status();
    if (end - begin == 1) {
      bad_.emplace(begin, plan_.expressions.size());
      return Status();
    }
    const std::int64_t middle = begin + (end - begin) / 2;
    WEIRHOUSE_TRY_STATUS(Bisect(begin, middle));
    return Bisect(middle, end);
  }

  Status Tell(std::vector<LeftOutRow>& left_out) {
    const auto of_sql = [](const LeftOutRow& left) { return left.error_code == "WH4006"; };
    auto told = static_cast<std::size_t>(std::count_if(left_out.begin(), left_out.end(), of_sql));
    WEIRHOUSE_TRY(const std::vector<std::string> keys, table::EncodeKeys(*source_, keys_));
    for (const auto& [row, expression] : bad_) {
      LeftOutRow left;
      left.record = RecordOf(*source_, row);
      left.row_key = keys[static_cast<std::size_t>(row)];
      left.error_code = "WH4006";
      const bool known = expression < plan_.expressions.size();
      left.expression = known ? plan_.expressions[expression].sql : "";
      left.place = PlaceOf(plan_.view, left.expression);
      if (told++ < kToldInFull) {
        const auto alone = Build(source_->Slice(row, 1));
        if (!alone.ok()) left.found = WordsOf(alone.status().message());
        const std::string values = transform::ValuesOf(*source_, row, WordsIn(left.expression));
        if (!values.empty())
          left.found = transform::CutText(values + ": " + left.found, transform::kFoundBytesMax);
      }
      left_out.push_back(std::move(left));
    }
    return Status();
  }
  static std::string WordsOf(const std::string& message) {
    constexpr std::string_view kEngineSays = ": SQL was refused: ";
    const std::size_t at = message.find(kEngineSays);
    return transform::CutText(
        at == std::string::npos ? message : message.substr(at + kEngineSays.size()),
        transform::kFoundBytesMax);
  }

  const ViewPlan& plan_;
  const RowsPtr source_;
  const std::vector<std::string>& keys_;
  storage::SqlSession& session_;
  std::map<std::int64_t, std::size_t> bad_;  // row of the source → the expression that fails
};

// Without rows whose time, in a column that the view names, is null.
Result<RowsPtr> WithTimes(const ViewPlan& plan, const RowsPtr& source,
                          const std::vector<std::string>& key_columns,
                          std::vector<LeftOutRow>& left_out) {
  std::vector<std::string> columns;
  if (plan.view.event_time) columns.push_back(*plan.view.event_time);
  if (plan.view.known_time.kind == KnownTime::Kind::kColumn)
    columns.push_back(plan.view.known_time.column);
  // A table of other engines says in `_op` which rows are deletes: these tell no time.
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
        WEIRHOUSE_TRY(const auto key, table::EncodeKeys(*source->Slice(row, 1), key_columns));
        left_out.push_back({RecordOf(*source, row), "WH4015", name, "", "null", key.front()});
      }
    }
  }
  return Kept(source, keep);
}
}  // namespace

Result<std::shared_ptr<arrow::Table>> BuildGoodFeatureRows(
    const ViewPlan& plan, const std::shared_ptr<arrow::Table>& source,
    const std::vector<std::string>& key_columns, storage::SqlSession& session,
    std::vector<LeftOutRow>& left_out) {
  WEIRHOUSE_TRY(const RowsPtr timed, WithTimes(plan, source, key_columns, left_out));
  return Sorter(plan, timed, key_columns, session).Run(left_out);
}
}  // namespace weirhouse::feature

#include "rules/gate/judge/failing_rows.h"

#include <arrow/api.h>
#include <arrow/compute/api_vector.h>
#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <numeric>
#include <span>
#include <tuple>

#include "ground/base/text.h"
#include "ground/base/time.h"
#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/table.h"
#include "ground/iceberg/type/key_encoding.h"
#include "ground/iceberg/type/schema.h"
#include "rules/gate/evaluation/row_source.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
constexpr std::size_t kExamplesMax = 10;
constexpr std::string_view kReasonsColumn = "_reasons";

Status OfArrow(const arrow::Status& status) {
  return Status(Code::kInternal, "could not gather failing rows: " + status.message());
}

Result<RowsPtr> Take(const arrow::Table& rows, const std::vector<std::int64_t>& chosen) {
  arrow::Int64Builder builder;
  arrow::Status status = builder.AppendValues(chosen);
  std::shared_ptr<arrow::Array> indexes;
  if (status.ok()) status = builder.Finish(&indexes);
  if (!status.ok()) return OfArrow(status);
  const auto table = arrow::Table::Make(rows.schema(), rows.columns(), rows.num_rows());
  auto taken = arrow::compute::Take(arrow::Datum(table), arrow::Datum(indexes));
  if (!taken.ok()) return OfArrow(taken.status());
  return taken->table();
}

std::vector<std::string> PresentKeys(const GateInput& input, const arrow::Table& rows) {
  for (const std::string& name : input.key_columns) {
    if (rows.GetColumnByName(name) == nullptr) return {};
  }
  return input.key_columns;
}

// Positions of `rows` by (key, content digest); equal rows keep their places, which cannot be told
// apart.
Result<std::vector<std::int64_t>> CanonicalOrder(const GateInput& input, const arrow::Table& rows) {
  const auto count = static_cast<std::size_t>(rows.num_rows());
  std::vector<std::string_view> keys(count);
  iceberg::KeyList encoded;
  if (const auto key_columns = PresentKeys(input, rows); !key_columns.empty()) {
    WEIRHOUSE_TRY(encoded, iceberg::EncodeKeys(rows, key_columns));
    keys.assign(encoded.begin(), encoded.end());
  }
  std::vector<int> declared;
  for (int i = 0; i < rows.num_columns(); ++i) {
    if (!iceberg::IsHidden(rows.field(i)->name())) declared.push_back(i);
  }
  WEIRHOUSE_TRY(const std::vector<Digest> digests, iceberg::RowDigests(rows, declared));
  std::vector<std::int64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    const auto i = static_cast<std::size_t>(a);
    const auto j = static_cast<std::size_t>(b);
    return std::tie(keys[i], digests[i]) < std::tie(keys[j], digests[j]);
  });
  return order;
}

nlohmann::json JsonText(std::string_view text) {
  if (IsValidUtf8(text)) return std::string(text);
  return "0x" + ToHex(text);
}

// One row as an object of its declared columns.
Result<nlohmann::json> RowAsJson(const arrow::Table& rows, std::int64_t row) {
  nlohmann::json object = nlohmann::json::object();
  for (int i = 0; i < rows.num_columns(); ++i) {
    const std::string& name = rows.field(i)->name();
    if (iceberg::IsHidden(name)) continue;
    const arrow::DataType& type = *rows.field(i)->type();
    nlohmann::json& cell = object[name];
    const auto one = rows.column(i)->Slice(row, 1);
    const auto visited = VisitColumn(
        *one, [](std::int64_t) {},
        [&](std::int64_t, const auto& value) {
          using Value = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<Value, double>) {
            cell = JsonNumber(value);
          } else if constexpr (std::is_same_v<Value, std::string_view>) {
            cell = JsonText(value);
          } else if constexpr (std::is_same_v<Value, arrow::Decimal128>) {
            cell = value.ToString(static_cast<const arrow::Decimal128Type&>(type).scale());
          } else if constexpr (std::is_same_v<Value, std::int64_t>) {
            constexpr std::int64_t kMicrosPerDay = 86'400'000'000;
            if (type.id() == arrow::Type::TIMESTAMP) {
              cell = FormatTime(value);
            } else if (type.id() == arrow::Type::DATE32) {
              cell = FormatDate(value * kMicrosPerDay);
            } else {
              cell = value;
            }
          } else {
            cell = value;
          }
        });
    if (visited.ok()) continue;
    auto scalar = one->GetScalar(0);
    if (!scalar.ok()) return OfArrow(scalar.status());
    if ((*scalar)->is_valid) cell = JsonText((*scalar)->ToString());
  }
  return object;
}

// The first examples among `rows` in canonical order, those that `wanted` holds.
template <typename Wanted>
Result<nlohmann::json> Examples(const arrow::Table& rows, Wanted wanted) {
  nlohmann::json examples = nlohmann::json::array();
  for (std::int64_t row = 0; row < rows.num_rows() && examples.size() < kExamplesMax; ++row) {
    if (!wanted(row)) continue;
    WEIRHOUSE_TRY(nlohmann::json example, RowAsJson(rows, row));
    examples.push_back(std::move(example));
  }
  return examples;
}

// Rows that are not of the batch: taken, ordered, and attached to their check.
Status AddOther(const GateInput& input, const RowsPtr& rows,
                const std::vector<std::int64_t>* chosen, CheckResult& result, GateReport& report) {
  RowsPtr failing = rows;
  if (chosen != nullptr) {
    WEIRHOUSE_TRY(failing, Take(*rows, *chosen));
  }
  WEIRHOUSE_TRY(const auto order, CanonicalOrder(input, *failing));
  WEIRHOUSE_TRY(failing, Take(*failing, order));
  WEIRHOUSE_TRY(result.examples, Examples(*failing, [](std::int64_t) { return true; }));
  report.other_failing_rows.push_back({result.name, failing});
  return Status();
}

Result<RowsPtr> WithReasons(const RowsPtr& rows, const std::vector<std::string>& reasons) {
  arrow::StringBuilder builder;
  arrow::Status status = builder.AppendValues(reasons);
  std::shared_ptr<arrow::Array> column;
  if (status.ok()) status = builder.Finish(&column);
  if (!status.ok()) return OfArrow(status);
  auto with =
      rows->AddColumn(rows->num_columns(), arrow::field(std::string(kReasonsColumn), arrow::utf8()),
                      std::make_shared<arrow::ChunkedArray>(column));
  if (!with.ok()) return OfArrow(with.status());
  return *std::move(with);
}

// A row of the batch and a check that found it.
struct FoundBy {
  std::int64_t row;
  std::size_t check;
  friend auto operator<=>(const FoundBy&, const FoundBy&) = default;
};

// By row, then check; of no more than the first `rows_max` rows.
std::vector<FoundBy> ByRow(const std::vector<Finding>& findings,
                           const std::vector<std::size_t>& checks, std::int64_t rows_max) {
  std::vector<FoundBy> found;
  for (const std::size_t i : checks) {
    const auto middle = static_cast<std::ptrdiff_t>(found.size());
    for (const std::int64_t row : findings[i].bad_rows) found.push_back({row, i});
    std::inplace_merge(found.begin(), found.begin() + middle, found.end());
  }
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i > 0 && found[i].row == found[i - 1].row) continue;
    if (rows++ < rows_max) continue;
    found.resize(i);
    break;
  }
  return found;
}

// Rows of the batch by all checks at once.
Status GatherBatchRows(const GateInput& input, const RowSource& batch,
                       const std::vector<Finding>& findings, const std::vector<std::size_t>& checks,
                       GateReport& report) {
  const std::vector<FoundBy> found =
      ByRow(findings, checks, input.this_rows != nullptr ? INT64_MAX : input.failing_rows_max);
  std::vector<std::int64_t> chosen;
  std::vector<std::size_t> begins;  // of the checks of each chosen row
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!chosen.empty() && chosen.back() == found[i].row) continue;
    chosen.push_back(found[i].row);
    begins.push_back(i);
  }
  begins.push_back(found.size());
  WEIRHOUSE_TRY(RowsPtr failing, TakeRows(batch, chosen));
  WEIRHOUSE_TRY(const auto order, CanonicalOrder(input, *failing));
  WEIRHOUSE_TRY(failing, Take(*failing, order));
  const auto checks_of = [&](std::int64_t position) {
    const auto at = static_cast<std::size_t>(order[static_cast<std::size_t>(position)]);
    return std::span(found).subspan(begins[at], begins[at + 1] - begins[at]);
  };
  std::vector<std::string> reasons;
  for (std::int64_t row = 0; row < failing->num_rows(); ++row) {
    std::vector<std::string> names;
    for (const FoundBy& by : checks_of(row)) names.push_back(report.checks[by.check].name);
    reasons.push_back(Join(names, "; "));
  }
  for (const std::size_t i : checks) {
    auto found_here = [&](std::int64_t row) {
      const auto by = checks_of(row);
      return std::any_of(by.begin(), by.end(), [&](const FoundBy& one) { return one.check == i; });
    };
    WEIRHOUSE_TRY(report.checks[i].examples, Examples(*failing, found_here));
  }
  WEIRHOUSE_TRY(report.failing_rows, WithReasons(failing, reasons));
  return Status();
}
}  // namespace

namespace {
// A verdict without its rows would hide what failed.
void MarkUnkept(CheckResult& result, const Status& why) {
  result.state = State::kError;
  result.reason = fmt::format("{} could not be judged: its failing rows cannot be kept: {}",
                              result.name, why.message());
  result.detail = {{"code", why.error_code()}};
}
}  // namespace

void GatherFailingRows(const GateInput& input, const RowSource& batch,
                       const std::vector<Finding>& findings, GateReport& report) {
  std::vector<std::size_t> of_batch;
  for (std::size_t i = 0; i < findings.size(); ++i) {
    CheckResult& result = report.checks[i];
    const Finding& finding = findings[i];
    const bool tells = result.state == State::kFailed || result.state == State::kWarned ||
                       (result.state == State::kError && !finding.bad_rows.empty());
    if (!tells) continue;
    Status kept;
    if (finding.returned != nullptr) {
      kept = AddOther(input, finding.returned, nullptr, result, report);
    } else if (finding.judged != nullptr && !finding.bad_rows.empty()) {
      kept = AddOther(input, finding.judged, &finding.bad_rows, result, report);
    } else if (!finding.bad_rows.empty()) {
      of_batch.push_back(i);
    }
    if (!kept.ok()) MarkUnkept(result, kept);
  }
  if (of_batch.empty()) return;
  const Status kept = GatherBatchRows(input, batch, findings, of_batch, report);
  if (kept.ok()) return;
  for (const std::size_t i : of_batch) MarkUnkept(report.checks[i], kept);
}
}  // namespace weirhouse::gate

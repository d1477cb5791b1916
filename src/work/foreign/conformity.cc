#include "work/foreign/conformity.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <nlohmann/json.hpp>

#include "ground/base/text.h"
#include "ground/platform/columnar/typed_array.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

constexpr std::int64_t kRowsAtOnce = 20'000;  // a few MB of JSON
constexpr std::size_t kReasonsShown = 3;
constexpr std::int64_t kMicrosPerDay = 86'400'000'000;

template <typename Array>
concept ContractArray = platform::OneOf<Array, arrow::StringArray, arrow::Int64Array,
                                        arrow::DoubleArray, arrow::BooleanArray, arrow::Date32Array,
                                        arrow::TimestampArray, arrow::Decimal128Array>;
// One cell of the types that contracts have.
json CellOf(const arrow::Array& column, std::int64_t row) {
  if (column.IsNull(row)) return nullptr;
  json cell;
  // A table may be wider than its contract; such columns are not judged.
  platform::VisitTyped(column, [&]<typename Array>(const Array& typed)
                         requires ContractArray<Array>
                       {
                         if constexpr (platform::TextArray<Array>) {
                           cell = typed.GetString(row);
                         } else if constexpr (std::same_as<Array, arrow::Date32Array>) {
                           cell = FormatDate(typed.Value(row) * kMicrosPerDay);
                         } else if constexpr (std::same_as<Array, arrow::TimestampArray>) {
                           cell = FormatTime(typed.Value(row));
                         } else if constexpr (std::same_as<Array, arrow::Decimal128Array>) {
                           cell = typed.FormatValue(row);
                         } else {
                           cell = typed.Value(row);
                         }
                       });
  return cell;
}

std::string Dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::string> AsJsonLines(const arrow::Table& rows) {
  auto whole = rows.CombineChunks();
  if (!whole.ok()) return Status(Code::kInternal, whole.status().ToString());
  std::string lines;
  for (std::int64_t row = 0; row < rows.num_rows(); ++row) {
    for (int i = 0; i < rows.num_columns(); ++i) {
      const arrow::Array& column = *(*whole)->column(i)->chunk(0);
      const json cell = CellOf(column, row);
      lines += i == 0 ? '{' : ',';
      lines += Dumped(rows.field(i)->name());
      lines += ':';
      // A decimal's digits stand there as they are: a JSON number of the library is a double.
      const bool is_decimal = column.type_id() == arrow::Type::DECIMAL128 && cell.is_string();
      lines += is_decimal ? cell.get<std::string>() : Dumped(cell);
    }
    lines += rows.num_columns() == 0 ? "{}\n" : "}\n";
  }
  return lines;
}

struct Found {
  std::int64_t rows = 0;
  std::string first;  // the first row it was found in
  std::string value;
};
}  // namespace

Result<catalog::VerdictRecord> JudgeConformity(
    const std::shared_ptr<const contract::Contract>& contract, const std::string& table,
    const arrow::Table& rows, const std::string& batch, EventTime batch_end) {
  WEIRHOUSE_TRY(const contract::Decoder decoder, contract::Decoder::Make(contract, {}));
  std::map<std::string, Found> found;  // by reason
  for (std::int64_t from = 0; from < rows.num_rows(); from += kRowsAtOnce) {
    WEIRHOUSE_TRY(const std::string lines, AsJsonLines(*rows.Slice(from, kRowsAtOnce)));
    contract::ObjectContext context;
    context.source = table;
    context.object_name = "rows.jsonl";
    WEIRHOUSE_TRY(const contract::Decoded decoded, decoder.Decode(lines, context));
    for (const contract::QuarantinedRecord& record : decoded.quarantined) {
      for (const contract::Violation& violation : record.violations) {
        Found& entry = found[violation.Reason()];
        if (entry.rows++ > 0) continue;
        entry.first = record.raw;
        entry.value = violation.found;
      }
    }
  }
  catalog::VerdictRecord verdict;
  verdict.gate = "contract " + contract->Title();
  verdict.table = table;
  verdict.batch = batch;
  verdict.batch_end = batch_end;
  verdict.state = found.empty() ? catalog::VerdictState::kPassed : catalog::VerdictState::kFailed;
  verdict.checks = json::array();
  for (const auto& [reason, entry] : found) {
    verdict.checks.push_back(
        {{"name", reason},
         {"kind", "contract"},
         {"state", "failed"},
         {"severity", "error"},
         {"population", rows.num_rows()},
         {"bad", entry.rows},
         {"observed", entry.value},
         {"reason", fmt::format("{} in {} of {} rows", reason, entry.rows, rows.num_rows())},
         {"examples", json::array({json::parse(entry.first, nullptr, false)})}});
  }
  if (found.empty()) {
    verdict.checks.push_back({{"name", "contract"},
                              {"kind", "contract"},
                              {"state", "passed"},
                              {"severity", "error"},
                              {"population", rows.num_rows()},
                              {"bad", 0}});
  }
  return verdict;
}

std::string ReasonsOf(const catalog::VerdictRecord& verdict) {
  std::vector<std::string> reasons;
  for (const json& check : verdict.checks) {
    if (check.value("state", "") == "failed") reasons.push_back(check.value("reason", ""));
  }
  if (reasons.size() > kReasonsShown) {
    const std::size_t more = reasons.size() - kReasonsShown;
    reasons.resize(kReasonsShown);
    reasons.push_back(fmt::format("and {} more reasons", more));
  }
  return Join(reasons, "; ");
}
}  // namespace weirhouse::work

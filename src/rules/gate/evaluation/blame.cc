// A check whose SQL fails on a value says on which rows, and by which expression: one bad value is
// found by its record, not looked for.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"
#include "ground/platform/sql/sql.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/transform/cut_text.h"
#include "rules/transform/run/locate.h"
#include "rules/transform/run/poison.h"

namespace weirhouse::gate {
namespace {
constexpr std::string_view kEngineSays = "SQL was refused: ";

std::string WordsOf(const std::string& message) {
  const std::size_t at = message.find(kEngineSays);
  return transform::CutText(
      at == std::string::npos ? message : message.substr(at + kEngineSays.size()),
      transform::kFoundBytesMax);
}
bool FailsOnValue(const Status& status) {
  return status.code() == Code::kInvalidInput && !status.error_code().starts_with("WH3");
}
}  // namespace

Result<std::vector<std::int64_t>> Evaluation::FailingRowsOf(const Check& check,
                                                            const std::string& sql,
                                                            const std::string& name,
                                                            nlohmann::json& detail) {
  const RowsPtr rows = registered_.at(name);
  const auto put = [&](const RowsPtr& some) { return session_.Register(name, some); };
  const auto fails = [&](std::int64_t begin, std::int64_t end) -> Result<bool> {
    WEIRHOUSE_TRY_STATUS(put(rows->Slice(begin, end - begin)));
    const auto answer = Ask(check, sql);
    if (!answer.ok() && !FailsOnValue(answer.status())) return answer.status();
    return !answer.ok();
  };
  std::vector<std::int64_t> failing;
  WEIRHOUSE_TRY(const bool always, fails(0, 0));
  if (always) return failing;
  WEIRHOUSE_TRY(const auto found,
                transform::FindFailingExpressions(session_, sql, name, rows, ProcessTime(), put));
  // What fails where it is tried need not be reached: the row that is named is tried alone.
  for (const auto& [row, expression] : found) {
    if (failing.empty()) {
      WEIRHOUSE_TRY(const bool alone, fails(row, row + 1));
      if (!alone) break;
      detail["expression"] = expression.sql;
      detail["values"] = transform::ValuesOf(*rows, row, expression.columns);
    }
    failing.push_back(row);
  }
  // Else the first that fails alone is found by halving.
  std::int64_t begin = 0;
  std::int64_t end = failing.empty() ? rows->num_rows() : 0;
  while (end - begin > 1) {
    const std::int64_t middle = begin + (end - begin) / 2;
    WEIRHOUSE_TRY(const bool left, fails(begin, middle));
    (left ? end : begin) = middle;
  }
  if (begin < end) {
    WEIRHOUSE_TRY(const bool alone, fails(begin, end));
    if (alone) failing.push_back(begin);
  }
  return failing;
}

Result<Finding> Evaluation::Blame(const Check& check, const std::string& sql, const Status& why) {
  if (!FailsOnValue(why) || !stopped_.ok()) return why;
  for (const char* name : {"this", "this_table"}) {
    if (registered_.count(name) == 0) continue;
    nlohmann::json detail = {{"code", why.error_code()}};
    const auto rows = FailingRowsOf(check, sql, name, detail);
    const RowsPtr whole = registered_.at(name);
    WEIRHOUSE_TRY_STATUS(session_.Register(name, whole));
    if (!rows.ok() || rows->empty()) continue;
    Finding finding;
    finding.state = State::kError;
    finding.population = whole->num_rows();
    finding.bad = static_cast<std::int64_t>(rows->size());
    finding.bad_rows = *rows;
    const bool of_batch = std::string_view(name) == "this";
    if (!of_batch) {
      WEIRHOUSE_TRY(finding.judged, OtherTable(definition_.table, {}));
    }
    detail["place"] = fmt::format("{}:{}:{}", check.span.path, check.span.line, check.span.column);
    const std::string record =
        of_batch && input_.record_of ? input_.record_of(rows->front()) : std::string();
    if (!record.empty()) detail["record"] = record;
    const std::string values = detail.value("values", "");
    finding.reason =
        fmt::format("{} could not be judged: {} at {} fails on {} of {} rows, the first{}{}{}: {}",
                    check.name, detail.value("expression", "its SQL"),
                    detail["place"].get<std::string>(), WithThousands(finding.bad),
                    WithThousands(finding.population), record.empty() ? "" : " is " + record,
                    values.empty() ? "" : " with ", values, WordsOf(why.message()));
    finding.detail = std::move(detail);
    return finding;
  }
  return why;
}
}  // namespace weirhouse::gate

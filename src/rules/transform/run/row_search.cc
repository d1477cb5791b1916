#include "rules/transform/run/row_search.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include <algorithm>

namespace weirhouse::transform {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;
constexpr std::size_t kAlikeAsked = 100;  // rows that are tried of those that are alike

// `count` of the rows in `chosen`, from index `begin` on.
Result<RowsPtr> RowsAmong(const RowsPtr& input, const std::vector<std::int64_t>& chosen,
                          std::size_t begin, std::size_t count) {
  if (count == 0) return input->Slice(0, 0);
  if (chosen[begin + count - 1] - chosen[begin] == static_cast<std::int64_t>(count) - 1)
    return input->Slice(chosen[begin], static_cast<std::int64_t>(count));
  arrow::Int64Builder builder;
  std::shared_ptr<arrow::Array> indexes;
  arrow::Status status =
      builder.AppendValues(chosen.data() + begin, static_cast<std::int64_t>(count));
  if (status.ok()) status = builder.Finish(&indexes);
  if (!status.ok()) return Status(Code::kInternal, status.ToString());
  auto taken = arrow::compute::Take(arrow::Datum(input), arrow::Datum(indexes));
  if (!taken.ok()) return Status(Code::kInternal, taken.status().ToString());
  return taken->table();
}
}  // namespace

Result<RowsPtr> RowsAt(const RowsPtr& input, const std::vector<std::int64_t>& chosen) {
  return RowsAmong(input, chosen, 0, chosen.size());
}

Result<std::vector<BadRow>> FindBadRows(const RowQuery& query, const RowsPtr& input,
                                        const Suspects& suspects, std::vector<RowsPtr>* passed) {
  std::vector<BadRow> bad;
  const std::size_t count = suspects.rows.size();
  std::size_t step = std::max<std::size_t>(count, 1);
  for (std::size_t begin = 0; begin < count;) {
    if (suspects.alike && bad.size() == begin && bad.size() >= kAlikeAsked) {
      for (; begin < count; ++begin) bad.push_back({begin, Status()});
      break;
    }
    step = std::min(step, count - begin);
    WEIRHOUSE_TRY(const RowsPtr rows, RowsAmong(input, suspects.rows, begin, step));
    const auto answer = query.run(rows);
    if (answer.ok()) {
      if (passed != nullptr) passed->push_back(*answer);
      begin += step;
      step *= 2;
    } else if (!query.is_of_a_row(answer.status())) {
      return answer.status();
    } else if (step > 1) {
      step /= 2;
    } else {
      bad.push_back({begin++, answer.status()});
    }
  }
  return bad;
}
}  // namespace weirhouse::transform

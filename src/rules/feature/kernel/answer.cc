#include "rules/feature/kernel/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace weirhouse::feature {

Status SumTooLarge(std::string_view feature) {
  return Status(Code::kInvalidInput,
                fmt::format("the sum does not fit 64 bits: feature \"{}\"", feature))
      .WithError("WH4012")
      .WithHint("sum a double instead: `of: cast(x as double)`");
}

Status FeatureValue::CheckGiven() const {
  return status == FeatureStatus::kOverflow ? SumTooLarge(name) : Status();
}

void FeatureAnswer::Append(FeatureAnswer other) {
  if (values.empty() && view_versions.empty()) {
    *this = std::move(other);
    return;
  }
  std::move(other.values.begin(), other.values.end(), std::back_inserter(values));
  std::move(other.view_versions.begin(), other.view_versions.end(),
            std::back_inserter(view_versions));
  // A view of the request stands at no commit.
  if (seq.value() == 0 || (other.seq.value() != 0 && other.seq < seq)) seq = other.seq;
}

std::vector<Value> FeatureAnswer::Vector() const {
  std::vector<Value> vector;
  vector.reserve(values.size());
  for (const FeatureValue& value : values) vector.push_back(value.value);
  return vector;
}
}  // namespace weirhouse::feature

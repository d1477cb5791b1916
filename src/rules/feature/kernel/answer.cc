#include "rules/feature/kernel/answer.h"

#include <algorithm>
#include <iterator>

namespace weirhouse::feature {

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

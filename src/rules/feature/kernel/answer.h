// Answers of the online store: values with their status, time and age, and the commits they come
// from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/id.h"
#include "ground/base/status.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/value/value.h"

namespace weirhouse::feature {

// WH4012: the integer sum of this feature does not fit 64 bits.
Status SumTooLarge(std::string_view feature);

struct FeatureValue {
  std::string name;  // "carrier_delay.mean_24h"
  ValueType type = ValueType::kDouble;
  Value value;  // NULL unless present
  FeatureStatus status = FeatureStatus::kNotFound;
  std::optional<std::int64_t> event_time;  // of the row behind it; absent if there is none

  // WH4012 if it cannot be given to who asks for it: see FeatureStatus::kOverflow.
  Status CheckGiven() const;

  // t minus the event time, in microseconds.
  std::optional<std::int64_t> AgeAt(std::int64_t at) const {
    if (!event_time) return std::nullopt;
    return at - *event_time;
  }
};

struct FeatureAnswer {
  std::int64_t at = 0;
  std::vector<FeatureValue> values;
  std::vector<std::pair<std::string, int>> view_versions;  // ("carrier_delay", 1), …
  CommitSeq seq;                                           // the oldest commit among its views

  // Appends another view's answer to this one.
  void Append(FeatureAnswer other);
  std::vector<Value> Vector() const;
  std::string Bits() const { return VectorBits(Vector()); }
  Digest VectorSha256() const { return VectorDigest(Vector()); }
};
}  // namespace weirhouse::feature

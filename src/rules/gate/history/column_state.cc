#include "rules/gate/history/column_state.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <type_traits>
#include <utility>

#include "ground/base/exact/exact_ratio.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
__extension__ typedef unsigned __int128 UnsignedWide;

ExactSum::Wide WideOf(const arrow::Decimal128& value) {
  return static_cast<ExactSum::Wide>(
      (static_cast<UnsignedWide>(static_cast<std::uint64_t>(value.high_bits())) << 64) |
      value.low_bits());
}

// Correctly rounded, so that equal decimals of any scale are equal doubles.
double NearestDouble(const arrow::Decimal128& value, int scale, const ExactSum& power_of_ten) {
  constexpr int kExactPowers = 22;  // 10^22 is the last power of ten that is a double
  const std::int64_t high = value.high_bits();
  const auto low = static_cast<std::int64_t>(value.low_bits());
  const bool narrow = (high == 0 && low >= 0) || (high == -1 && low < 0);
  if (narrow && low > -(std::int64_t{1} << 53) && low < (std::int64_t{1} << 53) && scale >= 0 &&
      scale <= kExactPowers) {
    return static_cast<double>(low) / std::pow(10.0, scale);
  }
  ExactRatio ratio;
  ratio.over.Add(static_cast<ExactSum::Wide>(value.low_bits()));
  ExactSum upper;
  upper.Add(high);
  ratio.over.AddProduct(upper, ExactRatio::Of(0x1p64).over, 1);
  ratio.under = power_of_ten;
  return ratio.Round();
}

template <typename Key>
std::vector<std::pair<Key, std::int64_t>> Sorted(
    const std::unordered_map<Key, std::int64_t>& counts) {
  std::vector<std::pair<Key, std::int64_t>> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

// Strata of equal rank, each kept as its middle value, between tails kept whole: see kSamplePoints.
NumberCounts Sample(const NumberCounts& all) {
  NumberCounts sample(all.begin(), all.begin() + kSampleTail);
  const NumberCounts exact(all.begin() + kSampleTail, all.end() - kSampleTail);
  std::int64_t total = 0;
  for (const auto& [value, count] : exact) total += count;
  std::size_t at = 0;
  std::int64_t before = 0;  // values below exact[at]
  for (std::int64_t i = 0; i < kSamplePoints; ++i) {
    const std::int64_t begin = total * i / kSamplePoints;
    const std::int64_t end = total * (i + 1) / kSamplePoints;
    if (end == begin) continue;
    const std::int64_t middle = begin + (end - begin) / 2;
    while (before + exact[at].second <= middle) before += exact[at++].second;
    if (!sample.empty() && sample.back().first == exact[at].first) {
      sample.back().second += end - begin;
    } else {
      sample.emplace_back(exact[at].first, end - begin);
    }
  }
  sample.insert(sample.end(), all.end() - kSampleTail, all.end());
  return sample;
}

void KeepMostFrequent(TextCounts counts, ColumnProfile& profile) {
  std::sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  for (std::size_t i = kDistinctValuesMax; i < counts.size(); ++i) {
    profile.other_texts += counts[i].second;
  }
  profile.sampled = true;
  counts.resize(kDistinctValuesMax);
  std::sort(counts.begin(), counts.end());
  profile.texts = std::move(counts);
}

// Of −0 and 0 the least is −0 and the greatest 0, whichever came first.
bool IsLess(double a, double b) { return a < b || (a == b && std::signbit(a) && !std::signbit(b)); }

void Widen(double value, ColumnProfile& profile) {
  if (!profile.min || IsLess(value, *profile.min)) profile.min = value;
  if (!profile.max || IsLess(*profile.max, value)) profile.max = value;
}

ExactSum::Wide AddModulo(ExactSum::Wide a, ExactSum::Wide b) {
  return static_cast<ExactSum::Wide>(static_cast<UnsignedWide>(a) + static_cast<UnsignedWide>(b));
}
}  // namespace

// Adds the values of one piece; integers wait for one exact addition.
class ColumnState::Adder {
 public:
  explicit Adder(ColumnState& state)
      : state_(state), power_of_ten_(PowerOfTen(state.moments_.scale)) {}

  void Add(bool value) {
    if (counts()) ++state_.texts_[value ? "true" : "false"];
  }
  void Add(std::string_view value) {
    if (counts()) ++state_.texts_[std::string(value)];
  }
  void Add(double value) {
    if (std::isnan(value)) {
      ++state_.moments_.nan;
      return;
    }
    state_.moments_.sum.Add(value);
    state_.moments_.sum_of_squares.AddSquare(value);
    Count(value, true);
  }
  void Add(std::int64_t value) {
    const auto wide = static_cast<ExactSum::Wide>(value);
    ExactSum::Wide sum = 0;
    ExactSum::Wide squares = 0;
    if (__builtin_add_overflow(sum_, wide, &sum) ||
        __builtin_add_overflow(squares_, wide * wide, &squares)) {
      Flush();
      sum = wide;
      squares = wide * wide;
    }
    sum_ = sum;
    squares_ = squares;
    AddWhole(wide);
    Count(static_cast<double>(value), state_.keeps_ == Keeps::kCounts);
  }
  void Add(const arrow::Decimal128& value) {
    const ExactSum::Wide wide = WideOf(value);  // the unscaled integer
    ExactSum whole;
    whole.Add(wide);
    state_.moments_.sum.Merge(whole);
    state_.moments_.sum_of_squares.AddProduct(whole, whole, 1);
    AddWhole(wide);
    Count(NearestDouble(value, state_.moments_.scale, power_of_ten_),
          state_.keeps_ == Keeps::kCounts);
  }
  void Flush() {
    state_.moments_.sum.Add(sum_);
    state_.moments_.sum_of_squares.Add(squares_);
    sum_ = 0;
    squares_ = 0;
  }

 private:
  bool counts() const { return state_.keeps_ != Keeps::kMoments; }
  void Count(double value, bool each) {
    Widen(value, state_.moments_);
    if (each && counts()) ++state_.numbers_[value == 0 ? 0.0 : value];
  }
  void AddWhole(ExactSum::Wide value) {
    Wholes& wholes = state_.wholes_;
    wholes.least = wholes.count == 0 ? value : std::min(wholes.least, value);
    wholes.greatest = wholes.count == 0 ? value : std::max(wholes.greatest, value);
    wholes.total = AddModulo(wholes.total, value);
    ++wholes.count;
    if (state_.keeps_ == Keeps::kRanks) wholes.values.push_back(value);
  }

  ColumnState& state_;
  const ExactSum power_of_ten_;
  ExactSum::Wide sum_ = 0;
  ExactSum::Wide squares_ = 0;
};

Status ColumnState::Accept(Family family, int scale) {
  if (family_ && (*family_ != family || moments_.scale != scale)) {
    return Status(Code::kInvalidInput,
                  fmt::format("a column is of type {} in some of its rows and {} in others",
                              FamilyName(*family_), FamilyName(family)))
        .WithError("WH3005");
  }
  family_ = family;
  moments_.scale = scale;
  const bool is_text = family == Family::kText || family == Family::kBoolean;
  moments_.type = is_text ? ColumnProfile::Type::kText : ColumnProfile::Type::kNumber;
  capped_ = nullptr;
  return Status();
}

Status ColumnState::Update(const arrow::ChunkedArray& column) {
  WEIRHOUSE_TRY(const Family family, FamilyOf(*column.type()));
  const int scale = family == Family::kDecimal
                        ? static_cast<const arrow::Decimal128Type&>(*column.type()).scale()
                        : 0;
  WEIRHOUSE_TRY_STATUS(Accept(family, scale));
  moments_.rows += column.length();
  Adder adder(*this);
  WEIRHOUSE_TRY_STATUS(VisitColumn(
      column, [&](std::int64_t) { ++moments_.nulls; },
      [&](std::int64_t, const auto& value) { adder.Add(value); }));
  adder.Flush();
  return Status();
}

Status ColumnState::Merge(const ColumnState& other) {
  WEIRHOUSE_CHECK(keeps_ == other.keeps_);
  if (!other.family_) return Status();
  WEIRHOUSE_TRY_STATUS(Accept(*other.family_, other.moments_.scale));
  moments_.rows += other.moments_.rows;
  moments_.nulls += other.moments_.nulls;
  moments_.nan += other.moments_.nan;
  if (other.moments_.min) Widen(*other.moments_.min, moments_);
  if (other.moments_.max) Widen(*other.moments_.max, moments_);
  moments_.sum.Merge(other.moments_.sum);
  moments_.sum_of_squares.Merge(other.moments_.sum_of_squares);
  for (const auto& [value, count] : other.numbers_) numbers_[value] += count;
  for (const auto& [value, count] : other.texts_) texts_[value] += count;
  const Wholes& theirs = other.wholes_;
  if (theirs.count == 0) return Status();
  wholes_.least = wholes_.count == 0 ? theirs.least : std::min(wholes_.least, theirs.least);
  wholes_.greatest =
      wholes_.count == 0 ? theirs.greatest : std::max(wholes_.greatest, theirs.greatest);
  wholes_.total = AddModulo(wholes_.total, theirs.total);
  wholes_.count += theirs.count;
  wholes_.values.insert(wholes_.values.end(), theirs.values.begin(), theirs.values.end());
  return Status();
}

ColumnProfile ColumnState::Profile(CountValues count) const {
  ColumnProfile profile = moments_;
  if (count == CountValues::kNone) return profile;
  profile.numbers = Sorted(numbers_);
  const bool capped = count == CountValues::kCapped;
  if (capped && profile.numbers.size() > kDistinctValuesMax) {
    profile.numbers = Sample(profile.numbers);
    profile.sampled = true;
  }
  profile.texts = Sorted(texts_);
  if (capped && profile.texts.size() > kDistinctValuesMax) {
    KeepMostFrequent(std::move(profile.texts), profile);
  }
  return profile;
}

const ColumnProfile& ColumnState::Capped() const {
  if (!capped_) capped_ = std::make_shared<const ColumnProfile>(Profile(CountValues::kCapped));
  return *capped_;
}

namespace {
// Two halves, the upper one first.
nlohmann::json HalvesOf(ExactSum::Wide value) {
  return nlohmann::json::array({static_cast<std::int64_t>(value >> 64),
                                static_cast<std::uint64_t>(static_cast<UnsignedWide>(value))});
}
ExactSum::Wide WideFromJson(const nlohmann::json& json) {
  const auto high = static_cast<std::uint64_t>(json.at(0).get<std::int64_t>());
  return static_cast<ExactSum::Wide>((static_cast<UnsignedWide>(high) << 64) |
                                     json.at(1).get<std::uint64_t>());
}
}  // namespace

nlohmann::json ColumnState::ToJson() const {
  nlohmann::json json{{"keeps", static_cast<int>(keeps_)}};
  if (!family_) return json;
  json["family"] = static_cast<int>(*family_);
  json["scale"] = moments_.scale;
  json["rows"] = moments_.rows;
  json["nulls"] = moments_.nulls;
  json["nan"] = moments_.nan;
  if (moments_.min) json["min"] = *moments_.min;
  if (moments_.max) json["max"] = *moments_.max;
  json["sum"] = moments_.sum.Serialize();
  json["squares"] = moments_.sum_of_squares.Serialize();
  json["numbers"] = Sorted(numbers_);
  json["texts"] = Sorted(texts_);
  json["count"] = wholes_.count;
  json["least"] = HalvesOf(wholes_.least);
  json["greatest"] = HalvesOf(wholes_.greatest);
  json["total"] = HalvesOf(wholes_.total);
  std::vector<ExactSum::Wide> values = wholes_.values;
  std::sort(values.begin(), values.end());
  json["wholes"] = nlohmann::json::array();
  for (const ExactSum::Wide value : values) json["wholes"].push_back(HalvesOf(value));
  return json;
}

Result<ColumnState> ColumnState::FromJson(const nlohmann::json& json) {
  const auto damaged = [](std::string_view what) {
    return Status(Code::kCorruption,
                  fmt::format("a stored state of a column cannot be read: {}", what))
        .WithError("WH3011");
  };
  try {
    const int keeps = json.at("keeps").get<int>();
    if (keeps < 0 || keeps > static_cast<int>(Keeps::kRanks)) return damaged("what it keeps");
    ColumnState state(static_cast<Keeps>(keeps));
    if (!json.contains("family")) return state;
    const int family = json.at("family").get<int>();
    if (family < 0 || family > static_cast<int>(Family::kTimestamp)) return damaged("its type");
    WEIRHOUSE_TRY_STATUS(state.Accept(static_cast<Family>(family), json.at("scale").get<int>()));
    state.moments_.rows = json.at("rows").get<std::int64_t>();
    state.moments_.nulls = json.at("nulls").get<std::int64_t>();
    state.moments_.nan = json.at("nan").get<std::int64_t>();
    if (json.contains("min")) state.moments_.min = json.at("min").get<double>();
    if (json.contains("max")) state.moments_.max = json.at("max").get<double>();
    for (const auto& [key, into] : {std::pair("sum", &state.moments_.sum),
                                    std::pair("squares", &state.moments_.sum_of_squares)}) {
      auto sum = ExactSum::Parse(json.at(key).get_ref<const std::string&>());
      if (!sum.ok()) return damaged(sum.status().message());
      *into = *std::move(sum);
    }
    for (const auto& pair : json.at("numbers"))
      state.numbers_[pair.at(0).get<double>()] = pair.at(1).get<std::int64_t>();
    for (const auto& pair : json.at("texts"))
      state.texts_[pair.at(0).get<std::string>()] = pair.at(1).get<std::int64_t>();
    state.wholes_.count = json.at("count").get<std::int64_t>();
    state.wholes_.least = WideFromJson(json.at("least"));
    state.wholes_.greatest = WideFromJson(json.at("greatest"));
    state.wholes_.total = WideFromJson(json.at("total"));
    for (const auto& value : json.at("wholes")) state.wholes_.values.push_back(WideFromJson(value));
    return state;
  } catch (const nlohmann::json::exception& error) {
    return damaged(error.what());
  }
}

Status ColumnState::Read(const nlohmann::json& json) {
  const Keeps keeps = keeps_;
  WEIRHOUSE_TRY(*this, FromJson(json));
  if (keeps_ == keeps) return Status();
  return Status(Code::kCorruption, "a stored state keeps other things than its check needs")
      .WithError("WH3011");
}
}  // namespace weirhouse::gate

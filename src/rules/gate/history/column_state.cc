#include "rules/gate/history/column_state.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <nlohmann/json.hpp>
#include <string_view>
#include <type_traits>
#include <utility>

#include "ground/base/exact/exact_ratio.h"
#include "ground/platform/columnar/row_store.h"
#include "ground/platform/columnar/typed_array.h"
#include "rules/gate/history/moment_adder.h"
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

template <typename Texts>
TextCounts SortedTexts(const Texts& counts) {
  TextCounts sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

NumberCounts CountsOf(const ValueBag& bag, std::size_t distinct) {
  NumberCounts counts;
  counts.reserve(distinct);
  bag.ForEach(
      [&](std::uint64_t word, std::int64_t count) { counts.emplace_back(RealOf(word), count); });
  return counts;
}

// Strata of equal rank, each kept as its middle value, between tails kept whole: see kSamplePoints.
// `distinct`: of the bag, above twice kSampleTail.
NumberCounts StrataOf(const ValueBag& bag, std::size_t distinct) {
  constexpr auto kTail = static_cast<std::size_t>(kSampleTail);
  NumberCounts least;
  NumberCounts greatest;
  std::int64_t total = 0;
  std::size_t at = 0;
  bag.ForEach([&](std::uint64_t word, std::int64_t count) {
    if (at < kTail) {
      least.emplace_back(RealOf(word), count);
    } else if (at >= distinct - kTail) {
      greatest.emplace_back(RealOf(word), count);
    } else {
      total += count;
    }
    ++at;
  });
  NumberCounts sample = std::move(least);
  std::int64_t stratum = 0;
  std::int64_t before = 0;  // values between the tails that are below this one
  at = 0;
  bag.ForEach([&](std::uint64_t word, std::int64_t count) {
    const bool inside = at >= kTail && at < distinct - kTail;
    ++at;
    if (!inside) return;
    std::int64_t stands_for = 0;
    for (; stratum < kSamplePoints; ++stratum) {
      const std::int64_t begin = total * stratum / kSamplePoints;
      const std::int64_t end = total * (stratum + 1) / kSamplePoints;
      if (end == begin) continue;
      if (begin + (end - begin) / 2 >= before + count) break;
      stands_for += end - begin;
    }
    if (stands_for > 0) sample.emplace_back(RealOf(word), stands_for);
    before += count;
  });
  sample.insert(sample.end(), greatest.begin(), greatest.end());
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
  const arrow::DataType& type = ValueType(*column.type());
  WEIRHOUSE_TRY(const Family family, FamilyOf(type));
  const int scale =
      family == Family::kDecimal ? static_cast<const arrow::Decimal128Type&>(type).scale() : 0;
  WEIRHOUSE_TRY_STATUS(Accept(family, scale));
  moments_.rows += column.length();
  moments_.nulls += column.null_count();
  for (const auto& chunk : column.chunks()) {
    if (chunk->null_count() == chunk->length()) continue;
    switch (family) {
      case Family::kReal:
        AddReals(*chunk);
        break;
      case Family::kDecimal:
        AddDecimals(*chunk);
        break;
      case Family::kText:
      case Family::kBoolean:
        if (keeps_ != Keeps::kMoments) AddTexts(*chunk);
        break;
      default:
        AddWholes(*chunk);
    }
    platform::LetGoOfStoredRows();
  }
  return Status();
}

namespace {
// So many values are added at a time: they stay in the nearest cache.
constexpr std::int64_t kBlockValues = 8192;

// Calls use(block) for the values of `chunk` that are there, of which `value_at` gives each.
template <typename Value, typename ValueAt, typename Use>
void InBlocks(const arrow::Array& chunk, const ValueAt& value_at, const Use& use) {
  std::vector<Value> block;
  block.reserve(static_cast<std::size_t>(std::min(kBlockValues, chunk.length())));
  const bool whole = chunk.null_count() == 0;
  for (std::int64_t begin = 0; begin < chunk.length(); begin += kBlockValues) {
    const std::int64_t end = std::min(begin + kBlockValues, chunk.length());
    block.clear();
    if (whole) {
      for (std::int64_t row = begin; row < end; ++row) block.push_back(value_at(row));
    } else {
      for (std::int64_t row = begin; row < end; ++row) {
        if (chunk.IsValid(row)) block.push_back(value_at(row));
      }
    }
    use(block);
  }
}
}  // namespace

void ColumnState::AddReals(const arrow::Array& chunk) {
  std::vector<double> all;
  platform::VisitTyped(
      chunk, [&]<typename Array>(const Array& array)
        requires platform::RealArray<Array>
      {
        InBlocks<double>(
            array, [&](std::int64_t row) { return static_cast<double>(array.Value(row)); },
            [&](const std::vector<double>& block) {
              // Larger parts for the exact sums, whose bins are emptied each time.
              all.insert(all.end(), block.begin(), block.end());
              if (all.size() < 16 * kBlockValues) return;
              AddRealBlock(all);
              all.clear();
            });
      });
  AddRealBlock(all);
}

void ColumnState::AddRealBlock(std::vector<double>& values) {
  const auto numbers =
      std::remove_if(values.begin(), values.end(), [](double value) { return value != value; });
  moments_.nan += values.end() - numbers;
  values.erase(numbers, values.end());
  if (values.empty()) return;
  AddMoments(values, moments_.sum, moments_.sum_of_squares);
  double least = values.front();
  double greatest = least;
  bool zero = false;  // −0 and 0 compare equal and are not
  for (const double value : values) {
    least = value < least ? value : least;
    greatest = value > greatest ? value : greatest;
    zero = zero || value == 0;
  }
  Widen(least, moments_);
  Widen(greatest, moments_);
  if (zero && (least == 0 || greatest == 0)) {
    for (const double value : values) {
      if (value == 0) Widen(value, moments_);
    }
  }
  if (keeps_ == Keeps::kMoments) return;
  std::vector<std::uint64_t> words;
  words.reserve(values.size());
  for (const double value : values) words.push_back(WordOf(value));
  numbers_.Add(words);
}

void ColumnState::AddWholes(const arrow::Array& chunk) {
  const auto use = [&](const std::vector<std::int64_t>& block) { AddWholeBlock(block); };
  if (chunk.type_id() == arrow::Type::TIMESTAMP) {
    const auto& times = static_cast<const arrow::TimestampArray&>(chunk);
    const std::int64_t factor =
        platform::MicrosPerUnit(static_cast<const arrow::TimestampType&>(*chunk.type()));
    InBlocks<std::int64_t>(chunk, [&](std::int64_t row) { return times.Value(row) * factor; }, use);
    return;
  }
  platform::VisitTyped(
      chunk, [&]<typename Array>(const Array& array)
        requires(platform::IntegerArray<Array> || std::same_as<Array, arrow::Date32Array>)
      {
        InBlocks<std::int64_t>(
            array, [&](std::int64_t row) { return static_cast<std::int64_t>(array.Value(row)); },
            use);
      });
}

void ColumnState::AddWholeBlock(const std::vector<std::int64_t>& values) {
  if (values.empty()) return;
  const ExactSum::Wide total = AddMoments(values, moments_.sum, moments_.sum_of_squares);
  std::int64_t least = values.front();
  std::int64_t greatest = least;
  for (const std::int64_t value : values) {
    least = std::min(least, value);
    greatest = std::max(greatest, value);
  }
  Widen(static_cast<double>(least), moments_);
  Widen(static_cast<double>(greatest), moments_);
  wholes_.least = wholes_.count == 0 ? least : std::min<ExactSum::Wide>(wholes_.least, least);
  wholes_.greatest =
      wholes_.count == 0 ? greatest : std::max<ExactSum::Wide>(wholes_.greatest, greatest);
  wholes_.total = AddModulo(wholes_.total, total);
  wholes_.count += static_cast<std::int64_t>(values.size());
  if (keeps_ == Keeps::kMoments) return;
  std::vector<std::uint64_t> words;
  words.reserve(values.size());
  if (keeps_ == Keeps::kCounts) {
    for (const std::int64_t value : values) words.push_back(WordOf(static_cast<double>(value)));
    numbers_.Add(words);
  } else {
    for (const std::int64_t value : values) words.push_back(WordOf(value));
    ranks_.Add(words);
  }
}

void ColumnState::AddDecimals(const arrow::Array& chunk) {
  const auto& array = static_cast<const arrow::Decimal128Array&>(chunk);
  const ExactSum power_of_ten = PowerOfTen(moments_.scale);
  std::vector<std::uint64_t> words;
  for (std::int64_t row = 0; row < array.length(); ++row) {
    if (array.IsNull(row)) continue;
    const arrow::Decimal128 value(array.GetValue(row));
    const ExactSum::Wide wide = WideOf(value);  // the unscaled integer
    ExactSum whole;
    whole.Add(wide);
    moments_.sum.Merge(whole);
    moments_.sum_of_squares.AddProduct(whole, whole, 1);
    wholes_.least = wholes_.count == 0 ? wide : std::min(wholes_.least, wide);
    wholes_.greatest = wholes_.count == 0 ? wide : std::max(wholes_.greatest, wide);
    wholes_.total = AddModulo(wholes_.total, wide);
    ++wholes_.count;
    const double nearest = NearestDouble(value, moments_.scale, power_of_ten);
    Widen(nearest, moments_);
    if (keeps_ == Keeps::kCounts) words.push_back(WordOf(nearest));
    if (keeps_ == Keeps::kRanks) decimals_.push_back(wide);
  }
  numbers_.Add(words);
}

void ColumnState::CountText(std::string_view text, std::int64_t count) {
  const auto known = texts_.find(text);
  if (known != texts_.end()) {
    known->second += count;
  } else {
    texts_.emplace(text, count);
  }
}

void ColumnState::AddTexts(const arrow::Array& chunk) {
  if (chunk.type_id() == arrow::Type::BOOL) {
    const auto& array = static_cast<const arrow::BooleanArray&>(chunk);
    const std::int64_t trues = array.true_count();
    const std::int64_t falses = array.length() - array.null_count() - trues;
    if (trues > 0) CountText("true", trues);
    if (falses > 0) CountText("false", falses);
    return;
  }
  if (chunk.type_id() == arrow::Type::DICTIONARY) {
    VisitDictionaryCounts(
        chunk, [&](std::string_view text, std::int64_t count) { CountText(text, count); });
    return;
  }
  platform::VisitTyped(
      chunk, [&]<typename Array>(const Array& array)
        requires platform::TextArray<Array>
      {
        platform::VisitRows(
            array, [](std::int64_t) {},
            [&](std::int64_t row) { CountText(std::string_view(array.GetView(row)), 1); });
      });
}

std::pair<ExactSum::Wide, ExactSum::Wide> ColumnState::WholesAt(std::int64_t rank) const {
  const std::int64_t next = std::min(rank + 1, wholes_.count - 1);
  if (family_ != Family::kDecimal)
    return {IntegerOf(ranks_.AtRank(rank)), IntegerOf(ranks_.AtRank(next))};
  const auto at = decimals_.begin() + rank;
  std::nth_element(decimals_.begin(), at, decimals_.end());
  const auto after = std::min_element(at + 1, decimals_.end());
  return {*at, after == decimals_.end() ? *at : *after};
}

std::pair<double, double> ColumnState::RealsAt(std::int64_t rank) const {
  const std::int64_t next = std::min(rank + 1, numbers_.size() - 1);
  return {RealOf(numbers_.AtRank(rank)), RealOf(numbers_.AtRank(next))};
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
  numbers_.Merge(other.numbers_);
  ranks_.Merge(other.ranks_);
  decimals_.insert(decimals_.end(), other.decimals_.begin(), other.decimals_.end());
  for (const auto& [value, count] : other.texts_) CountText(value, count);
  const Wholes& theirs = other.wholes_;
  if (theirs.count == 0) return Status();
  wholes_.least = wholes_.count == 0 ? theirs.least : std::min(wholes_.least, theirs.least);
  wholes_.greatest =
      wholes_.count == 0 ? theirs.greatest : std::max(wholes_.greatest, theirs.greatest);
  wholes_.total = AddModulo(wholes_.total, theirs.total);
  wholes_.count += theirs.count;
  return Status();
}

ColumnProfile ColumnState::Profile(CountValues count) const {
  ColumnProfile profile = moments_;
  if (count == CountValues::kNone) return profile;
  const bool capped = count == CountValues::kCapped;
  const std::size_t distinct = numbers_.distinct();
  if (capped && distinct > kDistinctValuesMax) {
    profile.numbers = StrataOf(numbers_, distinct);
    profile.sampled = true;
  } else {
    profile.numbers = CountsOf(numbers_, distinct);
  }
  profile.texts = SortedTexts(texts_);
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
  json["numbers"] = CountsOf(numbers_, numbers_.distinct());
  json["texts"] = SortedTexts(texts_);
  json["count"] = wholes_.count;
  json["least"] = HalvesOf(wholes_.least);
  json["greatest"] = HalvesOf(wholes_.greatest);
  json["total"] = HalvesOf(wholes_.total);
  json["wholes"] = nlohmann::json::array();
  std::sort(decimals_.begin(), decimals_.end());
  for (const ExactSum::Wide value : decimals_) json["wholes"].push_back(HalvesOf(value));
  ranks_.ForEach([&](std::uint64_t word, std::int64_t count) {
    for (; count > 0; --count) json["wholes"].push_back(HalvesOf(IntegerOf(word)));
  });
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
      state.numbers_.Add(WordOf(pair.at(0).get<double>()), pair.at(1).get<std::int64_t>());
    for (const auto& pair : json.at("texts"))
      state.texts_[pair.at(0).get<std::string>()] = pair.at(1).get<std::int64_t>();
    state.wholes_.count = json.at("count").get<std::int64_t>();
    state.wholes_.least = WideFromJson(json.at("least"));
    state.wholes_.greatest = WideFromJson(json.at("greatest"));
    state.wholes_.total = WideFromJson(json.at("total"));
    for (const auto& value : json.at("wholes")) {
      const ExactSum::Wide wide = WideFromJson(value);
      if (state.family_ == Family::kDecimal) {
        state.decimals_.push_back(wide);
      } else {
        state.ranks_.Add(WordOf(static_cast<std::int64_t>(wide)), 1);
      }
    }
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

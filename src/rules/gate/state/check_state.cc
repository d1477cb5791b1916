#include "rules/gate/state/check_state.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "rules/gate/evaluation/value_rule.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
constexpr int kStateLayout = 1;

// What each kind gathers, before any row.
CheckState::Gathered Begin(const StatisticRule& rule) {
  if (rule.sigmas) return ColumnState(ColumnState::Keeps::kCounts);
  return ColumnState(rule.statistic == Statistic::kMedian ? ColumnState::Keeps::kRanks
                                                          : ColumnState::Keeps::kMoments);
}
CheckState::Gathered Begin(const QuantileRule&) { return ColumnState(ColumnState::Keeps::kRanks); }
CheckState::Gathered Begin(const DistributionRule&) {
  return ColumnState(ColumnState::Keeps::kCounts);
}
CheckState::Gathered Begin(const FreshnessRule&) { return NewestValue(); }
CheckState::Gathered Begin(const RowCountRule&) { return RowsSeen(); }
CheckState::Gathered Begin(const RowCountChangeRule&) { return RowsSeen(); }
CheckState::Gathered Begin(const ArrivesRule&) { return RowsSeen(); }
template <typename ValueRule>
CheckState::Gathered Begin(const ValueRule&) {
  return MarkedRows();
}

// As if both lists had been gathered as one.
void MergeMarked(const MarkedRows& other, MarkedRows& marked) {
  marked.nulls += other.nulls;
  for (const auto& [column, bad] : other.of) marked.of[column] += bad;
  const auto middle = static_cast<std::ptrdiff_t>(marked.bad.size());
  marked.bad.insert(marked.bad.end(), other.bad.begin(), other.bad.end());
  std::inplace_merge(marked.bad.begin(), marked.bad.begin() + middle, marked.bad.end());
}

Status UpdateNewest(const arrow::ChunkedArray& column, NewestValue& state) {
  WEIRHOUSE_TRY(state.family, FamilyOf(*column.type()));
  return VisitColumn(
      column, [&](std::int64_t) { ++state.nulls; },
      [&](std::int64_t, const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::int64_t>) {
          if (!state.newest || value > *state.newest) state.newest = value;
        }
      });
}

void MergeNewest(const NewestValue& other, NewestValue& state) {
  if (!state.family) state.family = other.family;
  state.nulls += other.nulls;
  if (other.newest && (!state.newest || *other.newest > *state.newest)) state.newest = other.newest;
}

nlohmann::json ToJson(const RowsSeen&) { return nullptr; }
nlohmann::json ToJson(const NewestValue& state) {
  nlohmann::json json{{"nulls", state.nulls}};
  if (state.family) json["family"] = static_cast<int>(*state.family);
  if (state.newest) json["newest"] = *state.newest;
  return json;
}
nlohmann::json ToJson(const MarkedRows& state) {
  return {{"nulls", state.nulls}, {"bad", state.bad}, {"of", state.of}};
}
nlohmann::json ToJson(const ColumnState& state) { return state.ToJson(); }

Status Read(const nlohmann::json&, RowsSeen&) { return Status(); }
Status Read(const nlohmann::json& json, NewestValue& state) {
  state.nulls = json.at("nulls").get<std::int64_t>();
  if (json.contains("family")) {
    const int family = json.at("family").get<int>();
    if (family < 0 || family > static_cast<int>(Family::kTimestamp)) {
      return Status(Code::kCorruption, "a stored state names an unknown type").WithError("WH3011");
    }
    state.family = static_cast<Family>(family);
  }
  if (json.contains("newest")) state.newest = json.at("newest").get<std::int64_t>();
  return Status();
}
Status Read(const nlohmann::json& json, MarkedRows& state) {
  state.nulls = json.at("nulls").get<std::int64_t>();
  state.bad = json.at("bad").get<std::vector<std::int64_t>>();
  state.of = json.at("of").get<std::map<std::string, std::int64_t>>();
  return Status();
}
Status Read(const nlohmann::json& json, ColumnState& state) {
  const ColumnState::Keeps keeps = state.keeps();
  WEIRHOUSE_TRY(state, ColumnState::FromJson(json));
  if (state.keeps() == keeps) return Status();
  return Status(Code::kCorruption, "a stored state keeps other things than its check needs")
      .WithError("WH3011");
}
}  // namespace

std::string_view WhyNeedsRows(const Check& check) {
  return std::visit([](const auto& rule) { return kNeedsRows<std::decay_t<decltype(rule)>>; },
                    check.rule);
}

CheckState CheckState::Of(const Check& check) {
  WEIRHOUSE_CHECK(WhyNeedsRows(check).empty());
  CheckState state(check);
  state.gathered_ = std::visit([](const auto& rule) { return Begin(rule); }, check.rule);
  return state;
}

template <typename Rule>
Status CheckState::UpdateFor(const Rule& rule, const arrow::Table& rows, std::int64_t first_row) {
  if constexpr (!JudgedFromState<Rule>) {
    return Status(Code::kInternal, "a check that needs its rows has no state");
  } else if constexpr (std::is_same_v<Rule, RowCountRule> ||
                       std::is_same_v<Rule, RowCountChangeRule> ||
                       std::is_same_v<Rule, ArrivesRule>) {
    return Status();
  } else if constexpr (std::is_same_v<Rule, FreshnessRule>) {
    WEIRHOUSE_TRY(const auto column, ColumnOf(rows, rule.column));
    return UpdateNewest(*column, std::get<NewestValue>(gathered_));
  } else if constexpr (std::is_same_v<Rule, StatisticRule> || std::is_same_v<Rule, QuantileRule> ||
                       std::is_same_v<Rule, DistributionRule>) {
    WEIRHOUSE_TRY(const auto column, ColumnOf(rows, rule.column));
    return std::get<ColumnState>(gathered_).Update(*column);
  } else {
    // A part may come before another that was there earlier: the places stay in order.
    MarkedRows part;
    WEIRHOUSE_TRY_STATUS(MarkRows(*check_, rule, rows, first_row, part));
    MergeMarked(part, std::get<MarkedRows>(gathered_));
    return Status();
  }
}

Status CheckState::Update(const arrow::Table& rows, std::int64_t first_row) {
  rows_ += rows.num_rows();
  return std::visit([&](const auto& rule) { return UpdateFor(rule, rows, first_row); },
                    check_->rule);
}

Status CheckState::Merge(const CheckState& other) {
  WEIRHOUSE_CHECK(gathered_.index() == other.gathered_.index());
  rows_ += other.rows_;
  if (auto* marked = std::get_if<MarkedRows>(&gathered_)) {
    MergeMarked(other.As<MarkedRows>(), *marked);
  } else if (auto* newest = std::get_if<NewestValue>(&gathered_)) {
    MergeNewest(other.As<NewestValue>(), *newest);
  } else if (auto* column = std::get_if<ColumnState>(&gathered_)) {
    return column->Merge(other.As<ColumnState>());
  }
  return Status();
}

std::string CheckState::Serialize() const {
  const nlohmann::json json{
      {"v", kStateLayout},
      {"kind", check_->kind},
      {"rows", rows_},
      {"state", std::visit([](const auto& state) { return ToJson(state); }, gathered_)}};
  std::string bytes;
  nlohmann::json::to_cbor(json, bytes);
  return bytes;
}

Result<CheckState> CheckState::Parse(const Check& check, std::string_view bytes) {
  const auto damaged = [](std::string_view what) {
    return Status(Code::kCorruption,
                  fmt::format("a stored state of a check cannot be read: {}", what))
        .WithError("WH3011");
  };
  CheckState state = Of(check);
  try {
    const nlohmann::json json = nlohmann::json::from_cbor(bytes);
    if (json.at("v") != kStateLayout) return damaged("an unknown layout");
    if (json.at("kind") != check.kind) return damaged("it is of another kind of check");
    state.rows_ = json.at("rows").get<std::int64_t>();
    WEIRHOUSE_TRY_STATUS(std::visit(
        [&](auto& gathered) { return Read(json.at("state"), gathered); }, state.gathered_));
  } catch (const nlohmann::json::exception& error) {
    return damaged(error.what());
  }
  // Only the one form of each state is read, so that equal states stay equal bytes.
  if (state.Serialize() != bytes) return damaged("its bytes are not as they were written");
  return state;
}
}  // namespace weirhouse::gate

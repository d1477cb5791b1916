#include "rules/gate/state/check_state.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace weirhouse::gate {
namespace {
constexpr int kStateLayout = 1;
}  // namespace

std::string_view WhyNeedsRows(const Check& check) {
  const auto* const rule = dynamic_cast<const RowsRule*>(check.rule.get());
  return rule == nullptr ? "" : rule->WhyNeedsRows();
}

CheckState CheckState::Of(const Check& check) {
  const auto* const rule = dynamic_cast<const StateRule*>(check.rule.get());
  WEIRHOUSE_CHECK(rule != nullptr);
  return {check, *rule};
}

Status CheckState::Update(const arrow::Table& rows, std::int64_t first_row) {
  rows_ += rows.num_rows();
  return rule_->Update(*check_, rows, first_row, *gathered_);
}

Status CheckState::Merge(const CheckState& other) {
  rows_ += other.rows_;
  return gathered_->Merge(*other.gathered_);
}

std::string CheckState::Serialize() const {
  const nlohmann::json json{
      {"v", kStateLayout}, {"kind", check_->kind}, {"rows", rows_}, {"state", gathered_->ToJson()}};
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
    WEIRHOUSE_TRY_STATUS(state.gathered_->Read(json.at("state")));
  } catch (const nlohmann::json::exception& error) {
    return damaged(error.what());
  }
  // Only the one form of each state is read, so that equal states stay equal bytes.
  if (state.Serialize() != bytes) return damaged("its bytes are not as they were written");
  return state;
}
}  // namespace weirhouse::gate

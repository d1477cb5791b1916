// What a check gathered of rows, whatever its type.
#pragma once

#include <nlohmann/json.hpp>
#include <utility>

#include "ground/base/status.h"

namespace weirhouse::gate {

class Gathered {
 public:
  virtual ~Gathered() = default;
  // `other` is of the same type.
  virtual Status Merge(const Gathered& other) = 0;
  virtual nlohmann::json ToJson() const = 0;
  // What ToJson gave. May throw exceptions of nlohmann::json.
  virtual Status Read(const nlohmann::json& json) = 0;
};

template <typename State>
class GatheredAs final : public Gathered {
 public:
  explicit GatheredAs(State empty) : state(std::move(empty)) {}
  static GatheredAs& Of(Gathered& gathered) {
    auto* const as = dynamic_cast<GatheredAs*>(&gathered);
    WEIRHOUSE_CHECK(as != nullptr);
    return *as;
  }
  static const GatheredAs& Of(const Gathered& gathered) {
    const auto* const as = dynamic_cast<const GatheredAs*>(&gathered);
    WEIRHOUSE_CHECK(as != nullptr);
    return *as;
  }

  Status Merge(const Gathered& other) override { return state.Merge(Of(other).state); }
  nlohmann::json ToJson() const override { return state.ToJson(); }
  Status Read(const nlohmann::json& json) override { return state.Read(json); }

  State state;
};
}  // namespace weirhouse::gate
